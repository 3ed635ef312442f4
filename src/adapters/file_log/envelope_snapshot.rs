//! What is written of a note, and of a rejection, in a snapshot.
//!
//! The rules of [`super::envelope`] hold here: names and their order are bytes on
//! disk, and stay as they are.

use serde::{Deserialize, Serialize};

use super::envelope::{FieldsV1, InstantV1};
use crate::domain::{Note, NoteId, Rejection, Version};

/// A note without its id.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoteV1 {
    fields: FieldsV1,
    created_at: InstantV1,
    updated_at: InstantV1,
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum RejectionV1 {
    NotFound,
    AlreadyExists { current: u64 },
    PreconditionFailed { current: Option<u64> },
    Lost,
    Discarded,
}

impl From<&Note> for NoteV1 {
    fn from(note: &Note) -> Self {
        let Note { id: _, title, content, author, tags, created_at, updated_at, version } =
            note.clone();
        Self {
            fields: FieldsV1 { title, content, author, tags },
            created_at: created_at.into(),
            updated_at: updated_at.into(),
            version: version.get(),
        }
    }
}

impl NoteV1 {
    /// The error names what is bad.
    pub(super) fn into_note(self, id: NoteId) -> Result<Note, &'static str> {
        let FieldsV1 { title, content, author, tags } = self.fields;
        let (created_at, updated_at) = (self.created_at.try_into()?, self.updated_at.try_into()?);
        let version = version(self.version)?;
        Ok(Note { id, title, content, author, tags, created_at, updated_at, version })
    }
}

impl From<&Rejection> for RejectionV1 {
    fn from(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::NotFound => Self::NotFound,
            Rejection::AlreadyExists { current } => Self::AlreadyExists { current: current.get() },
            Rejection::PreconditionFailed { current } => {
                Self::PreconditionFailed { current: current.map(Version::get) }
            }
            Rejection::Lost => Self::Lost,
            Rejection::Discarded => Self::Discarded,
        }
    }
}

/// The error names what is bad.
impl TryFrom<RejectionV1> for Rejection {
    type Error = &'static str;

    fn try_from(rejection: RejectionV1) -> Result<Self, Self::Error> {
        Ok(match rejection {
            RejectionV1::NotFound => Self::NotFound,
            RejectionV1::AlreadyExists { current } => {
                Self::AlreadyExists { current: version(current)? }
            }
            RejectionV1::PreconditionFailed { current } => {
                Self::PreconditionFailed { current: current.map(version).transpose()? }
            }
            RejectionV1::Lost => Self::Lost,
            RejectionV1::Discarded => Self::Discarded,
        })
    }
}

fn version(number: u64) -> Result<Version, &'static str> {
    Version::new(number).ok_or("version")
}
