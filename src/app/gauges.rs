//! What is the case, for whoever measures.

use chrono::{DateTime, Utc};

use super::desk::Desk;
use super::{Daybook, Health};
use crate::domain::Sequence;
use crate::ports::ReadLimit;

/// How the service is at the moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauges {
    /// What `/health` tells.
    pub health: Health,
    /// The last command that is durable.
    pub last_appended: Sequence,
    /// The last command that the database has applied; `None` until it was asked.
    pub last_applied: Option<Sequence>,
    /// When the first of the commands that `health` counts as waiting was accepted, but
    /// for parked ones; `None` when there is none, or it cannot be read.
    pub oldest_unapplied: Option<DateTime<Utc>>,
    /// The size of what is retained of the log.
    pub log_bytes: u64,
}

impl Daybook {
    /// How the service is at the moment. Reads at most one command of the log, and
    /// never asks the database.
    pub async fn gauges(&self) -> Gauges {
        let positions = self.desk().ports.log.positions();
        let pending = &self.desk().pending;
        let (last_applied, since) = (pending.applied_seq(), pending.waiting_since().seq);
        let oldest_unapplied = match since < positions.last.seq {
            true => accepted_at(self.desk(), since.next()).await,
            false => None,
        };
        Gauges {
            health: self.health(),
            last_appended: positions.last.seq,
            last_applied,
            oldest_unapplied,
            log_bytes: positions.bytes,
        }
    }
}

async fn accepted_at(desk: &Desk, seq: Sequence) -> Option<DateTime<Utc>> {
    let one = ReadLimit { max_commands: 1, max_bytes: 0 };
    let entries = desk.ports.log.read(seq, one).await.ok()?;
    entries.first().map(|entry| entry.submission.accepted_at)
}
