//! Letting the log give up what nobody needs any more.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::sleep;

use super::Applier;
use super::attach::Cursor;
use super::compact::settled;
use super::desk::Desk;
use crate::domain::Sequence;
use crate::ports::Batch;

/// The last command that nobody needs as it was submitted any more, as long as log and
/// database are known to be together; 0 otherwise.
#[derive(Debug, Default)]
pub(super) struct Settled {
    through: watch::Sender<Sequence>,
    late: Mutex<Option<Late>>,
}

/// Commands that were applied behind the checkpoint, as released or lost ones are. Their
/// transactions are young, whatever their place, so the database may lose them like
/// the last ones.
#[derive(Clone, Copy, Debug)]
struct Late {
    /// The first of them.
    first: Sequence,
    /// Where the checkpoint was then.
    at: Sequence,
}

impl Settled {
    /// A batch was committed.
    pub(super) fn committed(&self, batch: &Batch) {
        let first = batch.released.iter().min().copied();
        let first = first.or_else(|| batch.marker.map(|marker| marker.first));
        let at = batch.checkpoint.applied;
        let is_late =
            |first: &Sequence| batch.expected.is_some_and(|expected| *first <= expected.applied);
        if let Some(first) = first.filter(is_late) {
            let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
            let first = late.map_or(first, |earlier| earlier.first.min(first));
            *late = Some(Late { first, at });
        }
    }

    /// The first command that was applied late and may still be lost.
    fn first_late(&self, horizon: Sequence) -> Option<Sequence> {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        *late = late.filter(|late| horizon <= late.at);
        late.map(|late| late.first)
    }
}

impl Applier {
    /// What is settled follows where the applier stands.
    pub(super) fn tell_settled(&self) {
        let settled = self.cursor.and_then(|Cursor { checkpoint, heal_floor, .. }| {
            let parked = self.desk.parked().all().map(|parked| parked.seq).next();
            let late = self.desk.settled.first_late(checkpoint?.horizon);
            let first = parked.into_iter().chain(late).min();
            Some(settled(&checkpoint?, heal_floor, first))
        });
        self.desk.settled.through.send_replace(settled.unwrap_or_default());
    }
}

/// Tells the log what it may give up, for as long as it is polled: once that is known,
/// then at intervals, since what is old enough changes with time, too.
pub(super) async fn retain(desk: &Desk) {
    let mut settled = desk.settled.through.subscribe();
    let mut has_failed = false;
    loop {
        let Ok(upto) = settled.wait_for(|upto| *upto > Sequence::ZERO).await.map(|upto| *upto)
        else {
            return;
        };
        match desk.ports.log.release(upto, desk.ports.clock.now()).await {
            Ok(_first) => has_failed = false,
            Err(error) if !has_failed => {
                has_failed = true;
                tracing::warn!(code = error.code(), reason = %error,
                    "the beginning of the log could not be given up; it is tried again");
            }
            Err(_same) => {}
        }
        sleep(desk.options.retention_interval).await;
    }
}
