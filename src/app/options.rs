//! What the application is given when it starts.

use std::sync::Arc;
use std::time::Duration;

use crate::ports::{Clock, CommandLog, Metrics, NoteIds, NoteStore, ReadLimit};

/// The parts of the world that the application works with.
#[derive(Clone)]
pub struct Ports {
    /// The command log.
    pub log: Arc<dyn CommandLog>,
    /// The database.
    pub store: Arc<dyn NoteStore>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Names for new notes.
    pub note_ids: Arc<dyn NoteIds>,
    /// Where measurements go.
    pub metrics: Arc<dyn Metrics>,
}

/// How the application behaves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many commands may wait for the database.
    pub queue: QueueLimits,
    /// How much one transaction may hold.
    pub batch: ReadLimit,
    /// How many bytes of log before the checkpoint are compared with the
    /// database after it may have crashed.
    pub heal_window_bytes: u64,
    /// How long writes are accepted while the database is away; `None` is for
    /// ever.
    pub unavailable_after: Option<Duration>,
    /// How long the database may take to be reached for the first time.
    pub startup_max_wait: Duration,
    /// How long commands may wait, with a database that answers, without any being
    /// applied before the applier counts as stalled.
    pub stalled_after: Duration,
    /// How often the database is asked for a sign of life, and how long it may
    /// take to give one.
    pub probe_interval: Duration,
    /// How often a database that is away is looked for between two attempts to
    /// connect.
    pub return_interval: Duration,
    /// How often the log is told what nobody needs any more.
    pub retention_interval: Duration,
    /// How many bytes of notes are remembered for reads while the database is
    /// away; 0 remembers none.
    pub cache_max_bytes: u64,
    /// How old a note may be that is shown as it was last known.
    pub cache_ttl: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue: QueueLimits { max_commands: 100_000, max_bytes: 256 << 20 },
            batch: ReadLimit { max_commands: 256, max_bytes: 4 << 20 },
            heal_window_bytes: 1 << 30,
            unavailable_after: Some(Duration::from_secs(30)),
            startup_max_wait: Duration::from_secs(600),
            stalled_after: Duration::from_secs(60),
            probe_interval: Duration::from_millis(2500),
            return_interval: Duration::from_secs(1),
            retention_interval: Duration::from_secs(60),
            cache_max_bytes: 64 << 20,
            cache_ttl: Duration::from_secs(600),
        }
    }
}

/// How much may wait for the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// At most so many commands.
    pub max_commands: u64,
    /// No further command once so many bytes of log wait.
    pub max_bytes: u64,
}
