//! Parked commands in an operator's hands: attempt them again, or give them up.
//!
//! Only the applier changes the database, so what is asked for waits here until
//! it comes by between two batches.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

use super::CommandState;
use super::attach::Failure;
use super::desk::Desk;
use super::telling;
use super::unpark::{discard, retained, retry_note};
use crate::domain::Sequence;
use crate::ports::{Checkpoint, Recorded};

/// What shall become of a parked command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// It is attempted again, with those of its note that come before it and wait
    /// behind it.
    Retry,
    /// It never takes effect, and is told as rejected. Those behind it are
    /// attempted.
    Discard,
}

/// Why nothing became of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// The command is not parked.
    #[error("the command is not parked")]
    NotParked,
    /// The database is away, or busy with something else; nothing was done.
    #[error("the database cannot be changed at the moment")]
    Unavailable {
        /// When to try again, in whole seconds from 1 to 60.
        retry_after_seconds: u64,
    },
    /// It was begun, and is not known to have ended.
    #[error("it is not known what became of the command")]
    Unclear,
}

/// Something that was asked for.
pub(super) struct Order {
    seq: Sequence,
    release: Release,
    answer: oneshot::Sender<Result<CommandState, ReleaseError>>,
}

/// What waits for the applier.
#[derive(Default)]
pub(super) struct Orders {
    waiting: Mutex<VecDeque<Order>>,
    placed: Notify,
}

impl Orders {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Order>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next one that somebody still waits for.
    pub(super) fn next(&self) -> Option<Order> {
        let mut waiting = self.lock();
        waiting.retain(|order| !order.answer.is_closed());
        waiting.pop_front()
    }

    /// Waits until something was asked for since the last call.
    pub(super) async fn placed(&self) {
        self.placed.notified().await;
    }
}

/// Has the applier do it, and tells what became of the command.
pub(super) async fn release(
    desk: &Desk,
    seq: Sequence,
    release: Release,
    deadline: Instant,
) -> Result<CommandState, ReleaseError> {
    let unavailable = || {
        let retry_after_seconds = desk.availability.retry_after_seconds().max(1);
        ReleaseError::Unavailable { retry_after_seconds }
    };
    if desk.parked().get(seq).is_none() {
        return Err(ReleaseError::NotParked);
    }
    if !desk.availability.is_up() {
        return Err(unavailable());
    }
    let (answer, mut answered) = oneshot::channel();
    desk.orders.lock().push_back(Order { seq, release, answer });
    desk.orders.placed.notify_one();
    match timeout_at(deadline, &mut answered).await {
        Ok(Ok(answer)) => answer,
        // The applier is gone, or failed half way.
        Ok(Err(_)) => Err(ReleaseError::Unclear),
        Err(_) => {
            let mut waiting = desk.orders.lock();
            let before = waiting.len();
            answered.close();
            waiting.retain(|order| !order.answer.is_closed());
            Err(if waiting.len() < before { unavailable() } else { ReleaseError::Unclear })
        }
    }
}

/// Does what was asked for, and answers. Returns the checkpoint after that.
pub(super) async fn carry_out(
    desk: &Desk,
    checkpoint: Checkpoint,
    order: Order,
) -> Result<Checkpoint, Failure> {
    let Order { seq, release, answer } = order;
    let (checkpoint, state) = settle(desk, checkpoint, seq, release).await?;
    // Who asked may have given up.
    drop(answer.send(state));
    Ok(checkpoint)
}

/// The same for a caller that waits itself.
pub(super) async fn settle(
    desk: &Desk,
    mut checkpoint: Checkpoint,
    seq: Sequence,
    release: Release,
) -> Result<(Checkpoint, Result<CommandState, ReleaseError>), Failure> {
    let note = desk.parked().get(seq).map(|parked| parked.note.clone());
    // Another order, or the last connect, was quicker.
    let Some(note) = note else { return Ok((checkpoint, Err(ReleaseError::NotParked))) };
    if release == Release::Discard {
        checkpoint = discard(desk, checkpoint, seq).await?;
        // Only for its trace: what cannot be read is told without.
        let entry = retained(desk, seq).await.ok().flatten();
        telling::discarded(seq, &note, entry.as_ref());
    }
    checkpoint = retry_note(desk, checkpoint, &note).await?;
    let recorded = desk.ports.store.recorded(desk.ports.log.id(), seq).await?;
    Ok((checkpoint, Ok(state(recorded))))
}

/// How far a command has come that is not pending.
pub(super) fn state(recorded: Recorded) -> CommandState {
    match recorded {
        Recorded::Applied(version) => CommandState::Applied(version),
        Recorded::Rejected(rejection) => CommandState::Rejected(rejection),
        Recorded::Parked(_) => CommandState::Parked,
    }
}
