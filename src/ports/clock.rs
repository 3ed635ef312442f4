//! The time of day.

use chrono::{DateTime, Utc};

/// Tells the time at which a command is accepted.
///
/// Only for stamps that are written down. Deadlines, backoff and probes run on
/// tokio's clock, which tests can pause.
pub trait Clock: Send + Sync + 'static {
    /// The time of day. It may go backwards when the machine's clock is set.
    fn now(&self) -> DateTime<Utc>;
}
