//! The machine's clock and its randomness.

use chrono::{DateTime, Utc};
use ulid::Ulid;

use crate::domain::NoteId;
use crate::ports::{Clock, NoteIds};

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// Note ids from ULIDs: 48 bits of time, so that new notes sort last, and 80
/// random bits (<https://github.com/ulid/spec>).
#[derive(Clone, Copy, Debug, Default)]
pub struct UlidNoteIds;

impl NoteIds for UlidNoteIds {
    fn next_id(&self) -> NoteId {
        loop {
            // A ULID is 26 letters and digits, which is always a key.
            if let Ok(id) = NoteId::from_key(Ulid::new().to_string()) {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ulids_and_differ() {
        let (a, b) = (UlidNoteIds.next_id(), UlidNoteIds.next_id());
        assert_ne!(a, b);
        assert_eq!(a.key().len(), 26);
        assert!(Ulid::from_string(a.key()).is_ok());
    }
}
