//! Keeping the pool above its minimum and no larger than it is used, and what is
//! in it young and alive.

use std::sync::Arc;
use std::time::Duration;

use bb8::{AddError, Pool};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::pool::Dialer;
use crate::adapters::surreal::{PoolOptions, SurrealOptions};
use crate::ports::{ConnectionEnding, StoreError};

/// How long to wait after a connection could not be made.
const PAUSE: Duration = Duration::from_secs(1);

impl PoolOptions {
    /// How often the idle connections are looked at.
    pub(super) fn round(&self) -> Duration {
        let shortest = self.health_interval.min(self.idle_timeout).min(self.max_lifetime);
        shortest.max(Duration::from_millis(1))
    }
}

/// Makes what is missing to the minimum.
pub(super) async fn fill(pool: &Pool<Dialer>, min: u32) -> Result<(), StoreError> {
    let mut dialing = JoinSet::new();
    for _ in pool.state().connections..min {
        let pool = pool.clone();
        dialing.spawn(async move { pool.dedicated_connection().await });
    }
    while let Some(dialed) = dialing.join_next().await {
        let dialed = dialed.map_err(|_| StoreError::Internal("dialing was aborted".to_owned()))?;
        if let Err(AddError::NoCapacity(mut surplus)) = pool.add(dialed?) {
            // Callers were quicker, and have filled it to its maximum.
            surplus.ends(ConnectionEnding::Idle);
            return Ok(());
        }
    }
    Ok(())
}

/// Looks after the pool until it is aborted.
pub(super) async fn keep(pool: Pool<Dialer>, options: SurrealOptions, gap: Arc<Notify>) {
    let mut rounds = interval(options.pool.round());
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    rounds.tick().await;
    loop {
        tokio::select! {
            _ = rounds.tick() => check(&pool, &options).await,
            () = gap.notified() => {}
        }
        if let Err(error) = fill(&pool, options.pool.min).await {
            tracing::debug!(code = error.code(), "a connection for the pool could not be made");
            sleep(PAUSE).await;
            gap.notify_one();
        }
    }
}

/// Tries each idle connection. What is broken or old is replaced in its place,
/// so that there are never fewer; what nobody used for long is given up.
async fn check(pool: &Pool<Dialer>, options: &SurrealOptions) {
    let limits = &options.pool;
    // The queue is first in, first out: so many turns meet each of them.
    for _ in 0..pool.state().idle_connections {
        let Ok(mut connection) = pool.get().await else { return };
        if connection.used.elapsed() >= limits.idle_timeout && pool.state().connections > limits.min
        {
            connection.ends(ConnectionEnding::Idle);
            connection.is_broken = true;
            continue;
        }
        connection.is_checked = true;
        let is_alive = connection.ping(options.ping_timeout).await.is_ok();
        if is_alive && connection.made.elapsed() < limits.max_lifetime {
            continue;
        }
        match pool.dedicated_connection().await {
            Ok(successor) => {
                let used = connection.used;
                if is_alive {
                    connection.ends(ConnectionEnding::Expired);
                }
                *connection = successor;
                (connection.is_checked, connection.used) = (true, used);
            }
            Err(_) => connection.is_broken = !is_alive,
        }
    }
}
