//! What submitters and the applier share, and what both of the applier's ways
//! into the database, applying and healing, have in common.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::availability::Availability;
use super::heartbeat::Heartbeat;
use super::judge::{Judged, judge, made_by, notes_of, parked_command};
use super::parking::ParkedCommands;
use super::pending::Pending;
use super::release::Orders;
use super::retain::Settled;
use super::{Options, Ports, Repeats, telling};
use crate::domain::{Entry, LogId, NoteId, Sequence};
use crate::ports::{Batch, Checkpoint, LogError, Marker, Parked, ReadLimit, StoreError};

/// How often a transaction that met another one is made anew at once, before the
/// applier backs off.
const MOST_CONTENTIONS: u32 = 16;

/// The longest pause before the next of these attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// What [`super::Daybook`] and [`super::Applier`] share.
pub(super) struct Desk {
    pub(super) ports: Ports,
    pub(super) options: Options,
    pub(super) pending: Pending,
    pub(super) availability: Availability,
    pub(super) heartbeat: Heartbeat,
    parked: Mutex<ParkedCommands>,
    /// What operators want done about them.
    pub(super) orders: Orders,
    pub(super) settled: Settled,
    pub(super) repeats: Repeats,
    /// Wakes the applier when the probe finds the database gone.
    pub(super) lost: Notify,
}

impl Desk {
    pub(super) fn new(ports: Ports, options: Options) -> Self {
        Self {
            pending: Pending::new(ports.log.positions(), &options),
            availability: Availability::new(options.unavailable_after),
            heartbeat: Heartbeat::new(),
            parked: Mutex::default(),
            orders: Orders::default(),
            settled: Settled::default(),
            repeats: Repeats::default(),
            lost: Notify::new(),
            ports,
            options,
        }
    }

    pub(super) fn parked(&self) -> MutexGuard<'_, ParkedCommands> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commands from the log, at most so many and no more than a batch holds.
    pub(super) async fn read(
        &self,
        from: Sequence,
        max_commands: usize,
    ) -> Result<Vec<Entry>, LogError> {
        let max_bytes = self.options.batch.max_bytes;
        self.ports.log.read(from, ReadLimit { max_commands, max_bytes }).await
    }

    /// Judges commands against the notes as the database has them.
    pub(super) async fn judge(&self, entries: &[Entry]) -> Result<Judged, StoreError> {
        self.judge_without(Vec::new(), entries).await
    }

    /// Judges commands that were never applied. Where nobody else changes the
    /// database, a note that one of them makes is taken to be new, and the commit
    /// finds out if it is not: to look for what is not there is a query of its own.
    pub(super) async fn judge_new(&self, entries: &[Entry]) -> Result<Judged, StoreError> {
        let is_exclusive = self.ports.store.is_exclusive();
        let absent = if is_exclusive { made_by(entries) } else { Vec::new() };
        self.judge_without(absent, entries).await
    }

    /// Does not look for the notes in `absent`, which are sorted.
    async fn judge_without(
        &self,
        absent: Vec<NoteId>,
        entries: &[Entry],
    ) -> Result<Judged, StoreError> {
        let mut ids = notes_of(entries);
        ids.retain(|id| absent.binary_search(id).is_err());
        let stored = if ids.is_empty() { Vec::new() } else { self.ports.store.load(&ids).await? };
        let now = self.ports.clock.now();
        let mut judged = judge(self.ports.log.id(), entries, stored, &self.parked(), now);
        if self.ports.store.is_exclusive() {
            // Between load and commit nobody changes a note but an earlier attempt
            // of this applier, which moves the checkpoint.
            judged.found.clear();
        }
        judged.absent = absent;
        Ok(judged)
    }

    /// Commits a batch of these commands, and remembers what is parked after it.
    pub(super) async fn commit(&self, batch: &Batch, entries: &[Entry]) -> Result<(), StoreError> {
        self.ports.store.commit(batch).await?;
        self.committed(batch, entries);
        Ok(())
    }

    /// A batch of these commands was committed.
    pub(super) fn committed(&self, batch: &Batch, entries: &[Entry]) {
        self.settled.committed(batch);
        telling::parked(batch, entries, &self.parked());
        // A parked command is still pending for who reads its note.
        for parked in &batch.parked {
            self.pending.hold(parked.seq, &parked.note);
        }
        let mut known = self.parked();
        for seq in &batch.released {
            if let Some(Parked { note, .. }) = known.get(*seq) {
                self.pending.release(*seq, note);
            }
        }
        known.committed(batch);
    }

    /// These are the parked commands, whatever was known before.
    pub(super) fn found_parked(&self, found: ParkedCommands) {
        let mut known = self.parked();
        for Parked { seq, note, .. } in known.all() {
            self.pending.release(*seq, note);
        }
        for Parked { seq, note, .. } in found.all() {
            self.pending.hold(*seq, note);
        }
        *known = found;
    }

    /// A command that the database refused so often, to be parked.
    pub(super) fn parked_now(&self, entry: &Entry, attempts: u32, error: &StoreError) -> Parked {
        parked_command(entry, attempts, error.to_string(), self.ports.clock.now())
    }
}

/// The transaction that parks one command, which stands for those from `first` on,
/// and moves the checkpoint as told.
pub(super) fn parking(
    log: LogId,
    expected: Option<Checkpoint>,
    checkpoint: Checkpoint,
    first: Sequence,
    parked: Parked,
) -> Batch {
    let marker = Marker { first, last: parked.seq };
    Batch { parked: vec![parked], ..Batch::new(log, expected, checkpoint, marker) }
}

/// How often a transaction has met another one that was quicker.
#[derive(Debug, Default)]
pub(super) struct Contention {
    met: u32,
}

impl Contention {
    /// Whether this is the first attempt.
    pub(super) fn is_none(&self) -> bool {
        self.met == 0
    }

    /// Whether to load and judge anew at once because of that error. Waits a
    /// moment, so that two instances do not go on in step.
    pub(super) async fn goes_on(&mut self, error: &StoreError) -> bool {
        if !error.is_contention() || self.met == MOST_CONTENTIONS {
            return false;
        }
        self.met += 1;
        tracing::debug!(code = error.code(), "a transaction met another one and is made anew");
        sleep(LONGEST_PAUSE.mul_f32(fastrand::f32())).await;
        true
    }
}
