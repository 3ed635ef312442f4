//! The comparison of what was acknowledged with what the service tells.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep};

use crate::api::Api;
use crate::daemon::Daemon;
use crate::history::Breach;
use crate::ledger::{Tally, compare};
use crate::writer::{Step, Writer};

/// Every order of a list that an index of its own may serve.
const SORTS: [&str; 4] = ["created_at", "-created_at", "updated_at", "-updated_at"];

const POLL: Duration = Duration::from_millis(10);

/// Waits until the service is healthy and nothing waits for the database, and
/// tells how long that took.
///
/// # Errors
/// When the service ends, or that takes longer than the limit.
pub async fn drained(daemon: &mut Daemon, api: &Api, limit: Duration) -> Result<Duration> {
    let started = Instant::now();
    loop {
        let health = api.health().await;
        if let Ok(health) = &health
            && health.state == "healthy"
            && health.queued == 0
        {
            return Ok(started.elapsed());
        }
        daemon.check()?;
        let told = || format!("{health:?}{}", daemon.told());
        ensure!(started.elapsed() < limit, "the queue was not empty after {limit:?}: {}", told());
        sleep(POLL).await;
    }
}

/// Compares every note with what `GET` and the lists tell of it, once nobody
/// writes any more, and tells how many notes are listed.
///
/// The service is drained and ready before, so it must answer: a read that is
/// refused is not asked again, but counted as an answer that nothing explains.
///
/// # Errors
/// When the service is gone, is not ready, or does not list its notes.
pub async fn compare_all(
    daemon: &mut Daemon,
    api: &Api,
    writers: &mut [Writer],
    tally: &mut Tally,
    limit: Duration,
) -> Result<usize> {
    drained(daemon, api, limit).await?;
    ensure!(api.is_ready().await, "the service is healthy and not ready{}", daemon.told());
    let parked = api.health().await?.parked;
    if parked > 0 {
        tally.count(Breach::Unexpected, &format!("{parked} commands are parked"));
    }
    let mut refused = Vec::new();
    for writer in &mut *writers {
        for index in 0..writer.accounts.len() {
            match writer.look(api, index).await {
                Step::Answered => {}
                Step::Refused => refused.extend(writer.refusal.take()),
                Step::Doubtful | Step::Gone => {
                    daemon.check()?;
                    anyhow::bail!("a note could not be read{}", daemon.told());
                }
            }
        }
    }
    for problem in &refused {
        let what = format!("a read was refused although the service is ready: {problem}");
        tally.count(Breach::Unexpected, &what);
    }
    if !refused.is_empty() {
        println!("after {} such reads {:?}{}", refused.len(), api.health().await?, daemon.told());
    }
    let mut accounts: Vec<_> =
        writers.iter().flat_map(|writer| writer.accounts.iter().cloned()).collect();
    let mut listed = 0;
    for sort in SORTS {
        let list = api.list(sort).await;
        let list = list.with_context(|| format!("listing by {sort}{}", daemon.told()))?;
        compare(&mut accounts, &list, tally);
        listed = list.len();
    }
    // What the list told of notes without an id holds from now on.
    let mut accounts = accounts.into_iter();
    for writer in writers {
        let count = writer.accounts.len();
        writer.accounts = accounts.by_ref().take(count).collect();
    }
    Ok(listed)
}
