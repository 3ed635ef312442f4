//! What a step of the applier amounts to.

use std::time::Duration;

use crate::domain::Sequence;

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Commands were applied.
    Applied {
        /// The last of them.
        upto: Sequence,
        /// How many.
        commands: usize,
    },
    /// There is nothing to apply.
    CaughtUp,
    /// Something is in the way.
    Blocked {
        /// When it is worth trying again.
        retry_after: Duration,
    },
}

/// Why the applier gave up for good. The log keeps everything.
#[derive(Debug, thiserror::Error)]
pub enum ApplierError {
    /// The database was not reached within the time allowed at start.
    #[error("the database was not reached within {waited:?}: {reason}")]
    NeverReached {
        /// How long was waited.
        waited: Duration,
        /// The last error.
        reason: String,
    },
    /// The database cannot be used with these settings, and waiting will not
    /// change that.
    #[error("the database cannot be used: {reason}")]
    Unusable {
        /// What is wrong.
        reason: String,
    },
}
