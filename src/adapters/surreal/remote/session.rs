//! The time in which a server is known not to have been restarted.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bb8::{Pool, PooledConnection, QueueStrategy};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::connection::{Connection, reset};
use super::pool::{Dialer, unavailable};
use super::target::Target;
use super::upkeep::{fill, keep};
use crate::adapters::surreal::SurrealOptions;
use crate::adapters::surreal::engine::Client;
use crate::ports::{Metrics, PoolState, StoreError};

/// Who makes a call. Readers together leave one connection of the pool to the
/// applier, so that slow lists do not look as if the database were away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::adapters::surreal) enum Caller {
    Applier,
    Reader,
}

type Lent = PooledConnection<'static, Dialer>;

/// A pool of connections to one start of a server.
pub(in crate::adapters::surreal) struct Session {
    options: SurrealOptions,
    anchor: Arc<Connection>,
    pool: Pool<Dialer>,
    /// One for each connection but the last, or for the only one.
    readers: Arc<Semaphore>,
    lost: Arc<watch::Sender<bool>>,
    checks: JoinHandle<()>,
}

impl Session {
    /// Fills the pool to its minimum.
    pub(in crate::adapters::surreal) async fn start(
        options: &SurrealOptions,
        target: Target,
        anchor: Connection,
        metrics: Arc<dyn Metrics>,
    ) -> Result<Self, StoreError> {
        let (anchor, lost) = (Arc::new(anchor), Arc::new(watch::Sender::new(false)));
        let gap = Arc::new(Notify::new());
        let dialer = Dialer {
            options: options.clone(),
            target,
            anchor: Arc::clone(&anchor),
            lost: Arc::clone(&lost),
            gap: Arc::clone(&gap),
            metrics,
        };
        let limits = options.pool;
        let pool = Pool::builder()
            .max_size(limits.max)
            .connection_timeout(limits.acquire_timeout)
            .idle_timeout(None)
            .max_lifetime(None)
            .retry_connection(false)
            // Every answer is checked when it is there, see `call`.
            .test_on_check_out(false)
            .queue_strategy(QueueStrategy::Fifo)
            .build(dialer)
            .await?;
        fill(&pool, limits.min).await?;
        let checks = tokio::spawn(keep(pool.clone(), options.clone(), gap));
        let readers = usize::try_from(limits.max.saturating_sub(1).max(1)).unwrap_or(usize::MAX);
        let readers = Arc::new(Semaphore::new(readers.min(Semaphore::MAX_PERMITS)));
        Ok(Self { options: options.clone(), anchor, pool, readers, lost, checks })
    }

    /// Makes one call over a connection of its own, within that time. A caller
    /// that gives up leaves the call to its end, so that it neither costs the
    /// connection nor lets more be under way than there are connections.
    pub(in crate::adapters::surreal) async fn call<T, F>(
        &self,
        caller: Caller,
        operation: &'static str,
        after: Duration,
        call: impl FnOnce(Arc<Client>) -> F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let mut lost = self.lost.subscribe();
        if *lost.borrow() {
            return Err(StoreError::NotConnected);
        }
        let (connection, turn) = tokio::select! {
            lent = self.lend(caller) => lent?,
            _ = lost.wait_for(|lost| *lost) => return Err(StoreError::NotConnected),
        };
        let call = call(connection.client());
        let call = async move {
            let late = Err(StoreError::Timeout { operation, after });
            timeout(after, call).await.unwrap_or(late)
        };
        // The message of a panic is left out: it may quote a note.
        let aborted = |_| Err(StoreError::Internal("the call was aborted".to_owned()));
        let (anchor, lost) = (Arc::clone(&self.anchor), Arc::clone(&self.lost));
        let over = over(connection, anchor, lost, self.options.ping_timeout, call);
        let over = async move {
            let _turn = turn;
            over.await
        };
        tokio::spawn(over).await.unwrap_or_else(aborted)
    }

    /// A connection that works, as far as is known, and a reader's turn.
    async fn lend(
        &self,
        caller: Caller,
    ) -> Result<(Lent, Option<OwnedSemaphorePermit>), StoreError> {
        let after = self.options.pool.acquire_timeout;
        let lend = async {
            let turn = match caller {
                Caller::Applier => None,
                // It is never closed.
                Caller::Reader => Arc::clone(&self.readers).acquire_owned().await.ok(),
            };
            loop {
                let lent = self.pool.get_owned().await;
                let mut lent = lent.map_err(|error| unavailable(error, &self.options))?;
                if !lent.was_reset() {
                    return Ok((lent, turn));
                }
                // It broke while nobody used it. What that says of the server, the
                // anchor tells before another is made in its place.
                lent.is_broken = true;
            }
        };
        timeout(after, lend).await.unwrap_or(Err(StoreError::Busy { after }))
    }

    /// A sign of life, also while every connection of the pool is in use.
    pub(in crate::adapters::surreal) async fn ping(&self) -> Result<(), StoreError> {
        if *self.lost.borrow() {
            return Err(StoreError::NotConnected);
        }
        let answer = self.anchor.ping(self.options.ping_timeout).await;
        if answer.is_err() {
            self.lose();
        }
        answer
    }

    /// Ends the session: calls under way fail, and no other is made.
    pub(in crate::adapters::surreal) fn lose(&self) {
        lose(&self.lost);
    }

    pub(in crate::adapters::surreal) fn pool(&self) -> PoolState {
        let state = self.pool.state();
        let (total, idle) = (state.connections, state.idle_connections);
        PoolState { active: total.saturating_sub(idle), idle, total }
    }
}

fn lose(lost: &watch::Sender<bool>) {
    if !lost.send_replace(true) {
        tracing::debug!("the session with the database is over");
    }
}

/// Brings a call to its end, and judges what it says of the connection.
async fn over<T>(
    mut connection: Lent,
    anchor: Arc<Connection>,
    lost: Arc<watch::Sender<bool>>,
    patience: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    // Until it has an end that says otherwise.
    connection.is_broken = true;
    let mut is_lost = lost.subscribe();
    let result = tokio::select! {
        result = call => result,
        _ = is_lost.wait_for(|lost| *lost) => Err(reset()),
    };
    if connection.was_reset() {
        lose(&lost);
        return Err(reset());
    }
    match &result {
        Err(StoreError::Internal(_)) => {}
        // A slow statement is no dead server.
        Err(StoreError::Timeout { .. }) => {
            if anchor.ping(patience).await.is_err() {
                lose(&lost);
            }
        }
        Err(error) if !error.is_an_answer() => lose(&lost),
        _ => connection.is_broken = false,
    }
    result
}

impl Drop for Session {
    fn drop(&mut self) {
        self.checks.abort();
    }
}
