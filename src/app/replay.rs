//! Posting a log to a database outside of a running service.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::attach::{Failure, check_history};
use super::desk::Desk;
use super::release::{settle, state};
use super::unpark::learn_parked;
use super::{Applier, ApplierError, CommandState, Options, Ports, Release, ReleaseError, Step};
use crate::domain::Sequence;
use crate::ports::{Continuity, NoteQuery, Parked, Sort, SortKey, StoreError};

/// Posts the log of its ports to their database as the service would: exactly
/// once, in order, from the checkpoint on, healing and parking on the way.
pub struct Replay {
    pub(super) desk: Arc<Desk>,
    pub(super) applier: Applier,
}

/// How far a database is behind a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The last command that the database has applied, if it knows the log.
    pub applied: Option<Sequence>,
    /// The first command that the log retains.
    pub first: Sequence,
    /// The last command of the log.
    pub last: Sequence,
}

impl Backlog {
    /// How many commands wait.
    #[must_use]
    pub fn commands(&self) -> u64 {
        let applied = self.applied.unwrap_or(self.first.previous());
        self.last.since(applied)
    }
}

/// Why a log was not posted to its end. What was posted stays, and another
/// attempt goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The database was not reached, or cannot be used.
    #[error(transparent)]
    Database(#[from] ApplierError),
    /// Log and database do not belong together, or the log cannot be read.
    #[error("{0}")]
    Refused(String),
    /// The database has something in it, and was to be a new one.
    #[error("the database is not empty: it has {0}; name a new one, or drop that one first")]
    NotEmpty(&'static str),
}

impl From<StoreError> for ReplayError {
    fn from(error: StoreError) -> Self {
        Self::Database(ApplierError::Unusable { reason: error.to_string() })
    }
}

impl Replay {
    /// A replay of that log to that database. There must be no other applier of
    /// the log.
    #[must_use]
    pub fn new(ports: Ports, options: Options) -> Self {
        let desk = Arc::new(Desk::new(ports, options));
        Self { applier: Applier::new(Arc::clone(&desk)), desk }
    }

    /// Connects, once. Changes nothing but the schema.
    ///
    /// # Errors
    /// When the database is not reached at once.
    pub async fn connect(&mut self) -> Result<(), ReplayError> {
        self.applier.connected = Some(self.applier.connect().await?);
        Ok(())
    }

    /// How much there is to do.
    ///
    /// # Errors
    /// When the database is not reached, or is not one of this log.
    pub async fn backlog(&mut self) -> Result<Backlog, ReplayError> {
        let log = self.desk.ports.log.id();
        let checkpoint = self.desk.ports.store.checkpoint(log).await?;
        self.applier.reached = true;
        let checked = check_history(&self.desk, checkpoint.as_ref()).await;
        checked.map_err(|failure| ReplayError::Refused(failure.public_reason()))?;
        let positions = self.desk.ports.log.positions();
        let applied = checkpoint.map(|checkpoint| checkpoint.applied);
        Ok(Backlog { applied, first: positions.first, last: positions.last.seq })
    }

    /// Makes sure that nothing was ever posted to the database.
    ///
    /// # Errors
    /// [`ReplayError::NotEmpty`], or when the database is not reached.
    pub async fn check_empty(&self) -> Result<(), ReplayError> {
        let store = &self.desk.ports.store;
        if store.checkpoint(self.desk.ports.log.id()).await?.is_some() {
            return Err(ReplayError::NotEmpty("a checkpoint of this log"));
        }
        let sort = Sort { key: SortKey::CreatedAt, descending: false };
        let any = NoteQuery { author: None, tag: None, sort, limit: 1, after: None };
        if store.query(&any).await?.notes.is_empty() {
            Ok(())
        } else {
            Err(ReplayError::NotEmpty("notes"))
        }
    }

    /// What the store may be told when it is closed.
    #[must_use]
    pub fn vouches(&self) -> Continuity {
        self.applier.vouches()
    }

    /// Posts everything that waits, at most so many commands a second, and tells
    /// after each batch where it stands. Connects where that was not done.
    ///
    /// # Errors
    /// [`ReplayError`]. A database that goes away in between is waited for.
    pub async fn run(
        &mut self,
        per_second: Option<NonZeroU32>,
        mut at: impl FnMut(Sequence),
    ) -> Result<(), ReplayError> {
        loop {
            match self.applier.apply_next().await? {
                Step::Applied { upto, commands } => {
                    at(upto);
                    if let Some(rate) = per_second {
                        let commands = u32::try_from(commands).unwrap_or(u32::MAX);
                        sleep(Duration::from_secs(1) * commands / rate.get()).await;
                    }
                }
                Step::CaughtUp => return Ok(()),
                Step::Blocked { retry_after } => {
                    // Nobody steps in while this runs.
                    if let Some(reason) = self.desk.availability.barrier() {
                        return Err(ReplayError::Refused(reason));
                    }
                    sleep(retry_after).await;
                }
            }
        }
    }

    /// Attempts a parked command again, or gives it up, as the service would.
    /// Connecting attempts all that are parked.
    ///
    /// # Errors
    /// When the database is not reached, or is not one of this log; inside, when
    /// the command is not parked.
    pub async fn release(
        &mut self,
        seq: Sequence,
        how: Release,
    ) -> Result<Result<CommandState, ReleaseError>, ReplayError> {
        learn_parked(&self.desk).await?;
        if self.desk.parked().get(seq).is_none() {
            return Ok(Err(ReleaseError::NotParked));
        }
        let refused = |failure: Failure| ReplayError::Refused(failure.public_reason());
        let cursor = self.applier.attach().await.map_err(refused)?;
        let is_parked = self.desk.parked().get(seq).is_some();
        match cursor.checkpoint {
            Some(checkpoint) if is_parked && how == Release::Discard => {
                Ok(settle(&self.desk, checkpoint, seq, how).await.map_err(refused)?.1)
            }
            _ => {
                Ok(Ok(state(self.desk.ports.store.recorded(self.desk.ports.log.id(), seq).await?)))
            }
        }
    }

    /// The parked commands of the log, as the database has them.
    ///
    /// # Errors
    /// When the database is not reached.
    pub async fn list_parked(&self) -> Result<Vec<Parked>, ReplayError> {
        learn_parked(&self.desk).await?;
        Ok(self.desk.parked().all().cloned().collect())
    }

    /// How many commands of the log are parked.
    #[must_use]
    pub fn parked(&self) -> u64 {
        self.desk.parked().len()
    }
}
