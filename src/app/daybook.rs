//! The service as its clients see it.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::desk::Desk;
use super::reading::{failed, get, unavailable};
use super::release::{release, state};
use super::submit::{submit, waiting};
use super::{
    Applier, CommandState, DatabaseHealth, Health, Options, Ports, QueueHealth, ReadError,
    ReadNote, Release, ReleaseError, State, SubmitError, Submitted, WriteRequest,
};
use crate::domain::{CommandId, LogId, NoteId, Sequence};
use crate::ports::{NoteQuery, Page, Parked, StoreError};

/// Everything that can be asked of the service.
pub struct Daybook {
    desk: Arc<Desk>,
}

impl Daybook {
    /// The service and its applier, which must be run for anything to be
    /// applied.
    #[must_use]
    pub fn new(ports: Ports, options: Options) -> (Self, Applier) {
        let desk = Arc::new(Desk::new(ports, options));
        (Self { desk: Arc::clone(&desk) }, Applier::new(desk))
    }

    /// A new id for a note.
    #[must_use]
    pub fn next_id(&self) -> NoteId {
        self.desk.ports.note_ids.next_id()
    }

    /// Logs a command and waits for its outcome until the deadline. `Ok` means
    /// that the command is as durable as the log makes it and will be judged
    /// exactly once, also when its outcome was not known in time. Dropping the
    /// call does not take the command back.
    ///
    /// # Errors
    /// [`SubmitError::Refused`] and [`SubmitError::TooLarge`] mean that it never
    /// takes effect; after [`SubmitError::Unclear`] it may.
    pub async fn submit(
        &self,
        request: WriteRequest,
        deadline: Instant,
    ) -> Result<Submitted, SubmitError> {
        submit(&self.desk, request, deadline).await
    }

    /// One note, with every change that was acknowledged before this call, also
    /// while the database is away, as far as that can be told then.
    ///
    /// # Errors
    /// [`ReadError`] when that cannot be shown by the deadline.
    pub async fn get(&self, id: &NoteId, deadline: Instant) -> Result<ReadNote, ReadError> {
        get(&self.desk, id, deadline).await
    }

    pub(super) fn desk(&self) -> &Desk {
        &self.desk
    }

    #[cfg(test)]
    pub(super) fn hold(&self, seq: crate::domain::Sequence, note: &NoteId) {
        self.desk.pending.hold(seq, note);
    }

    #[cfg(test)]
    pub(super) fn let_go(&self, seq: crate::domain::Sequence, note: &NoteId) {
        self.desk.pending.release(seq, note);
    }

    /// How far a command has come, also one of another log on the same
    /// database; `None` when there is no such command.
    ///
    /// # Errors
    /// [`ReadError`] when only the database knows, and it does not answer by
    /// the deadline.
    pub async fn command(
        &self,
        id: CommandId,
        deadline: Instant,
    ) -> Result<Option<CommandState>, ReadError> {
        let Ports { log, store, .. } = &self.desk.ports;
        let is_own = id.log == log.id();
        if is_own && id.seq > log.positions().last.seq {
            return Ok(None);
        }
        if is_own && id.seq > self.desk.pending.waiting_since().seq {
            return Ok(Some(CommandState::Pending));
        }
        if is_own && self.desk.parked().get(id.seq).is_some() {
            return Ok(Some(CommandState::Parked));
        }
        self.check_up()?;
        let Some(checkpoint) = self.read(store.checkpoint(id.log), deadline).await? else {
            return Ok(is_own.then_some(CommandState::Pending));
        };
        if id.seq > checkpoint.applied {
            return Ok(Some(CommandState::Pending));
        }
        let recorded = self.read(store.recorded(id.log, id.seq), deadline).await?;
        Ok(Some(state(recorded)))
    }

    /// The log whose commands this service accepts.
    #[must_use]
    pub fn log(&self) -> LogId {
        self.desk.ports.log.id()
    }

    /// The parked commands of this log from that sequence on, at most so many.
    #[must_use]
    pub fn parked(&self, from: Sequence, limit: usize) -> Vec<Parked> {
        self.desk.parked().from(from).take(limit).cloned().collect()
    }

    /// Attempts a parked command again, or gives it up, and tells what became of
    /// it.
    ///
    /// # Errors
    /// [`ReleaseError`]
    pub async fn release(
        &self,
        seq: Sequence,
        how: Release,
        deadline: Instant,
    ) -> Result<CommandState, ReleaseError> {
        release(&self.desk, seq, how, deadline).await
    }

    /// A page of notes as the database has them.
    ///
    /// # Errors
    /// [`ReadError`] when the database does not answer by the deadline.
    pub async fn list(&self, query: &NoteQuery, deadline: Instant) -> Result<Page, ReadError> {
        self.check_up()?;
        self.read(self.desk.ports.store.query(query), deadline).await
    }

    /// How the service is. It is answered from memory: it never waits.
    #[must_use]
    pub fn health(&self) -> Health {
        let queue = queue(&self.desk);
        let stall = self.desk.look_at_applier();
        let state = self.desk.availability.state().with_queue(queue.is_nearly_full());
        let state = match (state, stall) {
            (State::Healthy | State::Degraded { .. }, Some(reason)) => State::Unhealthy { reason },
            (state, _) => state,
        };
        let availability = &self.desk.availability;
        Health {
            state,
            retry_after_seconds: availability.retry_after_seconds(),
            database: DatabaseHealth {
                pool: self.desk.ports.store.pool(),
                ..availability.database()
            },
            queue,
        }
    }

    fn check_up(&self) -> Result<(), ReadError> {
        if self.desk.availability.is_up() { Ok(()) } else { Err(unavailable(&self.desk)) }
    }

    async fn read<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
        deadline: Instant,
    ) -> Result<T, ReadError> {
        match timeout_at(deadline, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failed(&self.desk, &error)),
            Err(_) => Err(unavailable(&self.desk)),
        }
    }
}

/// How full the queue is.
pub(super) fn queue(desk: &Desk) -> QueueHealth {
    let limits = desk.options.queue;
    let waiting = waiting(desk);
    QueueHealth {
        commands: waiting.commands,
        max_commands: limits.max_commands,
        bytes: waiting.bytes,
        max_bytes: limits.max_bytes,
        parked: desk.parked().len(),
    }
}
