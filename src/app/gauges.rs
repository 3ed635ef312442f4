//! What is the case, for whoever measures.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

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
    /// Since when the database does not answer; `None` while it does.
    pub unavailable_since: Option<DateTime<Utc>>,
    /// Until when writes are accepted if the database stays away, which may be past;
    /// `None` while it answers, or when they are accepted for as long as that takes.
    pub accepted_until: Option<DateTime<Utc>>,
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
        let (now, away_for) = (self.desk().ports.clock.now(), self.desk().availability.away_for());
        let unavailable_since =
            away_for.and_then(|away_for| now.checked_sub_signed(signed(away_for)));
        let limit = self.desk().options.unavailable_after;
        let accepted_until = unavailable_since
            .zip(limit)
            .and_then(|(since, limit)| since.checked_add_signed(signed(limit)));
        Gauges {
            health: self.health(),
            last_appended: positions.last.seq,
            last_applied,
            oldest_unapplied,
            log_bytes: positions.bytes,
            unavailable_since,
            accepted_until,
        }
    }
}

/// As the calendar counts; what it cannot count is as long as it can.
fn signed(span: Duration) -> TimeDelta {
    TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX)
}

async fn accepted_at(desk: &Desk, seq: Sequence) -> Option<DateTime<Utc>> {
    let one = ReadLimit { max_commands: 1, max_bytes: 0 };
    let entries = desk.ports.log.read(seq, one).await.ok()?;
    entries.first().map(|entry| entry.submission.accepted_at)
}
