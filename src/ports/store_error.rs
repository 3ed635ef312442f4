//! Why the database could not do as asked.

use std::time::Duration;

/// Why the database could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no connection; [`connect`](super::NoteStore::connect) makes one.
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
    /// Every connection was in use; the call was not made.
    #[error("no connection to the database was free within {after:?}")]
    Busy {
        /// How long was waited.
        after: Duration,
    },
    /// The checkpoint was not where the batch expected it; nothing was changed.
    #[error("the checkpoint in the database is not the expected one")]
    Moved,
    /// A note was changed by another log since it was loaded; nothing was
    /// changed. The checkpoint was the expected one.
    #[error("a note was changed by another instance meanwhile")]
    Changed,
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
    /// Every [`code`](Self::code).
    pub const CODES: [&str; 12] = [
        "not-connected",
        "connection-failed",
        "timeout",
        "pool-exhausted",
        "checkpoint-moved",
        "note-changed",
        "conflict",
        "transaction-failed",
        "unsupported-version",
        "misconfigured",
        "unreadable",
        "internal",
    ];

    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotConnected
            | Self::ConnectionFailed(_)
            | Self::Timeout { .. }
            | Self::Busy { .. }
            | Self::Moved
            | Self::Changed
            | Self::Conflict(_)
            | Self::Internal(_) => true,
            Self::TransactionFailed(_)
            | Self::UnsupportedVersion { .. }
            | Self::Misconfigured(_)
            | Self::Unreadable(_) => false,
        }
    }

    /// Whether it says nothing against the connection.
    #[must_use]
    pub fn is_an_answer(&self) -> bool {
        match self {
            Self::Moved
            | Self::Busy { .. }
            | Self::Changed
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

    /// Whether another transaction was in the way, so that loading and judging
    /// anew may succeed at once.
    #[must_use]
    pub fn is_contention(&self) -> bool {
        matches!(self, Self::Changed | Self::Conflict(_))
    }

    /// Whether it is about the very commands or notes of the call and will be
    /// the same for them next time, while others may be fine.
    #[must_use]
    pub fn is_poison(&self) -> bool {
        matches!(self, Self::TransactionFailed(_) | Self::Unreadable(_))
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
            Self::Busy { .. } => "pool-exhausted",
            Self::Moved => "checkpoint-moved",
            Self::Changed => "note-changed",
            Self::Conflict(_) => "conflict",
            Self::TransactionFailed(_) => "transaction-failed",
            Self::UnsupportedVersion { .. } => "unsupported-version",
            Self::Misconfigured(_) => "misconfigured",
            Self::Unreadable(_) => "unreadable",
            Self::Internal(_) => "internal",
        }
    }
}
