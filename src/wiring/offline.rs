//! What is done with log and database while no service runs on them.

use std::num::NonZeroU32;
use std::sync::Arc;

use tracing::warn;

use super::database::{Reach, make_store, reach};
use super::{ServiceError, app_options, open_log, ports};
use crate::adapters::cli::{Audited, Comparison, Posted, Progress, Until};
use crate::adapters::settings::Settings;
use crate::app::{Audit, AuditedNote, Backlog, BoundedLog, Replay, ReplayError};
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

/// Compares the database of the settings with the log, and changes no command and
/// no note.
///
/// # Errors
/// When the log is in use or damaged, no longer begins with its first command, or
/// does not belong to the database, and when there is no database to compare with.
pub async fn audit(settings: Settings) -> Result<Audited, ServiceError> {
    if let Reach::Nobody(why) = reach(&settings) {
        return Err(ReplayError::Refused(format!("there is nothing to audit: {why}")).into());
    }
    let log = open_log(&settings).await?;
    let store = make_store(&settings)?;
    let mut replay = Replay::new(ports(&log, &store), app_options(&settings));
    let audited = async {
        replay.connect().await?;
        // That they belong together.
        replay.backlog().await?;
        let may_be_healed = replay.vouches() == Continuity::Suspect;
        let audit = Audit::new(Arc::clone(&log), Arc::clone(&store)).await?;
        compare(audit, may_be_healed).await
    };
    let audited = audited.await;
    finish(audited, replay.vouches(), &*log, &*store).await
}

pub(super) async fn compare(mut audit: Audit, may_be_healed: bool) -> Result<Audited, ReplayError> {
    let mut judging = Progress::new("judging", Some(audit.commands()));
    audit.fold(|seq| judging.set(seq.get())).await?;
    drop(judging);
    let notes = audit.list().await?;
    let mut comparing = Progress::of("notes", "comparing", Some(notes));
    let mut comparison = Comparison::default();
    let mut taken = Ok(());
    let take = |note: AuditedNote<'_>| {
        if taken.is_ok() {
            taken = comparison.take(note);
        }
    };
    audit.compare(take, |notes| comparing.set(notes)).await?;
    taken.map_err(|error| ReplayError::Refused(format!("a note has no JSON: {error}")))?;
    Ok(comparison.audited(&audit, may_be_healed))
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
        warn!(code = error.code(), reason = %error, "the database was not closed cleanly");
    }
    let closed = log.close().await.map_err(ServiceError::Close);
    let done = done?;
    closed?;
    Ok(done)
}
