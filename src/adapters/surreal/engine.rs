//! The life of an embedded engine.

use std::sync::Arc;
use std::time::Duration;

use surrealdb::Surreal;
use surrealdb::engine::any::{Any, connect};
use tokio::time::{Instant, sleep};

use super::error::{classify, is_locked};
use super::folder::{Folder, LockedFolder};
use crate::ports::{Continuity, StoreError};

/// A client of whatever endpoint. Never cloned: that would make a session.
pub(super) type Client = Surreal<Any>;

/// How long a shutdown may take: flushing the memory of the engine, which is up
/// to a few GiB, before it gives up its lock.
pub(super) const SHUTDOWN_BOUND: Duration = Duration::from_secs(60);

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Starts an engine on the folder, waiting that long for another to let go.
/// `None` when none did.
pub(super) async fn open(
    folder: &Folder,
    address: &str,
    patience: Duration,
) -> Result<Option<(Client, Continuity)>, StoreError> {
    let deadline = Instant::now() + patience;
    loop {
        let Some(locked) = lock(folder, deadline).await? else { return Ok(None) };
        let continuity = locked.take_word()?;
        // The engine takes the lock itself.
        drop(locked);
        match connect(address).await {
            Ok(client) => return Ok(Some((client, continuity))),
            // Another process was quicker. What it leaves counts.
            Err(error) if is_locked(&error) => {}
            Err(error) => return Err(classify(&error)),
        }
    }
}

/// Stops the engine, waits that long until it has, and tells whether everything
/// it had in memory is on disk. If so, and with [`Continuity::Intact`], leaves
/// word that it ended cleanly.
pub(super) async fn close(
    folder: &Folder,
    client: Arc<Client>,
    continuity: Continuity,
    patience: Duration,
) -> Result<bool, StoreError> {
    drop(client);
    let Some(locked) = lock(folder, Instant::now() + patience).await? else {
        return Err(folder.still_closing());
    };
    let flushed = locked.is_flushed()?;
    if flushed && continuity == Continuity::Intact {
        locked.leave_word()?;
    }
    Ok(flushed)
}

async fn lock(folder: &Folder, deadline: Instant) -> Result<Option<LockedFolder<'_>>, StoreError> {
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(locked) = folder.lock()? {
            return Ok(Some(locked));
        }
        if Instant::now() + pause > deadline {
            return Ok(None);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
