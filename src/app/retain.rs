//! Letting the log give up what nobody needs any more.

use tokio::sync::watch;
use tokio::time::sleep;

use super::Applier;
use super::attach::Cursor;
use super::compact::settled;
use super::desk::Desk;
use crate::domain::Sequence;

/// The last command that nobody needs as it was submitted any more, as long as log and
/// database are known to be together; 0 otherwise.
#[derive(Debug, Default)]
pub(super) struct Settled(watch::Sender<Sequence>);

impl Applier {
    /// What is settled follows where the applier stands.
    pub(super) fn tell_settled(&self) {
        let settled = self.cursor.and_then(|Cursor { checkpoint, heal_floor, .. }| {
            let first_parked = self.desk.parked().all().map(|parked| parked.seq).next();
            Some(settled(&checkpoint?, heal_floor, first_parked))
        });
        self.desk.settled.0.send_replace(settled.unwrap_or_default());
    }
}

/// Tells the log what it may give up, for as long as it is polled: once that is known,
/// then at intervals, since what is old enough changes with time, too.
pub(super) async fn retain(desk: &Desk) {
    let mut settled = desk.settled.0.subscribe();
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
                tracing::warn!(code = error.code(), %error,
                    "the beginning of the log could not be given up; it is tried again");
            }
            Err(_same) => {}
        }
        sleep(desk.options.retention_interval).await;
    }
}
