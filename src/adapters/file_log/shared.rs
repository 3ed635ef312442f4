//! What the writer publishes and readers read.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::watch;

use super::index::Index;
use crate::domain::{LogId, Position};

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
    /// Whether no more will come.
    pub(super) closed: bool,
}

impl Shared {
    pub(super) fn new(log: LogId, index: Index, last: Position) -> Self {
        let published = watch::Sender::new(Published { last, closed: false });
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

    pub(super) fn close(&self) {
        self.published.send_modify(|published| published.closed = true);
    }
}
