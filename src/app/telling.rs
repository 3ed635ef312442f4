//! What became of commands, as the log lines and traces tell it.
//!
//! Everything that is the fate of one command has one target, and names the
//! command, its note and the trace of the request that submitted it, which the
//! command log has kept: so the two meet, whenever and by whichever process the
//! command is applied.

use std::time::Duration;

use super::Outcome;
use super::judge::outcome_name;
use super::parking::{ParkedCommands, Refused};
use crate::domain::{Entry, NoteId, Sequence};
use crate::ports::{Batch, StoreError};

/// The target of what is told of single commands.
pub const COMMANDS: &str = "daybook::commands";

/// So many milliseconds, for a field that ends in `_ms`.
pub(super) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The same for what is not measured to less than that.
pub(super) fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn of(entries: &[Entry], seq: Sequence) -> Option<&Entry> {
    let found = entries.binary_search_by_key(&seq, Entry::seq).ok()?;
    entries.get(found)
}

fn trace_of(entries: &[Entry], seq: Sequence) -> Option<&str> {
    of(entries, seq)?.submission.trace_id.as_deref()
}

/// These came of commands, in a transaction that took so long.
pub(super) fn judged(entries: &[Entry], outcomes: &[(Sequence, Outcome)], took: Duration) {
    if !tracing::enabled!(target: COMMANDS, tracing::Level::DEBUG) {
        return;
    }
    let duration_ms = ms(took);
    for (seq, outcome) in outcomes {
        let Some(entry) = of(entries, *seq) else { continue };
        let (note, trace_id) = (entry.note_id(), entry.submission.trace_id.as_deref());
        let (seq, name) = (seq.get(), outcome_name(outcome));
        match outcome {
            Ok(_) => tracing::debug!(
                target: COMMANDS, seq, %note, outcome = name, duration_ms, trace_id,
                "a command was applied"
            ),
            Err(_) => tracing::debug!(
                target: COMMANDS, seq, %note, outcome = name, duration_ms, trace_id,
                "a command was rejected"
            ),
        }
    }
}

/// A transaction parked some of these commands.
pub(super) fn parked(batch: &Batch, entries: &[Entry], known: &ParkedCommands) {
    for parked in &batch.parked {
        let trace_id = trace_of(entries, parked.seq);
        let (seq, note, attempts) = (parked.seq.get(), &parked.note, parked.attempts);
        let (outcome, reason) = ("parked", parked.reason.as_str());
        if attempts == 0 {
            tracing::debug!(
                target: COMMANDS, seq, %note, outcome, reason, trace_id,
                "a command waits behind a parked one"
            );
        } else if known.get(parked.seq).is_some() {
            tracing::warn!(
                target: COMMANDS, seq, %note, outcome, attempts, reason, trace_id,
                "a parked command was refused again"
            );
        } else {
            tracing::error!(
                target: COMMANDS, seq, %note, outcome, attempts, reason, trace_id,
                "a command cannot be applied and is parked; others go on"
            );
        }
    }
}

/// A parked command was attempted once more and is no longer parked. There is no
/// outcome where its note had it already.
pub(super) fn released(entry: &Entry, outcome: Option<&Outcome>, took: Duration) {
    let (seq, note) = (entry.seq().get(), entry.note_id());
    let trace_id = entry.submission.trace_id.as_deref();
    let outcome = outcome.map_or("applied", outcome_name);
    tracing::info!(
        target: COMMANDS, seq, %note, outcome, duration_ms = ms(took), trace_id,
        "a parked command is no longer parked"
    );
}

/// A parked command was given up.
pub(super) fn discarded(seq: Sequence, note: &NoteId, entry: Option<&Entry>) {
    let trace_id = entry.and_then(|entry| entry.submission.trace_id.as_deref());
    tracing::warn!(
        target: COMMANDS, seq = seq.get(), %note, outcome = "discarded", trace_id,
        "a parked command was discarded"
    );
}

/// Commands of which `first` is the first were refused. Tells what is done about
/// it, but for the parking, which is told when it is done.
pub(super) fn refused(refused: Refused, commands: usize, first: &Entry, error: &StoreError) {
    let seq = first.seq().get();
    match refused {
        Refused::Narrow => tracing::debug!(
            first = seq, commands, code = error.code(), reason = %error,
            "a batch was refused; half of it is attempted"
        ),
        Refused::Again(pause) => tracing::warn!(
            target: COMMANDS, seq, note = %first.note_id(), code = error.code(), reason = %error,
            retry_after_ms = whole_ms(pause), trace_id = first.submission.trace_id.as_deref(),
            "a command was refused and is attempted again"
        ),
        Refused::Park(_) => {}
    }
}
