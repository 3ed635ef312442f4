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
    /// A call to the database failed.
    StoreFailed {
        /// The [`code`](super::StoreError::code) of the error.
        code: &'static str,
    },
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
