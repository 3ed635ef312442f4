//! A database whose calls are measured.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::domain::{LogId, Note, NoteId, Rejection, Sequence};
use crate::ports::{
    Batch, Checkpoint, Continuity, Marker, Measurement, Metrics, NoteQuery, NoteStore, Page,
    Parked, PoolState, Rebuilt, Recorded, StoreCall, StoreError, Stored,
};

/// Records how long each call took and how it ended. A call that its caller gives up
/// is not recorded.
pub struct MeasuredStore {
    inner: Arc<dyn NoteStore>,
    metrics: Arc<dyn Metrics>,
}

impl MeasuredStore {
    /// That store, measured.
    #[must_use]
    pub fn new(inner: Arc<dyn NoteStore>, metrics: Arc<dyn Metrics>) -> Self {
        Self { inner, metrics }
    }

    async fn measured<T>(
        &self,
        call: StoreCall,
        made: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let started = Instant::now();
        let answer = made.await;
        let failed = answer.as_ref().err().map(StoreError::code);
        self.metrics.record(Measurement::Called { call, took: started.elapsed(), failed });
        answer
    }
}

#[async_trait]
impl NoteStore for MeasuredStore {
    async fn connect(&self) -> Result<Continuity, StoreError> {
        self.measured(StoreCall::Connect, self.inner.connect()).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.measured(StoreCall::Ping, self.inner.ping()).await
    }

    async fn is_reachable(&self) -> bool {
        self.inner.is_reachable().await
    }

    fn pool(&self) -> Option<PoolState> {
        self.inner.pool()
    }

    fn is_exclusive(&self) -> bool {
        self.inner.is_exclusive()
    }

    async fn version(&self) -> Result<String, StoreError> {
        self.measured(StoreCall::Version, self.inner.version()).await
    }

    async fn get(&self, id: &NoteId) -> Result<Option<Note>, StoreError> {
        self.measured(StoreCall::Get, self.inner.get(id)).await
    }

    async fn load(&self, ids: &[NoteId]) -> Result<Vec<Stored>, StoreError> {
        self.measured(StoreCall::Load, self.inner.load(ids)).await
    }

    async fn query(&self, query: &NoteQuery) -> Result<Page, StoreError> {
        self.measured(StoreCall::Query, self.inner.query(query)).await
    }

    async fn checkpoint(&self, log: LogId) -> Result<Option<Checkpoint>, StoreError> {
        self.measured(StoreCall::Checkpoint, self.inner.checkpoint(log)).await
    }

    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.measured(StoreCall::Commit, self.inner.commit(batch)).await
    }

    async fn markers(
        &self,
        log: LogId,
        from: Sequence,
        limit: usize,
    ) -> Result<Vec<Marker>, StoreError> {
        self.measured(StoreCall::Markers, self.inner.markers(log, from, limit)).await
    }

    async fn rejections(
        &self,
        log: LogId,
        first: Sequence,
        last: Sequence,
    ) -> Result<Vec<(Sequence, Rejection)>, StoreError> {
        self.measured(StoreCall::Rejections, self.inner.rejections(log, first, last)).await
    }

    async fn recorded(&self, log: LogId, seq: Sequence) -> Result<Recorded, StoreError> {
        self.measured(StoreCall::Recorded, self.inner.recorded(log, seq)).await
    }

    async fn parked(
        &self,
        log: LogId,
        from: Sequence,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError> {
        self.measured(StoreCall::Parked, self.inner.parked(log, from, limit)).await
    }

    async fn rebuild_indexes(&self) -> Result<Rebuilt, StoreError> {
        self.measured(StoreCall::RebuildIndexes, self.inner.rebuild_indexes()).await
    }

    async fn close(&self, continuity: Continuity) -> Result<(), StoreError> {
        self.measured(StoreCall::Close, self.inner.close(continuity)).await
    }
}
