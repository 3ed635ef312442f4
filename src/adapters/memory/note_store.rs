//! A database in memory that can be told to fail and to forget.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::tables::{Tables, Transaction};
use crate::domain::{LogId, Note, NoteId, Rejection, Sequence};
use crate::ports::{
    Batch, Checkpoint, Continuity, Marker, NoteQuery, NoteStore, Page, Parked, Rebuilt, Recorded,
    StoreError, Stored, Write,
};

/// A store that lives as long as the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    /// Which connection this is; it counts until the database breaks them all.
    connection: Mutex<Option<u64>>,
    is_exclusive: bool,
}

#[derive(Debug, Default)]
struct State {
    tables: Tables,
    /// Every transaction in the order of its commit, so that any batch can be
    /// taken out again; `None` unless the store was made for that.
    journal: Option<Vec<Transaction>>,
    /// How often every connection was broken.
    breaks: u64,
    outage: bool,
    crashed: bool,
    next_commit: Option<CommitFault>,
    /// The notes of which no change is taken.
    refused: BTreeSet<NoteId>,
    /// Whether a crash undoes that the indexes were made anew.
    loses_indexes: bool,
    /// The notes whose record cannot be read.
    unreadable: BTreeSet<NoteId>,
}

/// What goes wrong with one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFault {
    /// Nothing is applied, and the connection breaks.
    Before,
    /// The batch is applied, and the connection breaks before the answer.
    After,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that remembers every batch, for [`crash`](Self::crash).
    #[must_use]
    pub fn journaled() -> Self {
        let state = State { journal: Some(Vec::new()), ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), ..Self::default() }
    }

    /// The same, whose crashes also undo that its indexes were made anew.
    #[must_use]
    pub fn losing_indexes(self) -> Self {
        self.lock().loses_indexes = true;
        self
    }

    /// The same, of which there will not be [another](Self::another).
    #[must_use]
    pub fn exclusively(self) -> Self {
        Self { is_exclusive: true, ..self }
    }

    /// Another client of the same database, not connected.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { state: Arc::clone(&self.state), ..Self::default() }
    }

    /// Lets every call fail, or no longer.
    pub fn set_outage(&self, outage: bool) {
        let mut state = self.lock();
        state.outage = outage;
        state.breaks += u64::from(outage);
    }

    /// Lets the next commit fail.
    pub fn fail_next_commit(&self, fault: CommitFault) {
        self.lock().next_commit = Some(fault);
    }

    /// Refuses every change of these notes, and of no others.
    pub fn refuse(&self, notes: impl IntoIterator<Item = NoteId>) {
        self.lock().refused = notes.into_iter().collect();
    }

    /// Lets loading these notes fail, and of no others.
    pub fn make_unreadable(&self, notes: impl IntoIterator<Item = NoteId>) {
        self.lock().unreadable = notes.into_iter().collect();
    }

    /// Breaks the connection and loses every acknowledged batch for which
    /// `survives` is false, from wherever it stands. Its argument counts the
    /// batches that are left, from 0. From then on connecting answers
    /// [`Continuity::Suspect`], until the store is closed as intact.
    ///
    /// A store that was not made by [`journaled`](Self::journaled) has nothing
    /// to take out and loses nothing.
    pub fn crash(&self, mut survives: impl FnMut(usize) -> bool) {
        let mut state = self.lock();
        state.breaks += 1;
        state.crashed = true;
        let Some(journal) = state.journal.take() else { return };
        let loses_indexes = state.loses_indexes;
        let mut index = 0;
        let kept: Vec<Transaction> = journal
            .into_iter()
            .filter(|step| {
                if !is_batch(step) {
                    return !loses_indexes;
                }
                index += 1;
                survives(index - 1)
            })
            .collect();
        state.tables = Tables::default();
        for transaction in &kept {
            state.tables.apply(transaction);
        }
        state.journal = Some(kept);
    }

    /// The acknowledged batches that a [`crash`](Self::crash) can choose from.
    #[must_use]
    pub fn batches(&self) -> Vec<Batch> {
        let state = self.lock();
        let journal = state.journal.as_deref().unwrap_or_default();
        let batch = |step: &Transaction| match step {
            Transaction::Commit { batch, .. } => Some(Batch::clone(batch)),
            Transaction::Rebuild { .. } => None,
        };
        journal.iter().filter_map(batch).collect()
    }

    /// How many of them, from the first, a database that keeps its promises
    /// cannot lose any more: those before the indexes were made anew.
    #[must_use]
    pub fn durable_batches(&self) -> usize {
        let state = self.lock();
        let journal = state.journal.as_deref().unwrap_or_default();
        let rebuilt = journal.iter().rposition(|step| !is_batch(step)).unwrap_or_default();
        journal.iter().take(rebuilt).filter(|step| is_batch(step)).count()
    }

    /// How often the indexes were made anew, of what no crash took.
    #[must_use]
    pub fn rebuilds(&self) -> usize {
        let state = self.lock();
        let journal = state.journal.as_deref().unwrap_or_default();
        journal.iter().filter(|step| !is_batch(step)).count()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> MutexGuard<'_, Option<u64>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connected(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let connection = *self.connection();
        let state = self.lock();
        if connection == Some(state.breaks) { Ok(state) } else { Err(StoreError::NotConnected) }
    }
}

