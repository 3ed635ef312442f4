//! What is written of a command: a versioned type of its own.
//!
//! Its names and their order are bytes on disk: JSON, CBOR and MessagePack write
//! the names, Bincode nothing but the order, of fields as of variants. They are
//! independent of the domain's: renaming a field there changes a conversion here
//! and nothing else. A new field makes a new variant behind the others; `V1`
//! stays as it is for ever. Only shapes that every serde format can carry are
//! used: no untagged or flattened enums and no fields left out.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::envelope_snapshot::{NoteV1, RejectionV1};
use crate::domain::{
    Checked, Command, Idempotency, NoteDraft, NoteId, NotePatch, Precondition, Submission, Version,
};

/// A logged command. Its sequence is that of the frame.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "one at a time, and the large one nearly always")]
pub(super) enum Envelope {
    V1 {
        accepted_at: InstantV1,
        command: CommandV1,
        precondition: PreconditionV1,
        idempotency: Option<IdempotencyV1>,
        principal: Option<String>,
        trace_id: Option<String>,
    },
    /// Stands in the place of a command that was damaged and cannot be read.
    LostV1 { repaired_at: InstantV1 },
    /// What a note was after a command that changed it, in a snapshot.
    RestateV1 { accepted_at: InstantV1, id: String, note: Option<NoteV1> },
    /// A command that was rejected, in a snapshot.
    RefuseV1 { accepted_at: InstantV1, id: String, rejection: RejectionV1 },
}

