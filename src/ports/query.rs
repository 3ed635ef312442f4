//! Lists of notes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{Note, NoteId};

/// Which notes, in which order, how many, after which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteQuery {
    /// Only notes of this author.
    pub author: Option<String>,
    /// Only notes that have this tag.
    pub tag: Option<String>,
    /// In this order.
    pub sort: Sort,
    /// At most so many, at least 1.
    pub limit: usize,
    /// Only notes that come after this place in that order.
    pub after: Option<After>,
}

/// A total order of notes: by a time, then by id, both in the same direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    /// The time to order by.
    pub key: SortKey,
    /// Whether the latest comes first.
    pub descending: bool,
}

/// A time to order notes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortKey {
    /// When the note was made.
    CreatedAt,
    /// When the note was changed last.
    UpdatedAt,
}

impl SortKey {
    /// The time of that note to order by.
    #[must_use]
    pub fn of(self, note: &Note) -> DateTime<Utc> {
        match self {
            Self::CreatedAt => note.created_at,
            Self::UpdatedAt => note.updated_at,
        }
    }
}

/// A place in an order of notes: that of a note, which need not exist any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// The time of the note by the [`SortKey`].
    pub at: DateTime<Utc>,
    /// Its id.
    pub id: NoteId,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The notes, in order.
    pub notes: Vec<Note>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<After>,
}