fn is_batch(step: &Transaction) -> bool {
    matches!(step, Transaction::Commit { .. })
}

impl State {
    fn perform(&mut self, transaction: Transaction) {
        self.tables.apply(&transaction);
        if let Some(journal) = &mut self.journal {
            journal.push(transaction);
        }
    }
}

fn broken() -> StoreError {
    StoreError::ConnectionFailed("the in-memory store is out".to_owned())
}

#[async_trait]
impl NoteStore for MemoryStore {
    async fn connect(&self) -> Result<Continuity, StoreError> {
        let mut connection = self.connection();
        let state = self.lock();
        if state.outage {
            return Err(broken());
        }
        *connection = Some(state.breaks);
        Ok(if state.crashed { Continuity::Suspect } else { Continuity::Intact })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.connected().map(drop)
    }

    fn is_exclusive(&self) -> bool {
        self.is_exclusive
    }

    async fn version(&self) -> Result<String, StoreError> {
        drop(self.connected()?);
        Ok(format!("memory-{}", env!("CARGO_PKG_VERSION")))
    }

    async fn get(&self, id: &NoteId) -> Result<Option<Note>, StoreError> {
        Ok(self.connected()?.tables.notes.get(id).map(|(note, _)| note.clone()))
    }

    async fn load(&self, ids: &[NoteId]) -> Result<Vec<Stored>, StoreError> {
        let state = self.connected()?;
        if let Some(poison) = ids.iter().find(|id| state.unreadable.contains(id)) {
            return Err(StoreError::Unreadable(format!("{poison}, field title")));
        }
        let stored = ids.iter().map(|id| state.tables.stored(id));
        Ok(stored.filter(|stored| stored.note.is_some() || stored.deleted.is_some()).collect())
    }

    async fn query(&self, query: &NoteQuery) -> Result<Page, StoreError> {
        Ok(self.connected()?.tables.query(query))
    }

    async fn checkpoint(&self, log: LogId) -> Result<Option<Checkpoint>, StoreError> {
        Ok(self.connected()?.tables.checkpoints.get(&log).copied())
    }

    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut state = self.connected()?;
        let fault = state.next_commit.take();
        if fault == Some(CommitFault::Before) {
            state.breaks += 1;
            return Err(broken());
        }
        if state.tables.checkpoints.get(&batch.log) != batch.expected.as_ref() {
            return Err(StoreError::Moved);
        }
        if !batch.found.iter().all(|found| state.tables.is_as_found(found)) {
            return Err(StoreError::Changed);
        }
        if batch.absent.iter().any(|id| state.tables.notes.contains_key(id)) {
            return Err(StoreError::Changed);
        }
        let refused = |write: &&Write| state.refused.contains(write.note_id());
        if let Some(write) = batch.writes.iter().find(refused) {
            let refusal = format!("the test refuses {}", write.note_id());
            return Err(StoreError::TransactionFailed(refusal));
        }
        let transaction = state.tables.transaction(batch);
        state.perform(transaction);
        if fault == Some(CommitFault::After) {
            state.breaks += 1;
            return Err(broken());
        }
        Ok(())
    }

    async fn markers(
        &self,
        log: LogId,
        from: Sequence,
        limit: usize,
    ) -> Result<Vec<Marker>, StoreError> {
        let state = self.connected()?;
        let range = (log, from)..=(log, Sequence::new(u64::MAX));
        Ok(state.tables.markers.range(range).take(limit).map(|(_, marker)| *marker).collect())
    }

    async fn rejections(
        &self,
        log: LogId,
        first: Sequence,
        last: Sequence,
    ) -> Result<Vec<(Sequence, Rejection)>, StoreError> {
        let state = self.connected()?;
        if first > last {
            return Ok(Vec::new());
        }
        let range = state.tables.rejections.range((log, first)..=(log, last));
        Ok(range.map(|((_, seq), rejection)| (*seq, *rejection)).collect())
    }

    async fn recorded(&self, log: LogId, seq: Sequence) -> Result<Recorded, StoreError> {
        Ok(self.connected()?.tables.recorded(log, seq))
    }

    async fn parked(
        &self,
        log: LogId,
        from: Sequence,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError> {
        let state = self.connected()?;
        let range = (log, from)..=(log, Sequence::new(u64::MAX));
        Ok(state.tables.parked.range(range).take(limit).map(|(_, p)| p.clone()).collect())
    }

    async fn is_reachable(&self) -> bool {
        !self.lock().outage
    }

    async fn rebuild_indexes(&self) -> Result<Rebuilt, StoreError> {
        let mut state = self.connected()?;
        let transaction = state.tables.rebuild();
        state.perform(transaction);
        Ok(if state.loses_indexes { Rebuilt::Volatile } else { Rebuilt::Durable })
    }

    async fn close(&self, continuity: Continuity) -> Result<(), StoreError> {
        *self.connection() = None;
        let mut state = self.lock();
        state.crashed = continuity == Continuity::Suspect;
        Ok(())
    }
}
