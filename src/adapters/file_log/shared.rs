//! What the writer publishes and readers read.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::watch;

use super::index::Index;
use crate::domain::{LogId, Position};
use crate::ports::LogError;

/// The state of an open log that its writer and its readers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) log: LogId,
    index: RwLock<Index>,
    published: watch::Sender<Published>,
}

/// How far readers may read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Published {
    /// The last command that readers see.
    pub(super) last: Position,
    /// Set when no more will come.
    pub(super) ended: Option<Ending>,
}

/// Why no more commands will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The log was closed.
    Closed,
    /// The writer panicked.
    Defect,
}

impl From<Ending> for LogError {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Closed => Self::Closed,
            Ending::Defect => Self::Refused { detail: "the writer has stopped".to_owned() },
        }
    }
}

impl Shared {
    pub(super) fn new(log: LogId, index: Index, last: Position) -> Self {
        let published = watch::Sender::new(Published { last, ended: None });
        Self { log, index: RwLock::new(index), published }
    }

    pub(super) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change_index(&self, change: impl FnOnce(&mut Index)) {
        change(&mut self.index.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn published(&self) -> Published {
        *self.published.borrow()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Published> {
        self.published.subscribe()
    }

    /// Shows commands to readers. Their places are in the index already.
    pub(super) fn publish(&self, last: Position) {
        self.published.send_modify(|published| published.last = last);
    }

    /// Tells that no more commands will come. The first reason counts.
    pub(super) fn end(&self, why: Ending) {
        self.published.send_modify(|published| {
            published.ended.get_or_insert(why);
        });
    }

    /// Waits for the end. The writer tells it before its thread is gone.
    pub(super) async fn ended(&self) -> Ending {
        let mut published = self.published.subscribe();
        let ended = published.wait_for(|published| published.ended.is_some()).await;
        ended.ok().and_then(|published| published.ended).unwrap_or(Ending::Closed)
    }
}
