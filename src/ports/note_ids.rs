//! Names for new notes.

use crate::domain::NoteId;

/// Makes ids for notes whose client did not choose one.
pub trait NoteIds: Send + Sync + 'static {
    /// An id that no other call, here or on any other instance, returns.
    fn next_id(&self) -> NoteId;
}
