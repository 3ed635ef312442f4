//! Commands that are logged and not yet applied, who waits for them, and which
//! notes they are about.
//!
//! What is known of notes without the database is kept behind the same lock, so
//! that a note and the commands that it does not reflect yet are always seen
//! together.

mod index;
mod snapshot;

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::BuildHasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

pub(super) use self::index::NoteHash;
use self::index::PendingIndex;
pub(super) use self::snapshot::Snapshot;
use super::last_known::{Effect, LastKnown};
use super::{Options, Outcome};
use crate::domain::{Entry, NoteId, Position, Sequence};
use crate::ports::Positions;

/// How many outcomes are kept for a caller that has not asked yet: one whose
/// command was applied between its append and its registration.
const MAX_UNCLAIMED: usize = 1024;

/// So many notes may be folded at the same time.
const TURNS: usize = 64;

/// The meeting place of submitters, readers and the applier.
pub(super) struct Pending {
    state: Mutex<State>,
    /// Where the database is, as far as is known: `None` until it was asked.
    applied: watch::Sender<Option<Position>>,
    /// The ends of the log when the service started.
    opened: Positions,
    /// A backlog that was not appended by this process is indexed up to so many
    /// commands.
    max_backlog: u64,
    hasher: RandomState,
    indexing: tokio::sync::Mutex<()>,
    turns: Vec<tokio::sync::Mutex<()>>,
}

struct State {
    /// Who waits for the outcome of each command; `None` where nobody does.
    waiters: HashMap<Sequence, Option<oneshot::Sender<Outcome>>>,
    unclaimed: VecDeque<(Sequence, Outcome)>,
    /// The commands that are not applied, by note.
    index: PendingIndex,
    /// Commands that the database was taken past without applying them.
    held: HashMap<NoteId, BTreeSet<Sequence>>,
    known: LastKnown,
    /// Submissions that were admitted and are not yet in the log.
    in_flight: u64,
    /// Their sizes, added up.
    in_flight_bytes: u64,
    /// The end of the log when the service started, or a later place that the
    /// database had reached and was found behind. Up to here a hole in the index
    /// may be a command that was acknowledged.
    backlog_end: Sequence,
}

