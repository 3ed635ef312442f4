//! The database: the ledger that the log is posted to.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{NoteQuery, Page};
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
    /// [`Batch::expected`]; then nothing was changed. Where
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

    /// Makes anew what the database derives from the notes to find them by.
    ///
    /// A lost batch takes its index entries with it, and brings back those that
    /// it had removed, while the notes may be as a later batch left them. Until
    /// this is done, lists may miss notes or show them twice. It may take as
    /// long as reading every note, and may be repeated. After `Ok` no crash
    /// undoes it or loses anything that was committed before it.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    async fn rebuild_indexes(&self) -> Result<(), StoreError>;

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

/// Whether a database can have lost batches that it had acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// It was closed cleanly, or never stopped: nothing can be missing.
    Intact,
    /// It may have crashed: any acknowledged batch may be missing.
    Suspect,
}

/// How far a log has been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last sequence whose outcome is in the database.
    pub applied: Sequence,
    /// When that command was accepted. Together with the sequence it tells this
    /// log's command from one that another history has at the same place.
    pub accepted_at: DateTime<Utc>,
    /// How many batches were committed for this log, repairs included. It grows
    /// with every one, so that no two commits expect the same checkpoint.
    pub commit: u64,
    /// The first command that healing may look at. It never goes back; markers
    /// and traces of deletions by commands before it are forgotten in the
    /// transaction that moves it.
    pub horizon: Sequence,
}

/// A transaction to be: the changes of some commands with all they entail.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The log that the commands come from.
    pub log: LogId,
    /// What the checkpoint must be for this to be applied.
    pub expected: Option<Checkpoint>,
    /// What it is afterwards; its `commit` is larger than that of `expected`.
    pub checkpoint: Checkpoint,
    /// The commands whose outcome this holds.
    pub marker: Marker,
    /// What becomes of notes, at most one entry per note.
    pub writes: Vec<Write>,
    /// The commands among them that were rejected.
    pub rejections: Vec<(Sequence, Rejection)>,
}

/// The trace that a batch leaves in its own transaction: if it is there, so is
/// the rest of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marker {
    /// The first command of the batch.
    pub first: Sequence,
    /// The last command of the batch.
    pub last: Sequence,
}

/// What becomes of one note.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// It is this from now on.
    Put {
        /// The note.
        note: Note,
        /// The command that changed it last.
        seq: Sequence,
    },
    /// It is gone; a trace of the deletion stays until it is pruned.
    Delete {
        /// The note.
        id: NoteId,
        /// The command that deleted it.
        seq: Sequence,
    },
}

impl Write {
    /// The command that this is the effect of.
    #[must_use]
    pub fn seq(&self) -> Sequence {
        match self {
            Self::Put { seq, .. } | Self::Delete { seq, .. } => *seq,
        }
    }
}

/// Which command changed something last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The log that holds the command.
    pub log: LogId,
    /// Its sequence there.
    pub seq: Sequence,
}

/// What the database knows of one note.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The note's id.
    pub id: NoteId,
    /// The note with the command that changed it last; `None` when there is no
    /// such note.
    pub note: Option<(Note, Stamp)>,
    /// The command that deleted a note of this id last, as long as that is
    /// remembered. A note that is there may have been made again since.
    pub deleted: Option<Stamp>,
}

/// Why the database could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no connection; [`NoteStore::connect`] makes one.
    #[error("there is no connection to the database")]
    NotConnected,
    /// The database could not be reached or broke the connection.
    #[error("the connection to the database failed: {0}")]
    ConnectionFailed(String),
    /// The database did not answer in time. The call may still take effect.
    #[error("the database did not answer {operation} within {after:?}")]
    Timeout {
        /// The operation, as one word.
        operation: &'static str,
        /// The operation timeout.
        after: Duration,
    },
    /// The checkpoint was not where the batch expected it; nothing was changed.
    #[error("the checkpoint in the database is not the expected one")]
    Moved,
    /// The transaction conflicted with another one; nothing was changed.
    #[error("the transaction conflicted with another one: {0}")]
    Conflict(String),
    /// The database refused the transaction; nothing was changed.
    #[error("the database refused the transaction: {0}")]
    TransactionFailed(String),
    /// The database speaks a version that this service does not.
    #[error("the database has version {found}, this service needs {required}")]
    UnsupportedVersion {
        /// What the database said.
        found: String,
        /// The accepted range.
        required: String,
    },
    /// The settings cannot work with this database: a folder in use or not
    /// writable, a wrong password, a bad address.
    #[error("{0}")]
    Misconfigured(String),
    /// A record in the database is not of the form this service writes.
    #[error("a record in the database cannot be read: {0}")]
    Unreadable(String),
    /// Anything else that the database said.
    #[error("the database failed: {0}")]
    Internal(String),
}

impl StoreError {
    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotConnected
            | Self::ConnectionFailed(_)
            | Self::Timeout { .. }
            | Self::Moved
            | Self::Conflict(_)
            | Self::Internal(_) => true,
            Self::TransactionFailed(_)
            | Self::UnsupportedVersion { .. }
            | Self::Misconfigured(_)
            | Self::Unreadable(_) => false,
        }
    }

    /// Whether the database itself said so, over a connection that works.
    #[must_use]
    pub fn is_an_answer(&self) -> bool {
        match self {
            Self::Moved
            | Self::Conflict(_)
            | Self::TransactionFailed(_)
            | Self::Unreadable(_)
            | Self::UnsupportedVersion { .. } => true,
            Self::NotConnected
            | Self::ConnectionFailed(_)
            | Self::Timeout { .. }
            | Self::Misconfigured(_)
            | Self::Internal(_) => false,
        }
    }

    /// Whether a commit that ended so may have been, or may yet be, applied.
    #[must_use]
    pub fn is_unclear(&self) -> bool {
        matches!(self, Self::ConnectionFailed(_) | Self::Timeout { .. } | Self::Internal(_))
    }

    /// A stable name, for metrics and logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotConnected => "not-connected",
            Self::ConnectionFailed(_) => "connection-failed",
            Self::Timeout { .. } => "timeout",
            Self::Moved => "checkpoint-moved",
            Self::Conflict(_) => "conflict",
            Self::TransactionFailed(_) => "transaction-failed",
            Self::UnsupportedVersion { .. } => "unsupported-version",
            Self::Misconfigured(_) => "misconfigured",
            Self::Unreadable(_) => "unreadable",
            Self::Internal(_) => "internal",
        }
    }
}
