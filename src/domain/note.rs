//! The note itself.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::NoteId;

/// One note as it stands after its last change.
///
/// `created_at <= updated_at` always holds, also when the clock was set back
/// between two changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "async-graphql", derive(async_graphql::SimpleObject))]
pub struct Note {
    /// Its identity, which never changes.
    pub id: NoteId,
    /// 1 to 200 characters without a script tag.
    pub title: String,
    /// 1 to 10,000 characters.
    pub content: String,
    /// 1 to 100 of `[a-zA-Z0-9_-]`.
    pub author: String,
    /// At most 10, each of 1 to 50 characters, in the order given.
    pub tags: Vec<String>,
    /// When the command that created it was accepted.
    pub created_at: DateTime<Utc>,
    /// When the command that changed it last was accepted.
    pub updated_at: DateTime<Utc>,
    /// How often it was written; the entity tag of the note.
    pub version: Version,
}

/// The version of a note: 1 on creation, one more on every change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// The version of a note that was just created.
    pub const FIRST: Self = Self(1);

    /// A version from its number, or `None` for 0, which no note ever has, and
    /// for numbers past `i64::MAX`, which no database column holds.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        (number >= 1 && i64::try_from(number).is_ok()).then_some(Self(number))
    }

    /// The version after one more change.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "async-graphql")]
async_graphql::scalar!(NoteId, "NoteId", "A note id: `notes:<key>`.");
#[cfg(feature = "async-graphql")]
async_graphql::scalar!(Version, "Version", "How often a note was written, from 1.");