/// Seconds and nanoseconds since the Unix epoch, UTC.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstantV1 {
    seconds: i64,
    nanoseconds: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum CommandV1 {
    Create { id: String, fields: FieldsV1 },
    Put { id: String, fields: FieldsV1 },
    Patch { id: String, changes: ChangesV1 },
    Delete { id: String },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldsV1 {
    pub(super) title: String,
    pub(super) content: String,
    pub(super) author: String,
    pub(super) tags: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangesV1 {
    title: Option<String>,
    content: Option<String>,
    author: Option<String>,
    tags: Option<Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum PreconditionV1 {
    None,
    MustNotExist,
    MustExist,
    VersionIn(Vec<u64>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IdempotencyV1 {
    key: String,
    fingerprint: String,
}

impl From<&Submission> for Envelope {
    fn from(submission: &Submission) -> Self {
        let Submission { accepted_at, command, precondition, idempotency, principal, trace_id } =
            submission;
        let accepted_at = (*accepted_at).into();
        let id = command.note_id().to_string();
        let command = match command {
            Command::Create { draft, .. } => CommandV1::Create { id, fields: draft.get().into() },
            Command::Put { draft, .. } => CommandV1::Put { id, fields: draft.get().into() },
            Command::Patch { patch, .. } => CommandV1::Patch { id, changes: patch.get().into() },
            Command::Delete { .. } => CommandV1::Delete { id },
            Command::Restate { note, .. } => {
                return Self::RestateV1 { accepted_at, id, note: note.as_deref().map(Into::into) };
            }
            Command::Refuse { rejection, .. } => {
                return Self::RefuseV1 { accepted_at, id, rejection: rejection.into() };
            }
            Command::Lost => return Self::LostV1 { repaired_at: accepted_at },
        };
        Self::V1 {
            accepted_at,
            command,
            precondition: precondition.into(),
            idempotency: idempotency.as_ref().map(|Idempotency { key, fingerprint }| {
                IdempotencyV1 { key: key.clone(), fingerprint: fingerprint.clone() }
            }),
            principal: principal.clone(),
            trace_id: trace_id.clone(),
        }
    }
}

impl From<DateTime<Utc>> for InstantV1 {
    fn from(time: DateTime<Utc>) -> Self {
        Self { seconds: time.timestamp(), nanoseconds: time.timestamp_subsec_nanos() }
    }
}

impl TryFrom<InstantV1> for DateTime<Utc> {
    type Error = &'static str;

    fn try_from(InstantV1 { seconds, nanoseconds }: InstantV1) -> Result<Self, Self::Error> {
        Self::from_timestamp(seconds, nanoseconds).ok_or("time")
    }
}

impl From<&NoteDraft> for FieldsV1 {
    fn from(draft: &NoteDraft) -> Self {
        let NoteDraft { title, content, author, tags } = draft.clone();
        Self { title, content, author, tags }
    }
}

impl From<&NotePatch> for ChangesV1 {
    fn from(patch: &NotePatch) -> Self {
        let NotePatch { title, content, author, tags } = patch.clone();
        Self { title, content, author, tags }
    }
}

impl From<&Precondition> for PreconditionV1 {
    fn from(precondition: &Precondition) -> Self {
        match precondition {
            Precondition::None => Self::None,
            Precondition::MustNotExist => Self::MustNotExist,
            Precondition::MustExist => Self::MustExist,
            Precondition::VersionIn(versions) => {
                Self::VersionIn(versions.iter().map(|version| version.get()).collect())
            }
        }
    }
}

/// The error names what is bad.
impl TryFrom<Envelope> for Submission {
    type Error = &'static str;

    fn try_from(envelope: Envelope) -> Result<Self, Self::Error> {
        let note_id = |id: String| id.parse::<NoteId>().map_err(|_| "note id");
        let (accepted_at, command, precondition, idempotency, principal, trace_id) = match envelope
        {
            Envelope::V1 {
                accepted_at,
                command,
                precondition,
                idempotency,
                principal,
                trace_id,
            } => (accepted_at, command, precondition, idempotency, principal, trace_id),
            Envelope::LostV1 { repaired_at } => {
                return Ok(Self::of_the_log(repaired_at.try_into()?, Command::Lost));
            }
            Envelope::RestateV1 { accepted_at, id, note } => {
                let id = note_id(id)?;
                let note = note.map(|note| note.into_note(id.clone()).map(Box::new)).transpose()?;
                let command = Command::Restate { id, note };
                return Ok(Self::of_the_log(accepted_at.try_into()?, command));
            }
            Envelope::RefuseV1 { accepted_at, id, rejection } => {
                let command =
                    Command::Refuse { id: note_id(id)?, rejection: rejection.try_into()? };
                return Ok(Self::of_the_log(accepted_at.try_into()?, command));
            }
        };
        Ok(Self {
            accepted_at: accepted_at.try_into()?,
            command: command.try_into()?,
            precondition: precondition.try_into()?,
            idempotency: idempotency
                .map(|IdempotencyV1 { key, fingerprint }| Idempotency { key, fingerprint }),
            principal,
            trace_id,
        })
    }
}

impl TryFrom<CommandV1> for Command {
    type Error = &'static str;

    fn try_from(command: CommandV1) -> Result<Self, Self::Error> {
        let note = |id: String| id.parse::<NoteId>().map_err(|_| "note id");
        Ok(match command {
            CommandV1::Create { id, fields } => {
                Self::Create { id: note(id)?, draft: Checked::trust(fields.into()) }
            }
            CommandV1::Put { id, fields } => {
                Self::Put { id: note(id)?, draft: Checked::trust(fields.into()) }
            }
            CommandV1::Patch { id, changes } => {
                Self::Patch { id: note(id)?, patch: Checked::trust(changes.into()) }
            }
            CommandV1::Delete { id } => Self::Delete { id: note(id)? },
        })
    }
}

impl From<FieldsV1> for NoteDraft {
    fn from(FieldsV1 { title, content, author, tags }: FieldsV1) -> Self {
        Self { title, content, author, tags }
    }
}

impl From<ChangesV1> for NotePatch {
    fn from(ChangesV1 { title, content, author, tags }: ChangesV1) -> Self {
        Self { title, content, author, tags }
    }
}

impl TryFrom<PreconditionV1> for Precondition {
    type Error = &'static str;

    fn try_from(precondition: PreconditionV1) -> Result<Self, Self::Error> {
        Ok(match precondition {
            PreconditionV1::None => Self::None,
            PreconditionV1::MustNotExist => Self::MustNotExist,
            PreconditionV1::MustExist => Self::MustExist,
            PreconditionV1::VersionIn(versions) => {
                let versions = versions.into_iter().map(Version::new).collect::<Option<_>>();
                Self::VersionIn(versions.ok_or("version")?)
            }
        })
    }
}
