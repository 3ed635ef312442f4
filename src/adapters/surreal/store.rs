//! The store: a link to the database, its timeouts, and its life.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::conflict::despite_conflicts;
use super::endpoint::Endpoint;
use super::engine::{self, Client};
use super::error::{classify, is_no_version};
use super::folder::Folder;
use super::rebuild::Begun;
use super::remote::connection::{Connection, dial};
use super::remote::session::{Caller, Session};
use super::remote::target::{self, Target};
use super::version::Verdict;
use super::{SurrealOptions, read, schema};
use crate::adapters::no_metrics::NoMetrics;
use crate::ports::{Continuity, Metrics, StoreError};

/// How long connecting waits for another process to let go of the folder.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Notes in SurrealDB, embedded or on a server.
pub struct SurrealStore {
    pub(super) options: SurrealOptions,
    pub(super) endpoint: Endpoint,
    /// The server, if it is one.
    pub(super) target: Option<Target>,
    /// What calls go through; `None` while there is no connection.
    link: RwLock<Option<Link>>,
    /// Whether the engine reported a failure of its own since it was started:
    /// then its end proves nothing.
    failed: AtomicBool,
    /// Of the build of the indexes on the server that was last connected to.
    pub(super) begun: Arc<Begun>,
    /// Held while connecting or closing.
    pub(super) life: Mutex<Life>,
    metrics: Arc<dyn Metrics>,
}

/// The way to the database.
#[derive(Clone)]
pub(super) enum Link {
    /// An engine in this process.
    Engine(Arc<Client>),
    /// A server.
    Server(Arc<Session>),
}

pub(super) struct Life {
    /// The server processes that were known at the last connect.
    servers: Option<BTreeSet<String>>,
    /// The engine in memory, whose data ends with it.
    memory: Option<Arc<Client>>,
    /// Whether an engine that this store started may still have the folder.
    lingering: bool,
    /// What the database can vouch for, as far as it is known.
    pub(super) continuity: Continuity,
    /// The version that was warned about.
    warned: Option<String>,
}

