//! The beginning of a log, for a database as it was then.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{Entry, LogId, Position, Sequence, Submission};
use crate::ports::{CommandLog, LogError, Positions, ReadLimit};

/// How much of a log is looked at in one piece.
const PIECE: ReadLimit = ReadLimit { max_commands: 1024, max_bytes: 8 << 20 };

/// A log up to one of its commands. It takes no others.
pub struct BoundedLog {
    inner: Arc<dyn CommandLog>,
    last: Position,
}

impl BoundedLog {
    /// The log up to that command, or to its end where that comes first.
    ///
    /// # Errors
    /// As for [`CommandLog::locate`].
    pub async fn upto(inner: Arc<dyn CommandLog>, last: Sequence) -> Result<Self, LogError> {
        let end = inner.positions().last;
        let compacted = inner.positions().compacted;
        if last < compacted {
            return Err(LogError::Compacted { asked: last, through: compacted });
        }
        let last = if last < end.seq { inner.locate(last).await? } else { end };
        Ok(Self { inner, last })
    }

    /// The log up to, and without, the first command that was accepted after that
    /// time.
    ///
    /// # Errors
    /// As for [`CommandLog::read`].
    pub async fn until(inner: Arc<dyn CommandLog>, time: DateTime<Utc>) -> Result<Self, LogError> {
        let Positions { first, last, .. } = inner.positions();
        let mut from = first;
        while from <= last.seq {
            let entries = inner.read(from, PIECE).await?;
            let later = |entry: &&Entry| entry.submission.accepted_at > time;
            if let Some(later) = entries.iter().find(later) {
                return Self::upto(inner, later.seq().previous()).await;
            }
            let Some(read) = entries.last() else { break };
            from = read.seq().next();
        }
        Ok(Self { inner, last })
    }
}

#[async_trait]
impl CommandLog for BoundedLog {
    fn id(&self) -> LogId {
        self.inner.id()
    }

    fn positions(&self) -> Positions {
        Positions { last: self.last, ..self.inner.positions() }
    }

    async fn append(&self, _submission: Submission) -> Result<Position, LogError> {
        Err(LogError::Closed)
    }

    async fn read(&self, from: Sequence, limit: ReadLimit) -> Result<Vec<Entry>, LogError> {
        if from > self.last.seq {
            return Ok(Vec::new());
        }
        let mut entries = self.inner.read(from, limit).await?;
        entries.retain(|entry| entry.seq() <= self.last.seq);
        Ok(entries)
    }

    async fn wait_past(&self, seq: Sequence) -> Result<(), LogError> {
        if seq < self.last.seq { Ok(()) } else { Err(LogError::Closed) }
    }

    async fn locate(&self, seq: Sequence) -> Result<Position, LogError> {
        if seq > self.last.seq {
            return Err(LogError::PastEnd { asked: seq, last: self.last.seq });
        }
        self.inner.locate(seq).await
    }

    async fn floor(&self, upto: Sequence, bytes: u64) -> Result<Sequence, LogError> {
        if upto > self.last.seq {
            return Err(LogError::PastEnd { asked: upto, last: self.last.seq });
        }
        self.inner.floor(upto, bytes).await
    }

    /// It keeps what there is.
    async fn release(&self, _upto: Sequence, _now: DateTime<Utc>) -> Result<Sequence, LogError> {
        Ok(self.inner.positions().first)
    }

    async fn close(&self) -> Result<(), LogError> {
        self.inner.close().await
    }
}
