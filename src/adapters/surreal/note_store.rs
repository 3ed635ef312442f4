//! The promises of the port, over whichever link there is.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use tokio::time::timeout;

use super::commit::Committed;
use super::endpoint::Endpoint;
use super::engine::{self, Client};
use super::folder::Folder;
use super::rebuild::Begun;
use super::remote::connection::PATIENCE;
use super::remote::session::Caller;
use super::store::{Link, SurrealStore, version};
use super::{commit, list, read, rebuild};
use crate::domain::{LogId, Note, NoteId, Rejection, Sequence};
use crate::ports::{
    Batch, Checkpoint, Continuity, Marker, NoteQuery, NoteStore, Page, Parked, PoolState, Rebuilt,
    Recorded, StoreError, Stored,
};

#[async_trait]
impl NoteStore for SurrealStore {
    /// Ends within
    /// [`SurrealOptions::connect_timeout`](super::SurrealOptions::connect_timeout).
    async fn connect(&self) -> Result<Continuity, StoreError> {
        let mut life = self.life.lock().await;
        let after = match &self.target {
            Some(_) => self.options.connect_timeout.min(PATIENCE),
            None => self.options.connect_timeout,
        };
        let connected = async {
            match (&self.endpoint, &self.target) {
                (Endpoint::Folder { path, .. }, _) => {
                    self.connect_to_folder(&Folder::new(path.clone()), &mut life).await
                }
                (_, Some(target)) => self.connect_to_server(target, &mut life).await,
                (_, None) => self.connect_to_memory(&mut life).await,
            }
        };
        timeout(after, connected)
            .await
            .unwrap_or(Err(StoreError::Timeout { operation: "connect", after }))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        match self.link()? {
            Link::Engine(client) => self.within("ping", read::ping(&client)).await,
            Link::Server(session) => session.ping().await,
        }
    }

    async fn is_reachable(&self) -> bool {
        match &self.target {
            Some(target) => target.probe.is_healthy().await,
            None => false,
        }
    }

    fn pool(&self) -> Option<PoolState> {
        match self.link() {
            Ok(Link::Server(session)) => Some(session.pool()),
            _ => None,
        }
    }

    /// The engine of a folder keeps other processes out of it.
    fn is_exclusive(&self) -> bool {
        match &self.endpoint {
            Endpoint::Memory | Endpoint::Folder { .. } => true,
            Endpoint::Server { .. } => false,
        }
    }

    async fn version(&self) -> Result<String, StoreError> {
        self.call("version", |client: Arc<Client>| async move { version(&client).await }).await
    }

    async fn get(&self, id: &NoteId) -> Result<Option<Note>, StoreError> {
        let id = id.clone();
        self.call_of(Caller::Reader, "get", |client: Arc<Client>| async move {
            read::get(&client, &id).await
        })
        .await
    }

    async fn load(&self, ids: &[NoteId]) -> Result<Vec<Stored>, StoreError> {
        let ids = ids.to_vec();
        self.call("load", |client: Arc<Client>| async move { read::load(&client, &ids).await })
            .await
    }

    async fn query(&self, query: &NoteQuery) -> Result<Page, StoreError> {
        let query = query.clone();
        self.call_of(Caller::Reader, "query", |client: Arc<Client>| async move {
            list::page(&client, &query).await
        })
        .await
    }

    async fn checkpoint(&self, log: LogId) -> Result<Option<Checkpoint>, StoreError> {
        self.call("checkpoint", |client: Arc<Client>| async move {
            read::checkpoint(&client, log).await
        })
        .await
    }

