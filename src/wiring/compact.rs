//! Putting a snapshot in the place of history that was applied.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::database::make_store;
use super::offline::{compare, finish};
use super::{ServiceError, app_options, log_options, open_log, ports};
use crate::adapters::cli::{Compacted, Progress, Snapshotted};
use crate::adapters::file_log::LOG_FOLDER;
use crate::adapters::file_log::disk::OsDisk;
use crate::adapters::file_log::snapshot::Snapshot;
use crate::adapters::file_log::survey::{Segment, survey};
use crate::adapters::settings::Settings;
use crate::app::{Audit, Compaction, Replay, ReplayError};
use crate::domain::Sequence;
use crate::ports::{CommandLog, NoteStore};

/// Finds the segments whose commands nobody needs as they were submitted any more,
/// and unless it is a dry run puts a snapshot in their place.
///
/// # Errors
/// When the log is in use or damaged, or no longer begins with its first command, the
/// database is not reached or not one of this log, or the snapshot cannot be made.
/// The log is then as it was, or compacted.
pub async fn compact(settings: Settings, dry_run: bool) -> Result<Compacted, ServiceError> {
    let log = open_log(&settings).await?;
    let store: Arc<dyn NoteStore> = make_store(&settings)?;
    let mut replay = Replay::new(ports(&log, &store), app_options(&settings));
    let compacted = async {
        replay.connect().await?;
        // That they belong together.
        replay.backlog().await?;
        let audit = Audit::new(Arc::clone(&log), Arc::clone(&store)).await?;
        let settled = replay.settled().await?;
        let segments = segments(&settings)?;
        let compacted = log.positions().compacted;
        let bytes_before = segments.iter().map(|segment| segment.bytes).sum();
        let sealed = segments.split_last().map_or(&[][..], |(_, sealed)| sealed);
        let through = sealed.iter().map(Segment::last).filter(|last| *last <= settled).max();
        let through = through.filter(|through| *through > compacted);
        let found = Compacted { settled, compacted, through, bytes_before, snapshot: None };
        let Some(through) = through else { return Ok(found) };
        check_alone(audit).await?;
        if dry_run {
            return Ok(found);
        }
        let snapshot = replace(&settings, &log, &store, through).await?;
        Ok(Compacted { snapshot: Some(snapshot), ..found })
    };
    let compacted: Result<Compacted, ServiceError> = compacted.await;
    finish(compacted, replay.vouches(), &*log, &*store).await
}

/// Makes sure that the log alone tells what the database has: where other logs changed
/// the same notes, or commands are lost, what it would be judged to amount to is not
/// what its commands did, and they are all that tells.
async fn check_alone(audit: Audit) -> Result<(), ServiceError> {
    let audited = compare(audit, false).await?;
    if audited.is_whole() {
        return Ok(());
    }
    let why = "the log alone does not tell what the database has: notes differ, or other logs have \
               changed them; `daybook log audit` shows which. Nothing was compacted";
    Err(ReplayError::Refused(why.to_owned()).into())
}

/// The segments of the log, whose lock is held.
fn segments(settings: &Settings) -> Result<Vec<Segment>, ServiceError> {
    let dir = settings.data_dir.join(LOG_FOLDER);
    let last_only = Sequence::new(u64::MAX);
    let found = survey(&OsDisk, &dir, last_only, &mut |_| ControlFlow::Continue(()));
    Ok(found.map_err(|fault| ServiceError::Read(fault.into()))?.segments)
}

async fn replace(
    settings: &Settings,
    log: &Arc<dyn CommandLog>,
    store: &Arc<dyn NoteStore>,
    through: Sequence,
) -> Result<Snapshotted, ServiceError> {
    let mut compaction = Compaction::new(Arc::clone(log), Arc::clone(store), through)?;
    let mut judging = Progress::new("judging", Some(compaction.commands()));
    compaction.fold(|seq| judging.set(seq.get())).await?;
    drop(judging);
    let failed = |error: &dyn std::error::Error| ServiceError::Snapshot(error.to_string());
    let dir = settings.data_dir.join(LOG_FOLDER);
    let format = log_options(settings).format;
    let mut snapshot =
        Snapshot::new(&OsDisk, &dir, log.id(), format, through).map_err(|error| failed(&error))?;
    let mut writing = Progress::new("writing", Some(compaction.kept()));
    for (written, (seq, what)) in (1..).zip(compaction.entries()) {
        snapshot.push(seq, &what).map_err(|error| failed(&error))?;
        writing.set(written);
    }
    drop(writing);
    let mut checking = Progress::new("checking", Some(compaction.kept()));
    let entries = (1..).zip(compaction.entries()).map(|(checked, entry)| {
        checking.set(checked);
        entry
    });
    let made = snapshot.take_over(entries).map_err(|error| failed(&error))?;
    let bytes_after = segments(settings)?.iter().map(|segment| segment.bytes).sum();
    let (notes, kept) = (compaction.notes(), compaction.kept());
    Ok(Snapshotted { path: made.path, bytes: made.bytes, notes, kept, bytes_after })
}