impl Pending {
    pub(super) fn new(opened: Positions, options: &Options) -> Self {
        let max_backlog = options.queue.max_commands;
        let end = opened.last.seq;
        let base = opened.first.previous().max(before(end, max_backlog));
        let state = State {
            waiters: HashMap::new(),
            unclaimed: VecDeque::new(),
            index: PendingIndex::new(base, end),
            held: HashMap::new(),
            known: LastKnown::new(options.cache_max_bytes, options.cache_ttl),
            in_flight: 0,
            in_flight_bytes: 0,
            backlog_end: end,
        };
        Self {
            state: Mutex::new(state),
            applied: watch::Sender::new(None),
            opened,
            max_backlog,
            hasher: RandomState::new(),
            indexing: tokio::sync::Mutex::new(()),
            turns: (0..TURNS).map(|_| tokio::sync::Mutex::new(())).collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hash(&self, note: &NoteId) -> NoteHash {
        NoteHash::new(self.hasher.hash_one(note))
    }

    /// The last command whose outcome is in the database. What is no longer
    /// retained was applied.
    fn applied(&self) -> Sequence {
        self.applied.borrow().map_or(self.opened.first.previous(), |position| position.seq)
    }

    /// The last command that the database has applied, once it was asked.
    pub(super) fn applied_seq(&self) -> Option<Sequence> {
        self.applied.borrow().map(|position| position.seq)
    }

    /// The end of the log when the service started.
    pub(super) fn opened_at(&self) -> Position {
        self.opened.last
    }

    /// Where the commands that wait for the database start. Before it was asked
    /// for the first time those that this process appended are counted: most of
    /// what is retained was applied long ago.
    pub(super) fn waiting_since(&self) -> Position {
        self.applied.borrow().unwrap_or(self.opened.last)
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

    /// A submission was logged there. Returns where its outcome will arrive, if it
    /// is awaited.
    pub(super) fn register(
        &self,
        seq: Sequence,
        note: &NoteId,
        size: u64,
        is_awaited: bool,
    ) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        state.arrived(size);
        // Read under the lock that `publish` moves it under.
        if seq > self.applied() {
            state.index.insert(seq, self.hash(note));
            state.waiters.insert(seq, is_awaited.then_some(sender));
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
        for (note, effect) in state.effects(entries, &outcomes) {
            state.known.judged(note, self.hash(note), effect, upto.seq);
        }
        for (seq, outcome) in outcomes {
            let Some(waiter) = state.waiters.remove(&seq) else {
                // Nobody can ask for what another process has logged.
                if seq > self.opened.last.seq {
                    state.unclaimed.push_back((seq, outcome));
                }
                continue;
            };
            // A caller that is past its deadline has been told "pending".
            if let Some(waiter) = waiter {
                drop(waiter.send(outcome));
            }
        }
        let excess = state.unclaimed.len().saturating_sub(MAX_UNCLAIMED);
        state.unclaimed.drain(..excess);
        for entry in entries {
            state.waiters.remove(&entry.seq());
        }
        state.index.drop_upto(upto.seq);
        self.applied.send_replace(Some(upto));
    }

    /// The database was found to be there. Who still waits for a command up to
    /// there is let go without an outcome.
    pub(super) fn resume_at(&self, position: Position) {
        let mut state = self.lock();
        let before = *self.applied.borrow();
        if before.is_none_or(|before| before.seq != position.seq) {
            // Between there and here it changed untold.
            state.known.forget_all();
        }
        if let Some(before) = before.filter(|before| before.seq > position.seq) {
            // It lost what it had applied; those commands are pending again.
            state.backlog_end = state.backlog_end.max(before.seq);
        }
        let farthest = state.index.end();
        state.index.go_back(position.seq.max(self::before(farthest, self.max_backlog)));
        state.index.drop_upto(position.seq);
        state.waiters.retain(|seq, _| *seq > position.seq);
        self.applied.send_replace(Some(position));
        drop(state);
    }

    /// A command was set aside, to be applied later: it does not take effect
    /// when the database is taken past it, and is pending all the same. To be
    /// called before that is published.
    pub(super) fn hold(&self, seq: Sequence, note: &NoteId) {
        let mut state = self.lock();
        state.held.entry(note.clone()).or_default().insert(seq);
        state.known.forget(note, self.hash(note));
    }

    /// A command that was set aside was applied or given up.
    pub(super) fn release(&self, seq: Sequence, note: &NoteId) {
        let mut state = self.lock();
        if let Some(held) = state.held.get_mut(note) {
            held.remove(&seq);
            if held.is_empty() {
                state.held.remove(note);
            }
        }
        state.known.forget(note, self.hash(note));
    }

    /// The last command that a read of that note must reflect, if it is not
    /// applied yet. True as far as the backlog is indexed.
    pub(super) fn waits_for(&self, note: &NoteId) -> Option<Sequence> {
        let state = self.lock();
        let last = state.index.last(self.hash(note));
        last.max(self.unindexed(&state))
    }

    /// The last of the pending commands that cannot be indexed, for there are too
    /// many. Until they are applied any note may have one.
    fn unindexed(&self, state: &State) -> Option<Sequence> {
        Some(state.index.base()).filter(|base| *base > self.applied())
    }

    /// Waits until that command is applied.
    pub(super) async fn applied_upto(&self, seq: Sequence) {
        let mut applied = self.applied.subscribe();
        // The sender lives as long as `self`, so this cannot end early.
        drop(applied.wait_for(|at| at.is_some_and(|at| at.seq >= seq)).await);
    }

    /// The last command that anyone was told of.
    pub(super) fn registered(&self) -> Sequence {
        self.lock().index.end()
    }

    /// The last command of the backlog.
    pub(super) fn backlog_end(&self) -> Sequence {
        self.lock().backlog_end
    }

    /// The first command up to `upto` of which it is not known what it is about.
    pub(super) fn first_hole(&self, upto: Sequence) -> Option<Sequence> {
        self.lock().index.first_hole(upto)
    }

    /// Commands were read from the log.
    pub(super) fn index(&self, entries: &[Entry]) {
        let base = self.lock().index.base();
        let hashed = entries.iter().flat_map(|entry| {
            let hash = self.hash(entry.note_id());
            // What it stands for besides left nothing, and may as well be the same.
            let first = entry.first.max(base.next()).get();
            (first..=entry.seq().get()).map(move |seq| (Sequence::new(seq), hash))
        });
        let hashed: Vec<_> = hashed.collect();
        self.lock().index.fill(&hashed);
    }

    /// The commands before that one are not to be indexed.
    pub(super) fn skip_before(&self, first: Sequence) {
        self.lock().index.drop_upto(first.previous());
    }

    /// The turn to read the log for the index.
    pub(super) async fn indexing(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.indexing.lock().await
    }

    /// The turn to fold that note.
    pub(super) async fn turn(&self, note: &NoteId) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let at = usize::try_from(self.hash(note).get() % TURNS as u64).unwrap_or_default();
        Some(self.turns.get(at)?.lock().await)
    }
}

impl State {
    fn arrived(&mut self, size: u64) {
        self.in_flight -= 1;
        self.in_flight_bytes -= size;
    }

    /// What became of each note that some commands are about.
    fn effects<'a>(
        &self,
        entries: &'a [Entry],
        outcomes: &'a [(Sequence, Outcome)],
    ) -> HashMap<&'a NoteId, Effect<'a>> {
        let mut outcomes = outcomes.iter().peekable();
        let mut effects = HashMap::new();
        for entry in entries {
            let (seq, note) = (entry.seq(), entry.note_id());
            let effect = effects.entry(note).or_insert(Effect::Nothing);
            match outcomes.next_if(|(judged, _)| *judged == seq) {
                Some((_, Ok(change))) => *effect = Effect::Is(change.note()),
                Some((_, Err(_))) => {}
                None if self.held.get(note).is_some_and(|held| held.contains(&seq)) => {}
                None => *effect = Effect::Untold,
            }
        }
        effects
    }
}

/// The place so many commands before that one.
fn before(seq: Sequence, commands: u64) -> Sequence {
    Sequence::new(seq.get().saturating_sub(commands))
}
