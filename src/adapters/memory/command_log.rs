//! A command log in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::domain::{Entry, LogId, Position, Sequence, Submission};
use crate::ports::{CommandLog, LogError, Positions, ReadLimit};

/// What one command counts, since nothing is encoded here.
const BYTES_PER_COMMAND: u64 = 100;

/// A log that lives as long as the process.
#[derive(Debug)]
pub struct MemoryLog {
    id: LogId,
    state: Mutex<State>,
    last: watch::Sender<Sequence>,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    /// How many commands from the start are no longer retained.
    dropped: u64,
    /// The last command that was compacted.
    compacted: Sequence,
    closed: bool,
    /// Whether commands that nobody needs are given up.
    forgets: bool,
    outage: Option<String>,
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new(id: LogId) -> Self {
        Self { id, state: Mutex::default(), last: watch::Sender::new(Sequence::ZERO) }
    }

    /// Refuses every append with this text as the reason, or none from now on.
    pub fn set_outage(&self, outage: Option<&str>) {
        self.lock().outage = outage.map(str::to_owned);
    }

    /// Gives up commands that nobody needs from now on, as soon as that is known.
    pub fn forget_released(&self) {
        self.lock().forgets = true;
    }

    /// Gives up every command before `first`, as retention does.
    pub fn retain_from(&self, first: Sequence) {
        let mut state = self.lock();
        let dropped = first.previous().get().min(state.end().get());
        let count = state.index_of(Sequence::new(dropped).next());
        state.entries.drain(..count);
        state.dropped = state.dropped.max(dropped);
    }

    /// Puts what the first commands amounted to in their place, as compaction does:
    /// the last of `kept` is the last command that was compacted.
    pub fn compact(&self, kept: impl IntoIterator<Item = (Sequence, Submission)>) {
        let mut state = self.lock();
        let mut entries: Vec<Entry> = Vec::new();
        for (seq, submission) in kept {
            let first = entries.last().map_or(Sequence::FIRST, |before| before.seq().next());
            let position = Position { seq, end: seq.get() * BYTES_PER_COMMAND };
            entries.push(Entry { position, first, submission });
        }
        state.compacted = entries.last().map_or(Sequence::ZERO, Entry::seq);
        let count = state.index_of(state.compacted.next());
        state.entries.splice(..count, entries);
    }

    /// A log with the same id that ends after `upto`: an older copy of this one.
    #[must_use]
    pub fn copy_upto(&self, upto: Sequence) -> Self {
        let state = self.lock();
        let entries: Vec<Entry> =
            state.entries.iter().filter(|entry| entry.seq() <= upto).cloned().collect();
        let State { dropped, compacted, .. } = *state;
        let copy = State { entries, dropped, compacted, ..State::default() };
        let last = watch::Sender::new(copy.end());
        Self { id: self.id, state: Mutex::new(copy), last }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&self) -> Sequence {
        self.entries.last().map_or(Sequence::new(self.dropped), Entry::seq)
    }

    fn index_of(&self, seq: Sequence) -> usize {
        self.entries.partition_point(|entry| entry.seq() < seq)
    }

    fn position(&self, seq: Sequence) -> Result<Position, LogError> {
        let (first, last) = (Sequence::new(self.dropped).next(), self.end());
        if seq < first.previous() {
            return Err(LogError::BeforeFirst { asked: seq, first });
        }
        if seq > last {
            return Err(LogError::PastEnd { asked: seq, last });
        }
        let entry = self.entries.get(self.index_of(seq));
        if entry.is_some_and(|entry| entry.seq() != seq && entry.first <= seq) {
            return Err(LogError::Compacted { asked: seq, through: self.compacted });
        }
        Ok(Position { seq, end: seq.get() * BYTES_PER_COMMAND })
    }
}

#[async_trait]
impl CommandLog for MemoryLog {
    fn id(&self) -> LogId {
        self.id
    }

    fn positions(&self) -> Positions {
        let state = self.lock();
        let last = state.end();
        Positions {
            first: Sequence::new(state.dropped).next(),
            compacted: state.compacted,
            last: Position { seq: last, end: last.get() * BYTES_PER_COMMAND },
            bytes: state.entries.len() as u64 * BYTES_PER_COMMAND,
        }
    }

    async fn append(&self, submission: Submission) -> Result<Position, LogError> {
        let mut state = self.lock();
        if state.closed {
            return Err(LogError::Closed);
        }
        if let Some(detail) = &state.outage {
            return Err(LogError::Refused { detail: detail.clone() });
        }
        let seq = state.end().next();
        let position = Position { seq, end: seq.get() * BYTES_PER_COMMAND };
        state.entries.push(Entry { position, first: seq, submission });
        self.last.send_replace(seq);
        Ok(position)
    }

    async fn read(&self, from: Sequence, limit: ReadLimit) -> Result<Vec<Entry>, LogError> {
        let state = self.lock();
        let first = Sequence::new(state.dropped).next();
        if from < first {
            return Err(LogError::BeforeFirst { asked: from, first });
        }
        let by_bytes = usize::try_from(limit.max_bytes / BYTES_PER_COMMAND).unwrap_or(usize::MAX);
        let count = limit.max_commands.min(by_bytes).max(1);
        Ok(state.entries.iter().skip(state.index_of(from)).take(count).cloned().collect())
    }

    async fn wait_past(&self, seq: Sequence) -> Result<(), LogError> {
        let mut last = self.last.subscribe();
        loop {
            if *last.borrow_and_update() > seq {
                return Ok(());
            }
            if self.lock().closed {
                return Err(LogError::Closed);
            }
            last.changed().await.map_err(|_| LogError::Closed)?;
        }
    }

    async fn locate(&self, seq: Sequence) -> Result<Position, LogError> {
        self.lock().position(seq)
    }

    async fn floor(&self, upto: Sequence, bytes: u64) -> Result<Sequence, LogError> {
        let state = self.lock();
        state.position(upto)?;
        let commands = bytes.div_ceil(BYTES_PER_COMMAND);
        let floor = Sequence::new(upto.get().saturating_sub(commands)).next();
        Ok(floor.max(Sequence::new(state.dropped).next()))
    }

    /// All of it may go, where that was asked for.
    async fn release(&self, upto: Sequence, _now: DateTime<Utc>) -> Result<Sequence, LogError> {
        if self.lock().forgets {
            self.retain_from(upto.next());
        }
        Ok(self.positions().first)
    }

    async fn close(&self) -> Result<(), LogError> {
        self.lock().closed = true;
        self.last.send_modify(|_| ());
        Ok(())
    }
}
