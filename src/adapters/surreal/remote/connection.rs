//! One connection to a server, as long as its socket lives.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use surrealdb::engine::any::connect;
use surrealdb::method::Stream;
use surrealdb::opt::Config;
use surrealdb::opt::auth::{Database, Namespace, Root};
use surrealdb::types::{Object, Value};
use tokio::time::{Instant, timeout};

use super::target::{Target, untrusted};
use crate::adapters::surreal::conflict::despite_conflicts;
use crate::adapters::surreal::engine::Client;
use crate::adapters::surreal::error::{classify, finish};
use crate::adapters::surreal::options::{AuthLevel, Credentials};
use crate::adapters::surreal::{SurrealOptions, read};
use crate::ports::{ConnectionEnding, Measurement, Metrics, StoreError};

/// The empty table that connections watch.
const WATCHED: &str = "connection";

/// How many requests may wait within the SDK. Unbounded, an outage would fill
/// the memory.
const CAPACITY: usize = 64;

/// A client, and the watch that ends with its socket.
pub(in crate::adapters::surreal) struct Connection {
    client: Arc<Client>,
    watch: Mutex<Stream<Vec<Value>>>,
    /// Set while a call is under way, so that one that is given up leaves it.
    pub(super) is_broken: bool,
    /// Set for a check, which is no use of it.
    pub(super) is_checked: bool,
    pub(super) made: Instant,
    /// When it was used last.
    pub(super) used: Instant,
    /// Of one in the pool.
    life: Option<Life>,
}

/// Tells, when it goes, how long a connection was there and why it is no more.
struct Life {
    began: Instant,
    ending: ConnectionEnding,
    metrics: Arc<dyn Metrics>,
}

impl Drop for Life {
    fn drop(&mut self) {
        let (ending, lived) = (self.ending, self.began.elapsed());
        self.metrics.record(Measurement::ConnectionClosed { ending, lived });
    }
}

/// How long making a connection may take. Neither the SDK nor the pool has a
/// bound of its own.
pub(in crate::adapters::surreal) const PATIENCE: Duration = Duration::from_secs(30);

/// A client that is signed in.
pub(in crate::adapters::surreal) async fn dial(
    options: &SurrealOptions,
    target: &Target,
) -> Result<Client, StoreError> {
    let config = Config::new().rustls(target.tls.clone());
    let client = connect((target.address.clone(), config)).with_capacity(CAPACITY).await;
    let client =
        client.map_err(|error| untrusted(error.message()).unwrap_or_else(|| classify(&error)))?;
    let SurrealOptions { namespace, database, credentials, .. } = options;
    if let Some(Credentials { level, username, password }) = credentials {
        let (username, password) = (username.clone(), password.clone());
        let (namespace, database) = (namespace.clone(), database.clone());
        let signed_in = match level {
            AuthLevel::Root => client.signin(Root { username, password }).await,
            AuthLevel::Namespace => {
                client.signin(Namespace { namespace, username, password }).await
            }
            AuthLevel::Database => {
                client.signin(Database { namespace, database, username, password }).await
            }
        };
        signed_in.map_err(|error| match classify(&error) {
            StoreError::Misconfigured(why) => StoreError::Misconfigured(format!(
                "DB_USERNAME and DB_PASSWORD: {why}; is DB_AUTH_LEVEL, {level}, where that \
                     user was defined?"
            )),
            other => other,
        })?;
    }
    let chosen = client.use_ns(namespace).use_db(database).await;
    chosen.map_err(|error| classify(&error))?;
    Ok(client)
}

impl Connection {
    /// Starts to watch. The tables must be there.
    pub(in crate::adapters::surreal) async fn new(client: Client) -> Result<Self, StoreError> {
        // A watch is written into the definition of the table, so connections that
        // are made at the same time get into each other's way.
        let register =
            || async { client.select(WATCHED).live().await.map_err(|error| classify(&error)) };
        let watch = despite_conflicts(register).await?;
        let (client, watch, now) = (Arc::new(client), Mutex::new(watch), Instant::now());
        let (is_broken, is_checked, made, used) = (false, false, now, now);
        Ok(Self { client, watch, is_broken, is_checked, made, used, life: None })
    }

    /// From now on it is told when and why it is closed.
    pub(super) fn measure(&mut self, metrics: Arc<dyn Metrics>) {
        let (began, ending) = (self.made, ConnectionEnding::Error);
        self.life = Some(Life { began, ending, metrics });
    }

    /// It is to be closed for that reason, and not because it broke.
    pub(super) fn ends(&mut self, ending: ConnectionEnding) {
        if let Some(life) = &mut self.life {
            life.ending = ending;
        }
    }

    pub(super) fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client)
    }

    /// Whether the socket that this connection was made with is gone. What was
    /// answered before a `false` was answered over it.
    pub(super) fn was_reset(&self) -> bool {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match watch.next().now_or_never() {
                None => return false,
                // Someone wrote into the table, which is no concern of ours.
                Some(Some(Ok(_))) => {}
                Some(None | Some(Err(_))) => return true,
            }
        }
    }

    /// A sign of life over the socket that this was made with.
    pub(super) async fn ping(&self, patience: Duration) -> Result<(), StoreError> {
        let timed_out = Err(StoreError::Timeout { operation: "ping", after: patience });
        timeout(patience, read::ping(&self.client)).await.unwrap_or(timed_out)?;
        if self.was_reset() { Err(reset()) } else { Ok(()) }
    }

    /// The processes that are, or lately were, servers of the database. Each
    /// start of one adds another. `None` for who may not know.
    pub(in crate::adapters::surreal) async fn servers(
        &self,
    ) -> Result<Option<BTreeSet<String>>, StoreError> {
        let asked = self.client.query("INFO FOR ROOT").bind(Object::new()).await;
        let mut results = match asked.and_then(finish) {
            Ok(results) => results,
            Err(error) => {
                let error = classify(&error);
                return if error.is_transient() { Err(error) } else { Ok(None) };
            }
        };
        let told = results.take::<Value>(0).map_err(|error| classify(&error))?;
        let Value::Object(mut told) = told else { return Ok(None) };
        Ok(match told.remove("nodes") {
            Some(Value::Object(nodes)) => Some(nodes.into_iter().map(|(id, _)| id).collect()),
            _ => None,
        })
    }
}

/// The connection was replaced underneath.
pub(super) fn reset() -> StoreError {
    StoreError::ConnectionFailed("the connection was reset".to_owned())
}
