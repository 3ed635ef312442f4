//! What is done with log and database while no service runs on them.

use std::num::NonZeroU32;
use std::sync::Arc;

use tracing::warn;

use super::database::make_store;
use super::{ServiceError, app_options, open_log, ports};
use crate::adapters::cli::{Posted, Progress, Until};
use crate::adapters::settings::Settings;
use crate::app::{Backlog, BoundedLog, Replay, ReplayError};
use crate::domain::Sequence;
use crate::ports::{CommandLog, Continuity, NoteStore};

/// Posts what waits in the log to the database of the settings, at most so many
/// commands a second; nothing if another command than `from` is the first that
/// waits.
///
/// # Errors
/// When the log is in use or damaged, or is not posted to its end.
pub async fn replay(
    settings: Settings,
    from: Option<u64>,
    dry_run: bool,
    per_second: Option<NonZeroU32>,
) -> Result<Posted, ServiceError> {
    let log = open_log(&settings).await?;
    let store = make_store(&settings)?;
    let mut replay = Replay::new(ports(&log, &store), app_options(&settings));
    let posted = async {
        replay.connect().await?;
        let backlog = replay.backlog().await?;
        let first = backlog.applied.map_or(backlog.first, Sequence::next);
        if let Some(from) = from.filter(|from| *from != first.get()) {
            let why = format!("the first command that waits is {first}, not {from}");
            return Err(ReplayError::Refused(why));
        }
        if dry_run {
            return Ok(Posted { backlog, commands: None, parked: replay.parked() });
        }
        post(&mut replay, backlog, per_second).await
    };
    let posted = posted.await;
    finish(posted, replay.vouches(), &*log, &*store).await
}

/// Makes the database of the settings, which must be empty, from the log.
///
/// # Errors
/// When the log is in use or damaged, the database is not empty, or the log is
/// not posted to its end.
pub async fn rebuild(settings: Settings, until: Option<Until>) -> Result<Posted, ServiceError> {
    let whole = open_log(&settings).await?;
    let bounded = match until {
        None => None,
        Some(Until::Sequence(seq)) => {
            Some(BoundedLog::upto(Arc::clone(&whole), Sequence::new(seq)).await)
        }
        Some(Until::Time(time)) => Some(BoundedLog::until(Arc::clone(&whole), time).await),
    };
    let log: Arc<dyn CommandLog> = match bounded.transpose().map_err(ServiceError::Read)? {
        Some(log) => Arc::new(log),
        None => Arc::clone(&whole),
    };
    let store = make_store(&settings)?;
    let mut replay = Replay::new(ports(&log, &store), app_options(&settings));
    let posted = async {
        replay.connect().await?;
        replay.check_empty().await?;
        let backlog = replay.backlog().await?;
        post(&mut replay, backlog, None).await
    };
    let posted = posted.await;
    finish(posted, replay.vouches(), &*whole, &*store).await
}

async fn post(
    replay: &mut Replay,
    backlog: Backlog,
    per_second: Option<NonZeroU32>,
) -> Result<Posted, ReplayError> {
    let first = backlog.applied.unwrap_or(backlog.first.previous());
    let mut progress = Progress::new("posting", Some(backlog.commands()));
    replay.run(per_second, |seq| progress.set(seq.since(first))).await?;
    Ok(Posted { backlog, commands: Some(backlog.commands()), parked: replay.parked() })
}

/// Closes log and database, whatever came before.
pub(super) async fn finish<T, E>(
    done: Result<T, E>,
    continuity: Continuity,
    log: &dyn CommandLog,
    store: &dyn NoteStore,
) -> Result<T, ServiceError>
where
    ServiceError: From<E>,
{
    if let Err(error) = store.close(continuity).await {
        warn!(code = error.code(), %error, "the database was not closed cleanly");
    }
    let closed = log.close().await.map_err(ServiceError::Close);
    let done = done?;
    closed?;
    Ok(done)
}
