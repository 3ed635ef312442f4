//! Connections, lent by bb8.
//!
//! What bb8 means by a minimum is that so many are idle, its timeout for idle
//! ones spares none, and a check would count as use. So it lends and limits,
//! and [`upkeep`](super::upkeep) does the rest.

use std::sync::Arc;

use bb8::ManageConnection;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio::time::timeout;

use super::connection::{Connection, PATIENCE, dial};
use super::target::Target;
use crate::adapters::surreal::SurrealOptions;
use crate::ports::{ConnectionEnding, Metrics, StoreError};

/// Makes the connections of one session.
pub(super) struct Dialer {
    pub(super) options: SurrealOptions,
    pub(super) target: Target,
    /// A connection from the start of the session. As long as it lives, the
    /// server was not restarted, and a new connection leads to the same one.
    pub(super) anchor: Arc<Connection>,
    pub(super) lost: Arc<watch::Sender<bool>>,
    /// Told whenever a connection is given up.
    pub(super) gap: Arc<Notify>,
    /// Where it is told how long connections lived.
    pub(super) metrics: Arc<dyn Metrics>,
}

impl ManageConnection for Dialer {
    type Connection = Connection;
    type Error = StoreError;

    async fn connect(&self) -> Result<Connection, StoreError> {
        let made = async { Connection::new(dial(&self.options, &self.target).await?).await };
        let late = Err(StoreError::Timeout { operation: "connect", after: PATIENCE });
        let mut connection = timeout(PATIENCE, made).await.unwrap_or(late)?;
        if let Err(error) = self.anchor.ping(self.options.ping_timeout).await {
            self.lost.send_replace(true);
            return Err(error);
        }
        connection.measure(Arc::clone(&self.metrics));
        Ok(connection)
    }

    async fn is_valid(&self, connection: &mut Connection) -> Result<(), StoreError> {
        connection.ping(self.options.ping_timeout).await
    }

    /// Asked whenever a connection is given back.
    fn has_broken(&self, connection: &mut Connection) -> bool {
        if !std::mem::take(&mut connection.is_checked) {
            connection.used = Instant::now();
        }
        // One that is always in use when the others are checked.
        let limits = &self.options.pool;
        let is_broken = connection.is_broken || connection.was_reset();
        let is_overdue = connection.made.elapsed() >= limits.max_lifetime + limits.round();
        if is_overdue && !is_broken {
            connection.ends(ConnectionEnding::Expired);
        }
        let is_broken = is_broken || is_overdue;
        if is_broken {
            self.gap.notify_one();
        }
        is_broken
    }
}

/// The error of a pool that could not give a connection.
pub(super) fn unavailable(
    error: bb8::RunError<StoreError>,
    options: &SurrealOptions,
) -> StoreError {
    match error {
        bb8::RunError::User(error) => error,
        bb8::RunError::TimedOut => StoreError::Busy { after: options.pool.acquire_timeout },
    }
}
