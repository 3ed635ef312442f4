//! One more attempt for every parked command.
//!
//! The transaction of an attempt needs no marker: if it is lost, the command is
//! parked again, and attempted again. The marker that tells the version which an
//! applied command gave to its note must not stand in place of that of a whole
//! batch, which has the same key where the command is the last of the batch.

use tokio::time::Instant;

use super::applied::each_parked;
use super::attach::Failure;
use super::desk::{Contention, Desk, parking};
use super::judge::judge;
use super::parking::ParkedCommands;
use super::telling::{self, COMMANDS};
use crate::domain::{Entry, NoteId, Rejection, Sequence};
use crate::ports::{Batch, Checkpoint, Marker, Parked, StoreError};

/// Learns from the database which commands are parked.
pub(super) async fn learn_parked(desk: &Desk) -> Result<(), StoreError> {
    let mut known = ParkedCommands::default();
    let (store, log) = (&*desk.ports.store, desk.ports.log.id());
    each_parked(store, log, |parked| known.insert(parked)).await?;
    desk.found_parked(known);
    Ok(())
}

/// Attempts the parked commands of each note in order, up to the first that is
/// still refused. Returns the checkpoint after that.
pub(super) async fn retry_parked(
    desk: &Desk,
    mut checkpoint: Checkpoint,
) -> Result<Checkpoint, Failure> {
    let notes = desk.parked().notes();
    for note in notes {
        checkpoint = retry_note(desk, checkpoint, &note).await?;
    }
    Ok(checkpoint)
}

/// The same for one note.
pub(super) async fn retry_note(
    desk: &Desk,
    mut checkpoint: Checkpoint,
    note: &NoteId,
) -> Result<Checkpoint, Failure> {
    let commands = desk.parked().of_note(note);
    for seq in commands {
        let Some(entry) = retained(desk, seq).await? else { break };
        let released;
        (checkpoint, released) = retry(desk, checkpoint, note, &entry).await?;
        if !released {
            break;
        }
    }
    Ok(checkpoint)
}

/// Gives a parked command up: it is told as rejected from then on. If that
/// transaction is lost, it is parked again.
pub(super) async fn discard(
    desk: &Desk,
    checkpoint: Checkpoint,
    seq: Sequence,
) -> Result<Checkpoint, Failure> {
    let moved = Checkpoint { commit: checkpoint.commit + 1, ..checkpoint };
    let alone = Marker { first: seq, last: seq };
    let batch = Batch::new(desk.ports.log.id(), Some(checkpoint), moved, alone);
    let rejections = vec![(seq, Rejection::Discarded)];
    let batch = Batch { marker: None, rejections, released: vec![seq], ..batch };
    desk.commit(&batch, &[]).await?;
    Ok(moved)
}

/// The command, if the log still has it.
pub(super) async fn retained(desk: &Desk, seq: Sequence) -> Result<Option<Entry>, Failure> {
    let found = match seq < desk.ports.log.positions().first {
        true => None,
        false => desk.read(seq, 1).await?.into_iter().next(),
    };
    let found = found.filter(|entry| entry.seq() == seq);
    if found.is_none() {
        tracing::error!(target: COMMANDS, seq = seq.get(), "the log no longer holds a parked command as it was submitted");
    }
    Ok(found)
}

/// Attempts one command. Tells whether it is no longer parked.
async fn retry(
    desk: &Desk,
    checkpoint: Checkpoint,
    note: &NoteId,
    entry: &Entry,
) -> Result<(Checkpoint, bool), Failure> {
    let log = desk.ports.log.id();
    let (seq, expected) = (entry.seq(), Some(checkpoint));
    let moved = Checkpoint { commit: checkpoint.commit + 1, ..checkpoint };
    let alone = Marker { first: seq, last: seq };
    let standing = desk.ports.store.markers(log, seq, 1).await?;
    let is_taken = standing.first().is_some_and(|other| other.last == seq && other != &alone);
    let (mut contention, started) = (Contention::default(), Instant::now());
    loop {
        let attempt = async {
            let stored = desk.ports.store.load(std::slice::from_ref(note)).await?;
            let (none, now) = (ParkedCommands::default(), desk.ports.clock.now());
            let judged = judge(log, std::slice::from_ref(entry), stored, &none, now);
            let mut batch = judged.batch(log, expected, moved, alone);
            batch.marker = batch.marker.filter(|_| !is_taken);
            batch.released.push(seq);
            desk.commit(&batch, &[]).await.map(|()| judged.outcomes.into_iter().next())
        };
        match attempt.await {
            Ok(outcome) => {
                let outcome = outcome.as_ref().map(|(_, outcome)| outcome);
                telling::released(entry, outcome, started.elapsed());
                return Ok((moved, true));
            }
            Err(error) if contention.goes_on(&error).await => {}
            Err(error) if error.is_poison() => {
                let parked = still_parked(desk, seq, &error);
                let Some(parked) = parked else { return Ok((checkpoint, false)) };
                let parking = parking(log, expected, moved, seq, parked);
                let batch = Batch { marker: None, ..parking };
                desk.commit(&batch, std::slice::from_ref(entry)).await?;
                return Ok((moved, false));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The record of a parked command after one more refusal.
fn still_parked(desk: &Desk, seq: Sequence, error: &StoreError) -> Option<Parked> {
    let parked = desk.parked();
    let known = parked.get(seq)?;
    let attempts = known.attempts.saturating_add(1);
    Some(Parked { attempts, reason: error.to_string(), ..known.clone() })
}