    async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let inserting = commit::inserting(batch)?;
        match self.call("commit", |client| commit::run(client, inserting)).await? {
            Committed::Yes => Ok(()),
            // Perhaps one that nobody looked for.
            Committed::AlreadyThere(_) if !batch.absent.is_empty() => Err(StoreError::Changed),
            // A repair of a note of version 1 that is there.
            Committed::AlreadyThere(error) => {
                let replacing = commit::replacing(batch)?;
                match self.call("commit", |client| commit::run(client, replacing)).await? {
                    Committed::Yes => Ok(()),
                    Committed::AlreadyThere(_) => Err(error),
                }
            }
        }
    }

    async fn markers(
        &self,
        log: LogId,
        from: Sequence,
        limit: usize,
    ) -> Result<Vec<Marker>, StoreError> {
        let call =
            |client: Arc<Client>| async move { read::markers(&client, log, from, limit).await };
        self.call("markers", call).await
    }

    async fn rejections(
        &self,
        log: LogId,
        first: Sequence,
        last: Sequence,
    ) -> Result<Vec<(Sequence, Rejection)>, StoreError> {
        let call =
            |client: Arc<Client>| async move { read::rejections(&client, log, first, last).await };
        self.call("rejections", call).await
    }

    async fn recorded(&self, log: LogId, seq: Sequence) -> Result<Recorded, StoreError> {
        self.call_of(Caller::Reader, "recorded", |client: Arc<Client>| async move {
            read::recorded(&client, log, seq).await
        })
        .await
    }

    async fn parked(
        &self,
        log: LogId,
        from: Sequence,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError> {
        let call =
            |client: Arc<Client>| async move { read::parked(&client, log, from, limit).await };
        self.call("parked", call).await
    }

    /// Ends within
    /// [`SurrealOptions::rebuild_timeout`](super::SurrealOptions::rebuild_timeout).
    /// At the end the engine of a folder is started again, during which other
    /// calls find no connection: the batches of a build are written like any
    /// others, and one of them that a crash takes would be missed by nobody. No
    /// word brings a server to do that.
    async fn rebuild_indexes(&self) -> Result<Rebuilt, StoreError> {
        let (started, after) = (Instant::now(), self.options.rebuild_timeout);
        tracing::info!("building the indexes of the database anew");
        let rebuilt = match self.link()? {
            Link::Server(session) => {
                let begun = Arc::clone(&self.begun);
                let build = |client| async move { rebuild::indexes(&client, &begun).await };
                session.call(Caller::Applier, "rebuild", after, build).await?;
                Rebuilt::Volatile
            }
            Link::Engine(client) => {
                let rebuilt = async {
                    rebuild::indexes(&client, &Begun::default()).await?;
                    drop(client);
                    match &self.endpoint {
                        Endpoint::Folder { path, .. } => {
                            self.flush(&Folder::new(path.clone())).await
                        }
                        Endpoint::Memory | Endpoint::Server { .. } => Ok(()),
                    }
                };
                let timed_out = Err(StoreError::Timeout { operation: "rebuild", after });
                timeout(after, rebuilt).await.unwrap_or(timed_out)?;
                Rebuilt::Durable
            }
        };
        let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(duration_ms, "the indexes of the database were built anew");
        Ok(rebuilt)
    }

    /// Ends within 120 s: [`engine::SHUTDOWN_BOUND`] for a call to connect that
    /// is under way, and for the engine.
    async fn close(&self, continuity: Continuity) -> Result<(), StoreError> {
        let after = engine::SHUTDOWN_BOUND;
        let waited = timeout(after, self.life.lock()).await;
        let mut life = waited.map_err(|_| StoreError::Timeout { operation: "close", after })?;
        let client = self.take_client();
        life.continuity = continuity;
        match (&self.endpoint, client) {
            (Endpoint::Folder { path, .. }, Some(client)) => {
                let folder = Folder::new(path.clone());
                let patience = engine::SHUTDOWN_BOUND;
                let flushed = self.end(&folder, client, &mut life, patience).await?;
                if flushed { Ok(()) } else { Err(folder.not_flushed()) }
            }
            (Endpoint::Folder { .. }, None) | (Endpoint::Memory | Endpoint::Server { .. }, _) => {
                Ok(())
            }
        }
    }
}
