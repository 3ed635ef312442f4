//! A store between the service and its database that fails at any step.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::adapters::memory::MemoryStore;
use crate::domain::{LogId, Note, NoteId, Rejection, Sequence};
use crate::ports::*;

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing special.
    None,
    /// Others run first, so often.
    Yield(u8),
    /// It fails and was never made.
    Before,
    /// It is made, and reported as failed.
    After,
    /// A commit is reported as timed out and made later, when nobody waits for
    /// it; any other call times out.
    Ghost,
    /// The connection breaks before it is made.
    Cut,
    /// It never ends.
    Hang,
}

/// The decorator. Each call takes the next planned fault.
pub(crate) struct FaultyStore {
    inner: Arc<MemoryStore>,
    plan: Mutex<VecDeque<Fault>>,
    ghosts: Mutex<Vec<Batch>>,
    /// How many commits were applied while the indexes were made anew.
    disturbing: AtomicUsize,
}

impl FaultyStore {
    /// One without any faults.
    pub(crate) fn new(inner: Arc<MemoryStore>) -> Self {
        Self {
            inner,
            plan: Mutex::default(),
            ghosts: Mutex::default(),
            disturbing: AtomicUsize::new(0),
        }
    }

    /// What becomes of the next calls, in place of what was planned before.
    pub(crate) fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        *lock(&self.plan) = faults.into_iter().collect();
    }

    /// Makes the commits that are on their way. Returns how many were applied.
    pub(crate) async fn release_ghosts(&self) -> usize {
        let ghosts = std::mem::take(&mut *lock(&self.ghosts));
        let connection = self.inner.another();
        connection.connect().await.unwrap();
        let mut applied = 0;
        for batch in ghosts {
            applied += usize::from(connection.commit(&batch).await.is_ok());
        }
        applied
    }

    /// How many commits were applied while the indexes were made anew, which
    /// leaves some of them wrong on a real server.
    pub(crate) fn disturbing(&self) -> usize {
        self.disturbing.load(Ordering::Relaxed)
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let fault = lock(&self.plan).pop_front().unwrap_or(Fault::None);
        let timed_out = || StoreError::Timeout { operation, after: Duration::from_secs(30) };
        match fault {
            Fault::None => call.await,
            Fault::Yield(times) => {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
                call.await
            }
            Fault::Before => Err(StoreError::Internal("nobody knows".to_owned())),
            Fault::After => call.await.and_then(|_| Err(timed_out())),
            Fault::Ghost => Err(timed_out()),
            Fault::Hang => std::future::pending().await,
            Fault::Cut => {
                self.inner.close(Continuity::Suspect).await?;
                Err(StoreError::ConnectionFailed("cut".to_owned()))
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl NoteStore for FaultyStore {
    async fn connect(&self) -> Result<Continuity, StoreError> {
        self.call("connect", self.inner.connect()).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.call("ping", self.inner.ping()).await
    }

    async fn is_reachable(&self) -> bool {
        self.inner.is_reachable().await
    }

    fn is_exclusive(&self) -> bool {
        self.inner.is_exclusive()
    }

    async fn version(&self) -> Result<String, StoreError> {
        self.call("version", self.inner.version()).await
    }

    async fn get(&self, id: &NoteId) -> Result<Option<Note>, StoreError> {
        self.call("get", self.inner.get(id)).await
    }

    async fn load(&self, ids: &[NoteId]) -> Result<Vec<Stored>, StoreError> {
        self.call("load", self.inner.load(ids)).await
    }

    async fn query(&self, query: &NoteQuery) -> Result<Page, StoreError> {
        self.call("query", self.inner.query(query)).await
    }

    async fn checkpoint(&self, log: LogId) -> Result<Option<Checkpoint>, StoreError> {
        self.call("checkpoint", self.inner.checkpoint(log)).await
    }

    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        if lock(&self.plan).front() == Some(&Fault::Ghost) {
            lock(&self.ghosts).push(batch.clone());
        }
        self.call("commit", self.inner.commit(batch)).await
    }

    async fn markers(
        &self,
        log: LogId,
        from: Sequence,
        limit: usize,
    ) -> Result<Vec<Marker>, StoreError> {
        self.call("markers", self.inner.markers(log, from, limit)).await
    }

    async fn rejections(
        &self,
        log: LogId,
        first: Sequence,
        last: Sequence,
    ) -> Result<Vec<(Sequence, Rejection)>, StoreError> {
        self.call("rejections", self.inner.rejections(log, first, last)).await
    }

    async fn recorded(&self, log: LogId, seq: Sequence) -> Result<Recorded, StoreError> {
        self.call("recorded", self.inner.recorded(log, seq)).await
    }

    async fn parked(
        &self,
        log: LogId,
        from: Sequence,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError> {
        self.call("parked", self.inner.parked(log, from, limit)).await
    }

    async fn rebuild_indexes(&self) -> Result<Rebuilt, StoreError> {
        // It takes so long that whatever is on its way arrives.
        self.disturbing.fetch_add(self.release_ghosts().await, Ordering::Relaxed);
        self.call("rebuild", self.inner.rebuild_indexes()).await
    }

    async fn close(&self, continuity: Continuity) -> Result<(), StoreError> {
        self.inner.close(continuity).await
    }
}

crate::ports::contract::note_store::note_store_contract!(
    without_faults,
    crate::ports::contract::note_store::Subject::new(FaultyStore::new(Arc::default()))
);
