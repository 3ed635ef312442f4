//! What the service says of itself.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::ports::PoolState;

/// The service is Degraded when the queue is fuller than that.
const NEARLY_FULL: f64 = 0.8;

/// Whether the service can do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The database was never reached since the start. Writes are accepted.
    Starting,
    /// The database answers.
    Healthy,
    /// The database is away, or commands pile up. Writes are accepted.
    Degraded {
        /// Why, for the operator.
        reason: String,
    },
    /// Writes are refused.
    Unhealthy {
        /// Why, for the operator.
        reason: String,
    },
}

impl State {
    /// Every [`name`](Self::name).
    pub const NAMES: [&str; 4] = ["starting", "healthy", "degraded", "unhealthy"];

    /// The state as one lower-case word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Degraded { .. } => "degraded",
            Self::Unhealthy { .. } => "unhealthy",
        }
    }

    /// Why the service is not healthy, if there is more to say than the name.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Starting | Self::Healthy => None,
            Self::Degraded { reason } | Self::Unhealthy { reason } => Some(reason),
        }
    }

    /// The same where the queue matters, too.
    pub(super) fn with_queue(self, is_nearly_full: bool) -> Self {
        match self {
            Self::Healthy if is_nearly_full => {
                Self::Degraded { reason: "the queue is more than 80 % full".to_owned() }
            }
            state => state,
        }
    }

    /// Whether a load balancer should send requests here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded { .. })
    }
}

/// Everything that `/health` tells. It is read from memory: it never waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Whether the service can do its work.
    pub state: State,
    /// When it is worth asking again whether that changed, in whole seconds
    /// from 1 to 60: the next attempt to reach the database.
    pub retry_after_seconds: u64,
    /// The database, as the last probe found it.
    pub database: DatabaseHealth,
    /// The commands that wait for the database.
    pub queue: QueueHealth,
}

/// The database, as the last probe found it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatabaseHealth {
    /// Its version, once it was reached.
    pub version: Option<String>,
    /// How long the last probe that was answered took.
    pub latency: Option<Duration>,
    /// When it was probed last, answered or not.
    pub last_check: Option<DateTime<Utc>>,
    /// The connections to it, where it is a server.
    pub pool: Option<PoolState>,
}

/// The commands that wait for the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueHealth {
    /// How many wait.
    pub commands: u64,
    /// How many may.
    pub max_commands: u64,
    /// How many of them are parked: they cannot be applied.
    pub parked: u64,
    /// How many bytes of log they take.
    pub bytes: u64,
    /// How many they may take.
    pub max_bytes: u64,
}

impl QueueHealth {
    pub(super) fn is_nearly_full(&self) -> bool {
        self.fill() > NEARLY_FULL
    }

    /// How full it is, by commands or by bytes, whichever is more: at 1 writes are
    /// refused.
    #[must_use]
    pub fn fill(&self) -> f64 {
        let share = |used: u64, max: u64| used as f64 / max.max(1) as f64;
        share(self.commands, self.max_commands).max(share(self.bytes, self.max_bytes))
    }
}
