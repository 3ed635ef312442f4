//! The service as its adapters see it.

use tokio::time::Instant;

use super::{Health, ReadError, SubmitError, Submitted, WriteRequest};
use crate::domain::{Note, NoteId};
use crate::ports::{NoteQuery, Page};

/// The application: everything that can be asked of the service.
pub struct Daybook {}

impl Daybook {
    /// A new id for a note.
    #[must_use]
    pub fn next_id(&self) -> NoteId {
        unimplemented!()
    }

    /// Logs a command and waits for its outcome until the deadline.
    pub async fn submit(
        &self,
        _request: WriteRequest,
        _deadline: Instant,
    ) -> Result<Submitted, SubmitError> {
        unimplemented!()
    }

    /// One note, with every change acknowledged before this call.
    pub async fn get(&self, _id: &NoteId, _deadline: Instant) -> Result<Option<Note>, ReadError> {
        unimplemented!()
    }

    /// A page of notes as the database has them.
    pub async fn list(&self, _query: &NoteQuery, _deadline: Instant) -> Result<Page, ReadError> {
        unimplemented!()
    }

    /// How the service is. Never waits.
    #[must_use]
    pub fn health(&self) -> Health {
        unimplemented!()
    }
}
