//! Watching the database from aside, while the applier may be stuck in a call.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::daybook::queue;
use super::desk::Desk;
use super::telling::ms;

/// Asks the database for a sign of life as often as [`super::Options`] says, for
/// as long as it is polled. When there is none, the service is no longer Healthy
/// and the applier is woken.
pub(super) async fn watch(desk: &Desk) {
    let interval = desk.options.probe_interval;
    loop {
        sleep(interval).await;
        desk.look_at_applier();
        desk.availability.tell(queue(desk).is_nearly_full());
        if desk.availability.is_attached() {
            probe(desk, interval).await;
        }
    }
}

async fn probe(desk: &Desk, patience: Duration) {
    let started = Instant::now();
    let answer = timeout(patience, desk.ports.store.ping()).await;
    let now = desk.ports.clock.now();
    let (code, reason) = match answer {
        Ok(Ok(())) => return desk.availability.answered(now, started.elapsed()),
        Ok(Err(error)) => (error.code(), error.to_string()),
        Err(_) => ("timeout", "no answer came in time".to_owned()),
    };
    let waited_ms = ms(started.elapsed());
    if let Some(suppressed) = desk.repeats.tell("a probe was not answered", code) {
        tracing::warn!(code, reason, waited_ms, suppressed, "the database did not answer a probe");
    }
    desk.availability.silent(now, format!("the database does not answer: {code}"));
    desk.lost.notify_one();
}

/// Whether a wait for the database may end early, since it is back.
///
/// A database that was seen to be away and answers again is worth one attempt,
/// whatever the backoff says; one that answers while connecting fails is not.
#[derive(Debug, Default)]
pub(super) struct Return {
    seen_away: bool,
}

impl Return {
    /// Waits until the database is back.
    pub(super) async fn awaited(&mut self, desk: &Desk) {
        loop {
            if !desk.ports.store.is_reachable().await {
                self.seen_away = true;
            } else if std::mem::take(&mut self.seen_away) {
                return;
            }
            sleep(desk.options.return_interval).await;
        }
    }
}
