//! The notes domain: what a note is, what may be asked of it, and what follows.
//!
//! Everything here is pure. There is no clock, no randomness, no I/O and no
//! async: [`decide`] is a function of the current note and the command, so
//! folding the same log twice gives the same notes. Identifiers and times are
//! stamped by the caller when a command is accepted and travel with it.

mod command;
mod command_id;
mod decide;
mod draft;
mod entry;
mod invalid;
mod note;
mod note_id;
mod rejection;
mod rules;

pub use command::{Command, Precondition};
pub use command_id::{CommandId, LogId, ParseCommandIdError, Sequence};
pub use decide::{Change, decide};
pub use draft::{NoteDraft, NotePatch};
pub use entry::{Entry, Idempotency, Position, Submission};
pub use invalid::{Checked, FieldError, Invalid};
pub use note::{Note, Version};
pub use note_id::{NoteId, ParseNoteIdError};
pub use rejection::Rejection;

#[cfg(test)]
mod decide_tests;
#[cfg(all(test, feature = "async-graphql"))]
mod graphql_tests;
#[cfg(test)]
mod rules_tests;
