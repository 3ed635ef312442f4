//! The command log: the book of original entry.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{Entry, LogId, Position, Sequence, Submission};

/// An ordered, durable log of commands with one writer.
///
/// Sequences start at 1 and have no holes. Nothing here speaks of files: a
/// replicated log is meant to fit behind the same trait.
#[async_trait]
pub trait CommandLog: Send + Sync + 'static {
    /// The identity of this log. It never changes while the log is open.
    fn id(&self) -> LogId;

    /// The ends of the log, as a reader sees them now.
    fn positions(&self) -> Positions;

    /// Appends a command.
    ///
    /// `Ok` means that the command is in the log and, with the sync policy
    /// `always`, that it survives a kill and a power loss. A dropped call may
    /// still append.
    ///
    /// # Errors
    /// After [`LogError::Unclear`] the command may or may not be in the log.
    /// After any other error it is not there and never will be, also not after
    /// a crash.
    async fn append(&self, submission: Submission) -> Result<Position, LogError>;

    /// Reads durable commands in order, starting with `from`, or with the entry
    /// that stands for it: as many as the limit allows, at least one when there is
    /// one. Empty past the end.
    ///
    /// # Errors
    /// [`LogError::BeforeFirst`] when `from` is no longer retained,
    /// [`LogError::Corrupt`] and [`LogError::Io`] when the log cannot be read.
    async fn read(&self, from: Sequence, limit: ReadLimit) -> Result<Vec<Entry>, LogError>;

    /// Waits until a command after `seq` is durable. Returns at once when there
    /// is one already. Cancelling it loses nothing.
    ///
    /// # Errors
    /// [`LogError::Closed`] when the log is closed and no such command will come.
    async fn wait_past(&self, seq: Sequence) -> Result<(), LogError>;

    /// Where a retained command stands. [`Sequence`] `first - 1` is allowed and
    /// is the position before the first retained command.
    ///
    /// # Errors
    /// As for [`read`](Self::read); [`LogError::PastEnd`] when there is no such
    /// command yet, [`LogError::Compacted`] when it left nothing of its own.
    async fn locate(&self, seq: Sequence) -> Result<Position, LogError>;

    /// The first retained command of a stretch that holds at least the last
    /// `bytes` bytes of log up to and including `upto`. May be earlier than
    /// needed, never later.
    ///
    /// # Errors
    /// As for [`locate`](Self::locate).
    async fn floor(&self, upto: Sequence, bytes: u64) -> Result<Sequence, LogError>;

    /// Tells that nobody needs the commands up to that one any more. The log may give
    /// its beginning up, up to there at most, by its own rules and the time `now`.
    /// Returns the first command that is retained.
    ///
    /// # Errors
    /// When it could not be done; then the log starts where it did, or further on.
    async fn release(&self, upto: Sequence, now: DateTime<Utc>) -> Result<Sequence, LogError>;

    /// Makes everything appended durable and closes the log. Later appends fail
    /// with [`LogError::Closed`]; reads go on working.
    ///
    /// # Errors
    /// When the last sync failed.
    async fn close(&self) -> Result<(), LogError>;
}

/// The ends of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Positions {
    /// The first command that is retained, or the next to come when none is.
    pub first: Sequence,
    /// The last command of those that were compacted, 0 where none was. Up to
    /// there the log tells only what they amounted to, one by one where that is
    /// different: each [`Entry`] stands for those before it that left nothing.
    pub compacted: Sequence,
    /// The last durable command; `first - 1` when none is retained.
    pub last: Position,
    /// How many bytes of log are retained.
    pub bytes: u64,
}

/// How much one read may return. The first command is returned whatever its
/// size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimit {
    /// At most so many commands.
    pub max_commands: usize,
    /// At most so many bytes of log.
    pub max_bytes: u64,
}

/// Why the log could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The command was not logged and never will be: the disk is full.
    #[error("the disk of the command log is full: {detail}")]
    Full {
        /// What the operating system said.
        detail: String,
    },
    /// The command was not logged and never will be: the disk failed.
    #[error("the command log could not be written: {detail}")]
    Refused {
        /// What the operating system said, or which earlier failure is not yet
        /// mended.
        detail: String,
    },
    /// The command was not logged: it is larger than one frame may be.
    #[error("the command takes {bytes} bytes of log, the limit is {max_bytes}")]
    TooLarge {
        /// Its encoded size.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// It is not known whether the command was logged: the write failed, and so
    /// did the attempt to take it back.
    #[error("it is unclear whether the command was logged: {detail}")]
    Unclear {
        /// What the operating system said.
        detail: String,
    },
    /// The log was closed.
    #[error("the command log is closed")]
    Closed,
    /// The command asked for is older than what is retained.
    #[error("command {asked} is no longer retained, the log starts at {first}")]
    BeforeFirst {
        /// What was asked for.
        asked: Sequence,
        /// The first that is retained.
        first: Sequence,
    },
    /// The command asked for was compacted, and nothing of its own is left.
    #[error(
        "command {asked} was compacted: of the commands up to {through} the log tells only what \
         they amounted to"
    )]
    Compacted {
        /// What was asked for.
        asked: Sequence,
        /// The last command that was compacted.
        through: Sequence,
    },
    /// The command asked for does not exist yet.
    #[error("there is no command {asked} yet, the log ends at {last}")]
    PastEnd {
        /// What was asked for.
        asked: Sequence,
        /// The last there is.
        last: Sequence,
    },
    /// The log is damaged where it must not be.
    #[error("the command log is corrupt at {place}: {detail}")]
    Corrupt {
        /// Where, in the terms of the adapter (file and offset).
        place: String,
        /// What is wrong there.
        detail: String,
    },
    /// The log could not be read.
    #[error("the command log could not be read at {place}: {source}")]
    Io {
        /// Where, in the terms of the adapter.
        place: String,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl LogError {
    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Full { .. }
            | Self::Refused { .. }
            | Self::Unclear { .. }
            | Self::PastEnd { .. }
            | Self::Io { .. } => true,
            Self::TooLarge { .. }
            | Self::Closed
            | Self::BeforeFirst { .. }
            | Self::Compacted { .. }
            | Self::Corrupt { .. } => false,
        }
    }

    /// A stable name, for metrics and logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "log-full",
            Self::Refused { .. } => "log-refused",
            Self::TooLarge { .. } => "log-too-large",
            Self::Unclear { .. } => "log-unclear",
            Self::Closed => "log-closed",
            Self::BeforeFirst { .. } => "log-before-first",
            Self::Compacted { .. } => "log-compacted",
            Self::PastEnd { .. } => "log-past-end",
            Self::Corrupt { .. } => "log-corrupt",
            Self::Io { .. } => "log-io",
        }
    }
}
