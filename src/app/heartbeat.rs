//! Whether the applier moves while it has something to do.
//!
//! A database that answers pings says nothing of the calls that matter, and the
//! applier itself may be stuck. So its work is looked at from outside: whoever
//! looks compares how far it has come with what the last one saw.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::desk::Desk;
use super::telling::whole_ms;
use crate::domain::Sequence;

/// What was seen of the applier.
#[derive(Debug)]
pub(super) struct Heartbeat {
    seen: Mutex<Seen>,
    /// For writers, who must not wait for one another.
    is_stalled: AtomicBool,
}

#[derive(Debug)]
struct Seen {
    applied: Sequence,
    /// Since when it has been there, or had nothing to do.
    since: Instant,
}

impl Heartbeat {
    pub(super) fn new() -> Self {
        let seen = Seen { applied: Sequence::ZERO, since: Instant::now() };
        Self { seen: Mutex::new(seen), is_stalled: AtomicBool::new(false) }
    }

    /// It has come so far, and does or does not have anything more to do. Tells
    /// how long it has stood there with something to do.
    fn look(&self, applied: Sequence, is_due: bool) -> Duration {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_due || applied != seen.applied {
            *seen = Seen { applied, since: Instant::now() };
        }
        seen.since.elapsed()
    }
}

impl Desk {
    /// Looks at the applier. Tells why it counts as stalled, if so, and logs when
    /// that changes.
    pub(super) fn look_at_applier(&self) -> Option<String> {
        let applied = self.pending.waiting_since().seq;
        let is_due = self.availability.is_up() && applied < self.ports.log.positions().last.seq;
        let stood = self.heartbeat.look(applied, is_due);
        let limit = self.options.stalled_after;
        let is_stalled = is_due && stood >= limit;
        let was_stalled = self.heartbeat.is_stalled.swap(is_stalled, Ordering::Relaxed);
        let seconds = limit.as_secs();
        if is_stalled && !was_stalled {
            tracing::error!(
                last = applied.get(),
                stalled_ms = whole_ms(stood),
                "the applier is stalled: commands wait, the database answers, and none is applied"
            );
        } else if was_stalled && !is_stalled {
            tracing::info!(last = applied.get(), "the applier is not stalled any more");
        }
        is_stalled.then(|| {
            format!(
                "commands wait and none was applied for {seconds} s, though the database answers"
            )
        })
    }

    /// Whether it was stalled when it was looked at last.
    pub(super) fn is_stalled(&self) -> bool {
        self.heartbeat.is_stalled.load(Ordering::Relaxed)
    }
}
