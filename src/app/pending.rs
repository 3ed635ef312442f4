//! Commands that are logged and not yet applied, and who waits for them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use super::Outcome;
use crate::domain::{Entry, NoteId, Position, Sequence};

/// How many outcomes are kept for a caller that has not asked yet: one whose
/// command was applied between its append and its registration.
const MAX_UNCLAIMED: usize = 1024;

/// The meeting place of submitters and the applier.
#[derive(Debug)]
pub(super) struct Pending {
    state: Mutex<State>,
    /// Where the database is, as far as is known: `None` until it was asked.
    applied: watch::Sender<Option<Position>>,
    /// The end of the log when the service started.
    opened_at: Position,
}

#[derive(Debug, Default)]
struct State {
    waiters: HashMap<Sequence, oneshot::Sender<Outcome>>,
    unclaimed: VecDeque<(Sequence, Outcome)>,
    /// The last command of each note that has unapplied ones.
    latest: HashMap<NoteId, Sequence>,
    /// Submissions that were admitted and are not yet in the log.
    in_flight: u64,
    /// Their sizes, added up.
    in_flight_bytes: u64,
    /// The end of the log when the service started, or a later place that the
    /// database had reached and was found behind. Which notes the commands up to
    /// here are about is not known, so until they are applied any note may have
    /// one.
    backlog_end: Sequence,
}

impl Pending {
    pub(super) fn new(opened_at: Position) -> Self {
        let state = State { backlog_end: opened_at.seq, ..State::default() };
        Self { state: Mutex::new(state), applied: watch::Sender::new(None), opened_at }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last command whose outcome is in the database.
    fn applied(&self) -> Sequence {
        self.applied.borrow().map_or(Sequence::ZERO, |position| position.seq)
    }

    /// Where the commands that wait for the database start. Before it was asked
    /// for the first time those that this process appended are counted: most of
    /// what is retained was applied long ago.
    pub(super) fn waiting_since(&self) -> Position {
        self.applied.borrow().unwrap_or(self.opened_at)
    }

    /// Counts a submission of that size, unless as many or as many bytes are on
    /// their way already.
    pub(super) fn enter(&self, size: u64, max_commands: u64, max_bytes: u64) -> bool {
        let mut state = self.lock();
        if state.in_flight >= max_commands || state.in_flight_bytes >= max_bytes {
            return false;
        }
        state.in_flight += 1;
        state.in_flight_bytes += size;
        true
    }

    /// A submission was not logged.
    pub(super) fn leave(&self, size: u64) {
        self.lock().arrived(size);
    }

    /// A submission was logged there. Returns where its outcome will arrive.
    pub(super) fn register(
        &self,
        seq: Sequence,
        note: NoteId,
        size: u64,
    ) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        state.arrived(size);
        // Read under the lock that `publish` moves it under.
        if seq > self.applied() {
            let latest = state.latest.entry(note).or_default();
            *latest = seq.max(*latest);
            state.waiters.insert(seq, sender);
        } else if let Some(at) = state.unclaimed.iter().position(|(s, _)| *s == seq)
            && let Some((_, outcome)) = state.unclaimed.remove(at)
        {
            // The receiver is in our hand, so this cannot fail.
            drop(sender.send(outcome));
        }
        receiver
    }

    /// Commands were applied. A waiter whose command has no outcome here is let
    /// go without one.
    pub(super) fn publish(
        &self,
        upto: Position,
        entries: &[Entry],
        outcomes: Vec<(Sequence, Outcome)>,
    ) {
        let mut state = self.lock();
        for (seq, outcome) in outcomes {
            let Some(waiter) = state.waiters.remove(&seq) else {
                // Nobody can ask for what another process has logged.
                if seq > self.opened_at.seq {
                    state.unclaimed.push_back((seq, outcome));
                }
                continue;
            };
            // A caller that is past its deadline has been told "pending".
            drop(waiter.send(outcome));
        }
        let excess = state.unclaimed.len().saturating_sub(MAX_UNCLAIMED);
        state.unclaimed.drain(..excess);
        for entry in entries {
            state.waiters.remove(&entry.seq());
            if state.latest.get(entry.note_id()) == Some(&entry.seq()) {
                state.latest.remove(entry.note_id());
            }
        }
        self.applied.send_replace(Some(upto));
    }

    /// The database was found to be there. Who still waits for a command up to
    /// there is let go without an outcome.
    pub(super) fn resume_at(&self, position: Position) {
        let mut state = self.lock();
        if position.seq < self.applied() {
            // It lost what it had applied; those commands are pending again.
            state.backlog_end = state.backlog_end.max(self.applied());
        }
        state.waiters.retain(|seq, _| *seq > position.seq);
        state.latest.retain(|_, seq| *seq > position.seq);
        self.applied.send_replace(Some(position));
        drop(state);
    }

    /// The last command that a read of that note must reflect, if it is not
    /// applied yet.
    pub(super) fn waits_for(&self, note: &NoteId) -> Option<Sequence> {
        let state = self.lock();
        if let Some(seq) = state.latest.get(note) {
            return Some(*seq);
        }
        (self.applied() < state.backlog_end).then_some(state.backlog_end)
    }

    /// Waits until that command is applied.
    pub(super) async fn applied_upto(&self, seq: Sequence) {
        let mut applied = self.applied.subscribe();
        // The sender lives as long as `self`, so this cannot end early.
        drop(applied.wait_for(|at| at.is_some_and(|at| at.seq >= seq)).await);
    }
}

impl State {
    fn arrived(&mut self, size: u64) {
        self.in_flight -= 1;
        self.in_flight_bytes -= size;
    }
}
