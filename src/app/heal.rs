//! Putting back what the database had acknowledged and lost.
//!
//! Every batch leaves a marker in its own transaction, so a stretch of log
//! without a marker is a stretch whose transaction is gone. Its commands are
//! judged again, in log order, against the notes as they are:
//!
//! * A note that was last changed by the same or a later command stays as it is.
//!   Batches hold whole notes, so a later one that survived has all of it. This
//!   goes for deletions too, by the trace that they leave. The repair writes the
//!   note as it is: were that later batch lost one day, the marker of the repair
//!   would otherwise stand for a note that nothing holds any more.
//! * Any other note is as it was before the lost batch, because every earlier
//!   loss was repaired first. Judging gives the same result as the first time.
//!
//! A lost transaction takes its index entries with it and leaves the notes to
//! later ones, so the indexes are made anew before the first repair. From then
//! on each repair keeps them right by itself, and a crash in between leaves a gap
//! that starts this over. Where a crash can take a part of the new indexes
//! ([`Rebuilt::Volatile`]), the checkpoint tells since when, and until that is
//! behind the horizon every comparison makes them anew, whatever it finds.
//!
//! The repair is a batch like any other: it leaves a marker, it may be lost
//! itself, and repeating it changes nothing.

use tokio::time::{Instant, sleep};

use super::attach::Failure;
use super::desk::{Contention, Desk, parking};
use super::parking::{Narrowing, Refused};
use super::telling;
use crate::domain::{Entry, Sequence};
use crate::ports::{Batch, Checkpoint, Marker, Measurement, Rebuilt};

/// How many markers are asked for at once.
const MARKERS_PER_READ: usize = 4096;

/// More markers than lie within another: those of parked commands that were
/// released, of which a batch has no more than commands.
const MOST_WITHIN: usize = 2048;

/// Compares the markers from the horizon to the checkpoint with the log and
/// applies again what is missing. Returns the checkpoint after the repairs, and
/// what the next one has to say of the indexes.
pub(super) async fn heal(
    desk: &Desk,
    mut checkpoint: Checkpoint,
) -> Result<(Checkpoint, Sequence), Failure> {
    let first = checkpoint.horizon.max(desk.ports.log.positions().first);
    tracing::info!(
        first = first.get(),
        last = checkpoint.applied.get(),
        "comparing the database with the log"
    );
    let mut rebuilt_at = checkpoint.rebuilt_at;
    let mut found = next_gap(desk, first, checkpoint.applied).await?;
    if found.is_some() || rebuilt_at >= checkpoint.horizon {
        match found {
            Some(_) => tracing::warn!("the database has lost commands"),
            None => tracing::info!("the database may have lost a part of its indexes"),
        }
        checkpoint = fence(desk, checkpoint).await?;
        rebuilt_at = match desk.ports.store.rebuild_indexes().await? {
            Rebuilt::Durable => Sequence::ZERO,
            Rebuilt::Volatile => checkpoint.applied,
        };
    }
    let mut gaps = 0;
    while let Some(gap) = found {
        checkpoint = repair(desk, checkpoint, rebuilt_at, gap).await?;
        gaps += 1;
        found = next_gap(desk, gap.last.next(), checkpoint.applied).await?;
    }
    if gaps > 0 {
        desk.ports.metrics.record(Measurement::Healed { batches: gaps });
    }
    tracing::info!(healed_batches = gaps, "the database has everything it had acknowledged");
    Ok((checkpoint, rebuilt_at))
}

/// Moves the checkpoint on, so that no commit that is still on its way takes
/// effect while the indexes are made.
async fn fence(desk: &Desk, checkpoint: Checkpoint) -> Result<Checkpoint, Failure> {
    let fenced = Checkpoint { commit: checkpoint.commit + 1, ..checkpoint };
    let nothing = Marker { first: checkpoint.applied, last: checkpoint.applied };
    let batch = Batch::new(desk.ports.log.id(), Some(checkpoint), fenced, nothing);
    desk.commit(&Batch { marker: None, ..batch }, &[]).await?;
    Ok(fenced)
}

/// The first stretch from `from` to `upto` that no marker covers.
async fn next_gap(
    desk: &Desk,
    mut from: Sequence,
    upto: Sequence,
) -> Result<Option<Marker>, Failure> {
    let log = desk.ports.log.id();
    while from <= upto {
        let mut markers = desk.ports.store.markers(log, from, MARKERS_PER_READ).await?;
        let is_last = markers.len() < MARKERS_PER_READ;
        // Each as far back as it reaches, or one after it that has it within.
        let mut reach = upto.next();
        for marker in markers.iter_mut().rev() {
            reach = reach.min(marker.first);
            marker.first = reach;
        }
        if !is_last {
            // What has the last of these within may be among the next.
            markers.truncate(MARKERS_PER_READ - MOST_WITHIN);
        }
        for marker in &markers {
            if marker.first > from {
                return Ok(Some(Marker { first: from, last: marker.first.previous().min(upto) }));
            }
            from = from.max(marker.last.next());
        }
        if is_last {
            break;
        }
    }
    Ok((from <= upto).then_some(Marker { first: from, last: upto }))
}

/// Applies the commands of a gap again, in as many transactions as it takes.
async fn repair(
    desk: &Desk,
    mut checkpoint: Checkpoint,
    rebuilt_at: Sequence,
    gap: Marker,
) -> Result<Checkpoint, Failure> {
    let log = desk.ports.log.id();
    let (mut restored, mut left_alone) = (0, 0);
    let mut narrowing = Narrowing::new(desk.options.batch.max_commands);
    let mut contention = Contention::default();
    let mut from = gap.first;
    while from <= gap.last {
        let mut entries = desk.read(from, narrowing.limit()).await?;
        entries.retain(|entry| entry.seq() <= gap.last);
        let (Some(first), Some(last)) = (entries.first(), entries.last().map(Entry::seq)) else {
            break;
        };
        let marker = Marker { first: from, last };
        let repaired = Checkpoint { commit: checkpoint.commit + 1, rebuilt_at, ..checkpoint };
        let started = Instant::now();
        let posted = match desk.judge(&entries).await {
            Ok(judged) => {
                let batch = judged.batch(log, Some(checkpoint), repaired, marker);
                desk.commit(&batch, &entries).await.map(|()| {
                    telling::judged(&entries, &judged.outcomes, started.elapsed());
                    (judged.outcomes.len(), judged.left_alone)
                })
            }
            Err(error) => Err(error),
        };
        match posted {
            Ok((again, alone)) => {
                restored += again;
                left_alone += alone;
                narrowing.committed();
            }
            Err(error) if contention.goes_on(&error).await => continue,
            Err(error) if error.is_poison() => {
                let refused = narrowing.refused(entries.len());
                telling::refused(refused, entries.len(), first, &error);
                match refused {
                    Refused::Narrow => continue,
                    Refused::Again(pause) => {
                        sleep(pause).await;
                        continue;
                    }
                    Refused::Park(attempts) => {
                        let parked = desk.parked_now(first, attempts, &error);
                        let batch = parking(log, Some(checkpoint), repaired, from, parked);
                        desk.commit(&batch, &entries).await?;
                        narrowing.committed();
                    }
                }
            }
            Err(error) => return Err(error.into()),
        }
        checkpoint = repaired;
        from = last.next();
    }
    tracing::warn!(
        first = gap.first.get(),
        last = gap.last.get(),
        restored,
        left_alone,
        "the database had lost commands that it had acknowledged; they were applied again"
    );
    Ok(checkpoint)
}