impl SurrealStore {
    /// A store that is not connected yet.
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`], naming the setting.
    pub fn new(options: SurrealOptions) -> Result<Self, StoreError> {
        let endpoint = Endpoint::parse(&options.endpoint)?;
        for (setting, value) in
            [("DB_NAMESPACE", &options.namespace), ("DB_DATABASE", &options.database)]
        {
            if value.is_empty() {
                return Err(StoreError::Misconfigured(format!("{setting}: it must not be empty")));
            }
        }
        let ca_file = options.ca_file.as_deref();
        let target = match (&endpoint, ca_file) {
            (Endpoint::Server { secure, host }, _) => {
                Some(Target::new(endpoint.address(), *secure, host, ca_file)?)
            }
            (_, Some(_)) => return Err(target::needless()),
            (_, None) => None,
        };
        let life = Life {
            servers: None,
            memory: None,
            lingering: false,
            continuity: Continuity::Intact,
            warned: None,
        };
        let (link, failed) = (RwLock::new(None), AtomicBool::new(false));
        let begun = Arc::default();
        let (life, metrics) = (Mutex::new(life), Arc::new(NoMetrics));
        Ok(Self { options, endpoint, target, link, failed, begun, life, metrics })
    }

    /// The same store, whose connections are measured.
    #[must_use]
    pub fn with_metrics(self, metrics: Arc<dyn Metrics>) -> Self {
        Self { metrics, ..self }
    }

    pub(super) fn link(&self) -> Result<Link, StoreError> {
        let link = self.link.read().unwrap_or_else(PoisonError::into_inner);
        link.clone().ok_or(StoreError::NotConnected)
    }

    fn replace(&self, link: Option<Link>) -> Option<Link> {
        let mut current = self.link.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, link)
    }

    /// Takes the engine, if there is one.
    pub(super) fn take_client(&self) -> Option<Arc<Client>> {
        match self.replace(None)? {
            Link::Engine(client) => Some(client),
            Link::Server(session) => {
                session.lose();
                None
            }
        }
    }

    /// The client of an embedded engine.
    #[cfg(test)]
    pub(super) fn client(&self) -> Result<Arc<Client>, StoreError> {
        match self.link()? {
            Link::Engine(client) => Ok(client),
            Link::Server(_) => Err(StoreError::NotConnected),
        }
    }

    /// Makes one call of the applier within the operation timeout.
    pub(super) fn call<T, F>(
        &self,
        operation: &'static str,
        call: impl FnOnce(Arc<Client>) -> F + Send,
    ) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.call_of(Caller::Applier, operation, call)
    }

    /// Makes one call within the operation timeout.
    pub(super) async fn call_of<T, F>(
        &self,
        caller: Caller,
        operation: &'static str,
        call: impl FnOnce(Arc<Client>) -> F + Send,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        match self.link()? {
            Link::Engine(client) => self.within(operation, call(client)).await,
            Link::Server(session) => {
                session.call(caller, operation, self.options.operation_timeout, call).await
            }
        }
    }

    pub(super) async fn within<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let after = self.options.operation_timeout;
        let result = timeout(after, call).await;
        let result = result.unwrap_or(Err(StoreError::Timeout { operation, after }));
        if let Err(StoreError::Internal(_) | StoreError::ConnectionFailed(_)) = &result {
            self.failed.store(true, Ordering::Release);
        }
        result
    }

    /// Ends the engine, waiting that long, and tells whether everything is on
    /// disk. One that failed or could not flush leaves no word.
    pub(super) async fn end(
        &self,
        folder: &Folder,
        client: Arc<Client>,
        life: &mut Life,
        patience: Duration,
    ) -> Result<bool, StoreError> {
        if self.failed.load(Ordering::Acquire) {
            life.continuity = Continuity::Suspect;
        }
        let flushed = engine::close(folder, client, life.continuity, patience).await?;
        life.lingering = false;
        Ok(flushed)
    }

    /// Brings everything that the engine has in memory to disk, which only its
    /// end does, and starts it again.
    pub(super) async fn flush(&self, folder: &Folder) -> Result<(), StoreError> {
        let mut life = self.life.lock().await;
        let client = self.take_client().ok_or(StoreError::NotConnected)?;
        let flushed = self.end(folder, client, &mut life, self.options.rebuild_timeout).await?;
        self.connect_to_folder(folder, &mut life).await?;
        if flushed { Ok(()) } else { Err(folder.not_flushed()) }
    }

    pub(super) async fn connect_to_memory(
        &self,
        life: &mut Life,
    ) -> Result<Continuity, StoreError> {
        let client = match &life.memory {
            // Another connection would be another, empty database.
            Some(client) => {
                read::ping(client).await?;
                Arc::clone(client)
            }
            None => {
                let client = surrealdb::engine::any::connect(self.endpoint.address()).await;
                let client = Arc::new(client.map_err(|error| classify(&error))?);
                self.prepare(&client, life).await?;
                Arc::clone(life.memory.insert(client))
            }
        };
        self.replace(Some(Link::Engine(client)));
        Ok(life.continuity)
    }

    pub(super) async fn connect_to_folder(
        &self,
        folder: &Folder,
        life: &mut Life,
    ) -> Result<Continuity, StoreError> {
        if let Some(client) = self.take_client() {
            // If it could not flush, it left no word, and the next one is suspect.
            self.end(folder, client, life, engine::SHUTDOWN_BOUND).await?;
        }
        folder.create()?;
        let patience = LOCK_PATIENCE.min(self.options.connect_timeout / 2);
        // Until it is known: this call may be given up while the engine starts.
        let lingering = std::mem::replace(&mut life.lingering, true);
        let opened = engine::open(folder, &self.endpoint.address(), patience).await?;
        let Some((client, continuity)) = opened else {
            life.lingering = lingering;
            return Err(if lingering { folder.still_closing() } else { folder.in_use() });
        };
        life.continuity = continuity;
        self.failed.store(false, Ordering::Release);
        if let Err(error) = self.prepare(&client, life).await {
            // What went wrong here is worth telling, and the engine ends anyway.
            let _ = self.end(folder, Arc::new(client), life, engine::SHUTDOWN_BOUND).await;
            return Err(error);
        }
        self.replace(Some(Link::Engine(Arc::new(client))));
        Ok(continuity)
    }

    /// Starts a session. Unless the server is known to be the same as before, it
    /// may have been restarted, and have lost something.
    pub(super) async fn connect_to_server(
        &self,
        target: &Target,
        life: &mut Life,
    ) -> Result<Continuity, StoreError> {
        drop(self.take_client());
        let version = target.probe.version().await?;
        self.judge(version, life)?;
        let client = dial(&self.options, target).await?;
        // Another instance that starts defines the same.
        despite_conflicts(|| schema::define(&client)).await?;
        let anchor = Connection::new(client).await?;
        let servers = anchor.servers().await?;
        let metrics = Arc::clone(&self.metrics);
        let session = Session::start(&self.options, target.clone(), anchor, metrics).await?;
        // A break between the two answers would show here.
        session.ping().await?;
        let is_same = match (&life.servers, &servers) {
            (Some(before), Some(now)) => now.is_subset(before),
            _ => false,
        };
        if !is_same {
            self.begun.store(0, Ordering::Release);
        }
        life.servers = servers;
        self.replace(Some(Link::Server(Arc::new(session))));
        Ok(if is_same { Continuity::Intact } else { Continuity::Suspect })
    }

    /// Checks the version, chooses the database and defines the tables.
    async fn prepare(&self, client: &Client, life: &mut Life) -> Result<(), StoreError> {
        self.judge(version(client).await?, life)?;
        let SurrealOptions { namespace, database, .. } = &self.options;
        let chosen = client.use_ns(namespace).use_db(database).await;
        chosen.map_err(|error| classify(&error))?;
        schema::define(client).await
    }

    fn judge(&self, version: String, life: &mut Life) -> Result<(), StoreError> {
        let verdict = self.options.versions.judge(&version)?;
        if verdict != Verdict::Tested && life.warned.as_ref() != Some(&version) {
            match verdict {
                Verdict::Unknown => tracing::warn!(version, "the version of SurrealDB is unknown"),
                _ => tracing::warn!(version, "this version of SurrealDB was not tested"),
            }
            life.warned = Some(version);
        }
        Ok(())
    }
}

pub(super) async fn version(client: &Client) -> Result<String, StoreError> {
    match client.version().await {
        Ok(version) => Ok(version.to_string()),
        Err(error) if is_no_version(&error) => Ok("unknown".to_owned()),
        Err(error) => Err(classify(&error)),
    }
}
