//! Note ids that a test can foresee.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::NoteId;
use crate::ports::NoteIds;

/// `notes:n1`, `notes:n2` and so on.
#[derive(Debug, Default)]
pub struct SequentialNoteIds {
    last: AtomicU64,
}

impl NoteIds for SequentialNoteIds {
    fn next_id(&self) -> NoteId {
        loop {
            let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
            if let Ok(id) = NoteId::from_key(format!("n{number}")) {
                return id;
            }
        }
    }
}
