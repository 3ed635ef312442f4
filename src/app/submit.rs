//! The way of a write, up to its outcome.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::desk::Desk;
use super::{Outcome, SubmitError, Submitted, Wait, WriteRequest};
use crate::domain::{Command, CommandId, Position, Submission};
use crate::ports::{LogError, Measurement, Refusal};

/// How long a client waits after the log refused, when nothing tells better.
const LOG_RETRY_SECONDS: u64 = 5;

/// Logs a command, durably, and waits for its outcome until the deadline, as long
/// as there is a database to tell it.
pub(super) async fn submit(
    desk: &Arc<Desk>,
    request: WriteRequest,
    deadline: Instant,
) -> Result<Submitted, SubmitError> {
    admit(desk, &request.command)?;
    let (note_id, wait) = (request.command.note_id().clone(), request.wait);
    // A task of its own: when the caller goes away, the command that is already
    // on its way must still be accounted for.
    let logged = tokio::spawn(append(Arc::clone(desk), request));
    let (position, outcome) = match timeout_at(deadline, logged).await {
        Ok(Ok(logged)) => logged?,
        Ok(Err(_)) | Err(_) => return Err(SubmitError::Unclear),
    };
    let command_id = CommandId { log: desk.ports.log.id(), seq: position.seq };
    let until = match wait {
        Wait::ToDeadline => deadline,
        Wait::Until(until) => until.min(deadline),
        Wait::No => return Ok(Submitted { command_id, note_id, outcome: None }),
    };
    let outcome = tokio::select! {
        biased;
        outcome = timeout_at(until, outcome) => outcome.ok().and_then(Result::ok),
        // It may be away for long, and the client has what it needs.
        () = desk.availability.known_away() => None,
    };
    Ok(Submitted { command_id, note_id, outcome })
}

/// Takes a place in the queue, or says why there is none.
fn admit(desk: &Desk, command: &Command) -> Result<(), SubmitError> {
    // Who accepts writes for as long as the database is away does so here, too.
    let is_stalled = desk.options.unavailable_after.is_some() && desk.is_stalled();
    if is_stalled || !desk.availability.accepts_writes() {
        return Err(refused(desk, Refusal::Unavailable));
    }
    let limits = desk.options.queue;
    let waiting = waiting(desk);
    let free = limits.max_commands.saturating_sub(waiting.commands);
    let free_bytes = limits.max_bytes.saturating_sub(waiting.bytes);
    if !desk.pending.enter(command.size(), free, free_bytes) {
        return Err(refused(desk, Refusal::QueueFull));
    }
    Ok(())
}

async fn append(
    desk: Arc<Desk>,
    request: WriteRequest,
) -> Result<(Position, oneshot::Receiver<Outcome>), SubmitError> {
    let started = Instant::now();
    let note_id = request.command.note_id().clone();
    let size = request.command.size();
    let is_awaited = request.wait != Wait::No;
    let submission = Submission {
        accepted_at: desk.ports.clock.now(),
        command: request.command,
        precondition: request.precondition,
        idempotency: None,
        principal: None,
        trace_id: request.trace_id,
    };
    match desk.ports.log.append(submission).await {
        Ok(position) => {
            let outcome = desk.pending.register(position.seq, &note_id, size, is_awaited);
            desk.availability.log_answered(None);
            let took = started.elapsed();
            desk.ports.metrics.record(Measurement::Appended { seq: position.seq, took });
            Ok((position, outcome))
        }
        Err(error) => {
            desk.pending.leave(size);
            Err(not_logged(&desk, &error))
        }
    }
}

/// What the client is told when the log did not take its command.
fn not_logged(desk: &Desk, error: &LogError) -> SubmitError {
    match error {
        LogError::TooLarge { bytes, max_bytes } => {
            return SubmitError::TooLarge { bytes: *bytes, max_bytes: *max_bytes };
        }
        LogError::Closed => return refused(desk, Refusal::ShuttingDown),
        _ => {}
    }
    // On a full disk every write fails, or every other one; one line tells it.
    let code = error.code();
    if desk.availability.log_answered(Some(code))
        && let Some(suppressed) = desk.repeats.tell("a command was not logged", code)
    {
        tracing::error!(code, reason = %error, suppressed, "a command was not logged");
    }
    match error {
        LogError::Full { .. } | LogError::Refused { .. } => refused(desk, Refusal::Disk),
        _ => SubmitError::Unclear,
    }
}

fn refused(desk: &Desk, refusal: Refusal) -> SubmitError {
    desk.ports.metrics.record(Measurement::Refused(refusal));
    let retry_after_seconds = match refusal {
        Refusal::Unavailable | Refusal::QueueFull => desk.availability.retry_after_seconds(),
        Refusal::Disk | Refusal::ShuttingDown => LOG_RETRY_SECONDS,
    };
    SubmitError::Refused { refusal, retry_after_seconds }
}

/// What waits for the database, the parked commands included.
pub(super) struct Waiting {
    pub(super) commands: u64,
    pub(super) bytes: u64,
}

pub(super) fn waiting(desk: &Desk) -> Waiting {
    let last = desk.ports.log.positions().last;
    let since = desk.pending.waiting_since();
    Waiting {
        commands: last.seq.since(since.seq) + desk.parked().len(),
        bytes: last.end.saturating_sub(since.end),
    }
}
