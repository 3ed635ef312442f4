//! The database: the ledger that the log is posted to.

use async_trait::async_trait;

use super::{
    Batch, Checkpoint, Continuity, Marker, NoteQuery, Page, Parked, PoolState, Rebuilt, Recorded,
    StoreError, Stored,
};
use crate::domain::{LogId, Note, NoteId, Rejection, Sequence};

/// Notes, and for each command log how far it has been applied.
///
/// Every call ends within the adapter's operation timeout, but for
/// [`connect`](Self::connect), [`close`](Self::close) and
/// [`rebuild_indexes`](Self::rebuild_indexes), which have bounds of their own.
/// Every call but those to connect and to close fails with
/// [`StoreError::NotConnected`] while there is no connection.
#[async_trait]
pub trait NoteStore: Send + Sync + 'static {
    /// Connects, checks the version of the database and defines the schema.
    /// A connection that is there already is given up first.
    ///
    /// Tells whether the database can vouch for everything it had acknowledged.
    ///
    /// # Errors
    /// [`StoreError::UnsupportedVersion`] and [`StoreError::Misconfigured`] are
    /// final, the others are worth another attempt.
    async fn connect(&self) -> Result<Continuity, StoreError>;

    /// Asks the database for a sign of life that touches its data.
    ///
    /// # Errors
    /// When there is none.
    async fn ping(&self) -> Result<(), StoreError>;

    /// A cheap look at whether connecting is worth an attempt now. It needs no
    /// connection and ends within 2 s. `false` where that cannot be told.
    async fn is_reachable(&self) -> bool {
        false
    }

    /// The connections to a server; `None` where there is no pool of them.
    fn pool(&self) -> Option<PoolState> {
        None
    }

    /// Whether nobody else can change the database while this store is connected, so
    /// that what was read once and not written since is still so.
    fn is_exclusive(&self) -> bool {
        false
    }

    /// The version of the database, as it tells it.
    ///
    /// # Errors
    /// When it cannot be asked.
    async fn version(&self) -> Result<String, StoreError>;

    /// One note as the last committed batch left it.
    ///
    /// # Errors
    /// When the database cannot be asked or its record cannot be read.
    async fn get(&self, id: &NoteId) -> Result<Option<Note>, StoreError>;

    /// The notes with these ids and the traces of those that were deleted.
    /// An id of which nothing is known is left out; the order is not given.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    async fn load(&self, ids: &[NoteId]) -> Result<Vec<Stored>, StoreError>;

    /// A page of a list.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    async fn query(&self, query: &NoteQuery) -> Result<Page, StoreError>;

    /// How far that log has been applied; `None` when it never was.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    async fn checkpoint(&self, log: LogId) -> Result<Option<Checkpoint>, StoreError>;

    /// Applies a batch in one transaction: all of it, or nothing. The same
    /// transaction forgets every marker of that log whose `last`, and every
    /// trace of a deletion whose sequence, is at or after the old horizon and
    /// before the new one.
    ///
    /// # Errors
    /// [`StoreError::Moved`] when the checkpoint was not at
    /// [`Batch::expected`], and otherwise [`StoreError::Changed`] when a note was
    /// not as in [`Batch::found`], or one of [`Batch::absent`] was there; then
    /// nothing was changed. Where
    /// [`StoreError::is_unclear`], the transaction may have been committed, or
    /// may be yet: read the [`checkpoint`](Self::checkpoint) before anything
    /// else.
    async fn commit(&self, batch: &Batch) -> Result<(), StoreError>;

    /// The markers of that log whose [`Marker::last`] is at least `from`, by
    /// `last` ascending, at most `limit`.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    async fn markers(
        &self,
        log: LogId,
        from: Sequence,
        limit: usize,
    ) -> Result<Vec<Marker>, StoreError>;

    /// Why the commands of that log from `first` to `last` were rejected, by
    /// sequence ascending. Commands that were not rejected are left out.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    async fn rejections(
        &self,
        log: LogId,
        first: Sequence,
        last: Sequence,
    ) -> Result<Vec<(Sequence, Rejection)>, StoreError>;

    /// What is recorded of a command that is at or before the checkpoint of its
    /// log.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    async fn recorded(&self, log: LogId, seq: Sequence) -> Result<Recorded, StoreError>;

    /// The parked commands of that log from `from` on, by sequence ascending, at
    /// most `limit`.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    async fn parked(
        &self,
        log: LogId,
        from: Sequence,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError>;

    /// Makes anew what the database derives from the notes to find them by.
    ///
    /// A lost batch takes its index entries with it, and brings back those that
    /// it had removed, while the notes may be as a later batch left them. Until
    /// this is done, lists may miss notes or show them twice. It may take as
    /// long as reading every note, and may be repeated. Nothing may be committed
    /// meanwhile: notes that change may be listed twice from then on. After `Ok`
    /// lists are right; what a crash can do to that is in the answer.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    async fn rebuild_indexes(&self) -> Result<Rebuilt, StoreError>;

    /// Closes the connection and leaves word for the next
    /// [`connect`](Self::connect) of a store that keeps its data on this
    /// machine: with [`Continuity::Intact`] the caller vouches that it found
    /// nothing missing, so that, everything committed being on disk, that call
    /// answers the same. With [`Continuity::Suspect`] it will answer that.
    ///
    /// # Errors
    /// When the database did not finish in time. Nothing committed is lost.
    async fn close(&self, continuity: Continuity) -> Result<(), StoreError>;
}
