//! Connections, kept ready by bb8.

use std::sync::Arc;

use bb8::ManageConnection;
use tokio::sync::watch;

use super::connection::{Connection, dial};
use super::target::Target;
use crate::adapters::surreal::SurrealOptions;
use crate::ports::StoreError;

/// Makes the connections of one session.
pub(super) struct Dialer {
    pub(super) options: SurrealOptions,
    pub(super) target: Target,
    /// A connection from the start of the session. As long as it lives, the
    /// server was not restarted, and a new connection leads to the same one.
    pub(super) anchor: Arc<Connection>,
    pub(super) lost: Arc<watch::Sender<bool>>,
}

impl ManageConnection for Dialer {
    type Connection = Connection;
    type Error = StoreError;

    async fn connect(&self) -> Result<Connection, StoreError> {
        let client = dial(&self.options, &self.target).await?;
        let connection = Connection::new(client).await?;
        if let Err(error) = self.anchor.ping(self.options.ping_timeout).await {
            self.lost.send_replace(true);
            return Err(error);
        }
        Ok(connection)
    }

    async fn is_valid(&self, connection: &mut Connection) -> Result<(), StoreError> {
        connection.ping(self.options.ping_timeout).await
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.is_broken || connection.was_reset()
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
