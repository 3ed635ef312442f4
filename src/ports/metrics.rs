//! What the application counts and measures.

use std::time::Duration;

use crate::domain::Sequence;

/// Takes measurements. It never fails and never blocks: a service that cannot
/// count must still keep notes.
pub trait Metrics: Send + Sync + 'static {
    /// Takes one measurement.
    fn record(&self, measurement: Measurement);
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measurement {
    /// A command was appended and is durable.
    Appended {
        /// Its sequence.
        seq: Sequence,
        /// From the request for it to its durability.
        took: Duration,
    },
    /// A batch was committed to the database.
    Applied {
        /// The last sequence of the batch.
        upto: Sequence,
        /// How many commands it held.
        commands: u64,
        /// From reading the batch to the end of its transaction.
        took: Duration,
    },
    /// Commands wait for the database.
    Queued {
        /// How many.
        commands: u64,
        /// How many bytes of log they take.
        bytes: u64,
    },
    /// A write was refused before it was logged.
    Refused(Refusal),
    /// Batches that the database had lost were applied again.
    Healed {
        /// How many gaps in the markers were closed.
        batches: u64,
    },
    /// The applier cannot go on, and tries again.
    Retrying {
        /// The code of what is in the way.
        code: &'static str,
        /// After so long.
        after: Duration,
    },
    /// What was appended was made durable, for one or many at once.
    Synced {
        /// How long the disk took.
        took: Duration,
    },
    /// A call to the database ended.
    Called {
        /// Which.
        call: StoreCall,
        /// From its beginning to its end.
        took: Duration,
        /// The [`code`](super::StoreError::code) of its error, if it failed.
        failed: Option<&'static str>,
    },
    /// A connection of the pool was closed.
    ConnectionClosed {
        /// Why.
        ending: ConnectionEnding,
        /// How long it was there.
        lived: Duration,
    },
    /// A note without pending commands was looked for among those that are
    /// remembered, since the database was away.
    Recalled {
        /// Whether it could be shown.
        found: bool,
    },
    /// A command could not be read, because the log is damaged there.
    CorruptRead,
}

/// A call to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the method of `NoteStore` of that name")]
pub enum StoreCall {
    Connect,
    Ping,
    Version,
    Get,
    Load,
    Query,
    Commit,
    Checkpoint,
    Markers,
    Rejections,
    Recorded,
    Parked,
    RebuildIndexes,
    Close,
}

impl StoreCall {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Connect,
        Self::Ping,
        Self::Version,
        Self::Get,
        Self::Load,
        Self::Query,
        Self::Commit,
        Self::Checkpoint,
        Self::Markers,
        Self::Rejections,
        Self::Recorded,
        Self::Parked,
        Self::RebuildIndexes,
        Self::Close,
    ];

    /// A stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Ping => "ping",
            Self::Version => "version",
            Self::Get => "get",
            Self::Load => "load",
            Self::Query => "query",
            Self::Commit => "commit",
            Self::Checkpoint => "checkpoint",
            Self::Markers => "markers",
            Self::Rejections => "rejections",
            Self::Recorded => "recorded",
            Self::Parked => "parked",
            Self::RebuildIndexes => "rebuild_indexes",
            Self::Close => "close",
        }
    }

    /// What it is about, as a stable name; `none` for the database as a whole.
    #[must_use]
    pub fn collection(self) -> &'static str {
        match self {
            Self::Connect | Self::Ping | Self::Version | Self::Close => "none",
            // Everything that goes with a batch is in its transaction.
            Self::Get | Self::Load | Self::Query | Self::Commit | Self::RebuildIndexes => "notes",
            Self::Checkpoint => "checkpoints",
            Self::Markers => "markers",
            Self::Rejections | Self::Recorded => "rejections",
            Self::Parked => "parked",
        }
    }
}

/// Why a connection of the pool was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionEnding {
    /// It had been there for as long as one may.
    Expired,
    /// Nobody had used it for long, or there were enough when it was made.
    Idle,
    /// It broke, or the server was lost.
    Error,
}

impl ConnectionEnding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Expired, Self::Idle, Self::Error];

    /// A stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Idle => "idle",
            Self::Error => "error",
        }
    }
}

/// Why a write was refused before it was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// As many commands wait as the queue may hold, or as many bytes.
    QueueFull,
    /// The database has been away for longer than writes are accepted.
    Unavailable,
    /// The log's disk is full or failing.
    Disk,
    /// The service is shutting down.
    ShuttingDown,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::QueueFull, Self::Unavailable, Self::Disk, Self::ShuttingDown];

    /// A stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::QueueFull => "queue-full",
            Self::Unavailable => "unavailable",
            Self::Disk => "disk",
            Self::ShuttingDown => "shutting-down",
        }
    }
}
