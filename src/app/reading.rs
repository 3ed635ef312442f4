//! The way of a read of one note: from the database while it answers, or else
//! from what is known without it.

use tokio::time::{Instant, sleep_until, timeout_at};

use super::desk::Desk;
use super::index_backlog::index_upto;
use super::overlay::{overlay, overlay_held};
use super::{Consistency, ReadError, ReadNote};
use crate::domain::NoteId;
use crate::ports::{LogError, Measurement, StoreError};

/// How a wait for the database ended.
enum Waited<T> {
    /// It did what was waited for.
    Done(T),
    /// It went away.
    Away,
    /// The time was up.
    Late,
}

/// Reads a note, with every change that was acknowledged before.
pub(super) async fn get(
    desk: &Desk,
    id: &NoteId,
    deadline: Instant,
) -> Result<ReadNote, ReadError> {
    if desk.availability.is_up()
        && let Some(note) = from_database(desk, id, deadline).await?
    {
        return Ok(note);
    }
    without_database(desk, id, deadline).await.ok_or_else(|| unavailable(desk))
}

/// Reads the database once it has what was acknowledged. A database that is slow
/// is given half of the time before the note is told without it. `None` when it
/// went away.
async fn from_database(
    desk: &Desk,
    id: &NoteId,
    deadline: Instant,
) -> Result<Option<ReadNote>, ReadError> {
    if let Some(note) = settled(desk, id) {
        return Ok(Some(note));
    }
    let mut patient = Patience { desk, id, deadline, asked: false };
    match patient.wait(caught_up(desk, id)).await? {
        Ok(()) => {}
        Err(instead) => return Ok(instead),
    }
    if let Some(note) = settled(desk, id) {
        return Ok(Some(note));
    }
    loop {
        let reading = desk.pending.reading(id);
        let found = match patient.wait(desk.ports.store.get(id)).await? {
            Ok(found) => found,
            Err(instead) => return Ok(instead),
        };
        let note = match found {
            Ok(note) => note,
            Err(error) => {
                return match failed(desk, &error) {
                    ReadError::Unavailable { .. } => Ok(None),
                    internal @ ReadError::Internal => Err(internal),
                };
            }
        };
        let end = desk.ports.log.positions().last.seq;
        if !desk.pending.read(id, &reading, note.as_ref(), end) {
            // A command that stood aside was applied, before or after the read.
            continue;
        }
        if reading.held.is_empty() {
            let consistency = Consistency::Current;
            return Ok(Some(ReadNote { note, consistency, assumed: false }));
        }
        let held = timeout_at(deadline, overlay_held(desk, id, note)).await;
        return held
            .ok()
            .and_then(|held| readable(desk, held))
            .map(Some)
            .ok_or_else(|| unavailable(desk));
    }
}

/// The note without asking a database that nobody else changes, where that is
/// possible.
fn settled(desk: &Desk, id: &NoteId) -> Option<ReadNote> {
    if !desk.ports.store.is_exclusive() {
        return None;
    }
    let note = desk.pending.settled(id)?;
    Some(ReadNote { note, consistency: Consistency::Current, assumed: false })
}

/// One request's patience with the database.
struct Patience<'a> {
    desk: &'a Desk,
    id: &'a NoteId,
    deadline: Instant,
    /// Whether it was tried to do without the database.
    asked: bool,
}

impl Patience<'_> {
    /// Waits for the database as long as nothing better can be done: `Ok(Err)`
    /// is what to answer instead, `None` when the database went away.
    async fn wait<T>(
        &mut self,
        call: impl Future<Output = T>,
    ) -> Result<Result<T, Option<ReadNote>>, ReadError> {
        let Self { desk, id, deadline, .. } = *self;
        let mut call = std::pin::pin!(call);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let until = if self.asked { deadline } else { Instant::now() + left / 2 };
            let waited = tokio::select! {
                biased;
                done = &mut call => Waited::Done(done),
                () = desk.availability.away() => Waited::Away,
                () = sleep_until(until) => Waited::Late,
            };
            match waited {
                Waited::Done(done) => return Ok(Ok(done)),
                Waited::Away => return Ok(Err(None)),
                Waited::Late if self.asked => return Err(unavailable(desk)),
                Waited::Late => {
                    self.asked = true;
                    let known = without_database(desk, id, deadline).await;
                    if known.is_some() {
                        return Ok(Err(known));
                    }
                }
            }
        }
    }
}

/// Waits until the database has every acknowledged change of that note.
async fn caught_up(desk: &Desk, id: &NoteId) {
    let end = desk.pending.backlog_end();
    if readable(desk, index_upto(desk, end).await.map(Some)).is_none() {
        // Any note may have a command in the backlog.
        desk.pending.applied_upto(end).await;
    }
    if let Some(seq) = desk.pending.waits_for(id) {
        desk.pending.applied_upto(seq).await;
    }
}

/// What is known without the database.
async fn without_database(desk: &Desk, id: &NoteId, deadline: Instant) -> Option<ReadNote> {
    let known = timeout_at(deadline, overlay(desk, id)).await;
    known.ok().and_then(|known| readable(desk, known))
}

fn readable<T>(desk: &Desk, read: Result<Option<T>, LogError>) -> Option<T> {
    read.unwrap_or_else(|error| {
        if matches!(error, LogError::Corrupt { .. }) {
            desk.ports.metrics.record(Measurement::CorruptRead);
        }
        let code = error.code();
        if let Some(suppressed) = desk.repeats.tell("the log could not be read", code) {
            tracing::warn!(code, reason = %error, suppressed, "the log could not be read for a note");
        }
        None
    })
}

/// A read of the database failed.
pub(super) fn failed(desk: &Desk, error: &StoreError) -> ReadError {
    // In an outage each request may meet it.
    if let Some(suppressed) = desk.repeats.tell("a read failed", error.code()) {
        tracing::warn!(code = error.code(), reason = %error, suppressed, "a read failed");
    }
    if error.is_transient() { unavailable(desk) } else { ReadError::Internal }
}

/// The database is away, and what it knows is needed.
pub(super) fn unavailable(desk: &Desk) -> ReadError {
    let retry_after_seconds = desk.availability.retry_after_seconds();
    ReadError::Unavailable { retry_after_seconds }
}
