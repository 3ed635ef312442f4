//! The one writer of the database and the one judge of commands.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::Outcome;
use super::attach::{Cursor, Failure, check_history, resume};
use super::backoff::Backoff;
use super::index_backlog::index_backlog;
use super::judge::{judge, notes_of, outcome_name};
use super::submit::{Desk, waiting};
use crate::domain::{Entry, Position, Sequence};
use crate::ports::{Batch, Checkpoint, Continuity, LogError, Marker, Measurement, StoreError};

/// The heal window is measured anew after so many parts of it were applied.
const FLOOR_REFRESHES_PER_WINDOW: u64 = 16;

/// The horizon moves by at most this many commands more than twice what a batch
/// holds, so that forgetting never makes a transaction large.
const HORIZON_STEP: u64 = 64;

/// Posts the log to the database, in order, exactly once.
///
/// It is a step function, [`apply_next`](Self::apply_next), with the loop
/// [`run`](Self::run) around it. There must be one applier per log.
pub struct Applier {
    desk: Arc<Desk>,
    backoff: Backoff,
    started: Instant,
    /// Set while database and log are known to be together.
    cursor: Option<Cursor>,
    /// Whether the connection can be used as it is.
    connected: Option<String>,
    /// Stays until a comparison was completed, over any number of reconnects.
    continuity: Continuity,
    /// A batch whose outcome is not known.
    in_doubt: Option<Attempt>,
    reached: bool,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Commands were applied.
    Applied {
        /// The last of them.
        upto: Sequence,
        /// How many.
        commands: usize,
    },
    /// There is nothing to apply.
    CaughtUp,
    /// Something is in the way.
    Blocked {
        /// When it is worth trying again.
        retry_after: Duration,
    },
}

/// Why the applier gave up for good. The log keeps everything.
#[derive(Debug, thiserror::Error)]
pub enum ApplierError {
    /// The database was not reached within the time allowed at start.
    #[error("the database was not reached within {waited:?}: {reason}")]
    NeverReached {
        /// How long was waited.
        waited: Duration,
        /// The last error.
        reason: String,
    },
    /// The database cannot be used with these settings, and waiting will not
    /// change that.
    #[error("the database cannot be used: {reason}")]
    Unusable {
        /// What is wrong.
        reason: String,
    },
}

/// A batch on its way into the database.
struct Attempt {
    batch: Batch,
    entries: Vec<Entry>,
    outcomes: Vec<(Sequence, Outcome)>,
    started: Instant,
}

impl Applier {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self {
            desk,
            backoff: Backoff::new(),
            started: Instant::now(),
            cursor: None,
            connected: None,
            continuity: Continuity::Intact,
            in_doubt: None,
            reached: false,
        }
    }

    /// Applies the log until told to stop, or until nobody is left to tell it; a
    /// batch under way is finished first. Returns what the store may be told when it is closed.
    ///
    /// # Errors
    /// [`ApplierError`] when the database cannot be reached or used at all.
    pub async fn run(
        mut self,
        mut stop: watch::Receiver<bool>,
    ) -> Result<Continuity, ApplierError> {
        // Beside the loop: the database may not be reached for long.
        let mut beside = JoinSet::new();
        let desk = Arc::clone(&self.desk);
        beside.spawn(async move { index_backlog(&desk).await });
        loop {
            if *stop.borrow() || stop.has_changed().is_err() {
                return Ok(self.vouches());
            }
            let attached = self.cursor.is_some();
            let step = tokio::select! {
                biased;
                step = self.apply_next() => step?,
                // Connecting and healing may take long, and can be given up at any
                // point: what they have not finished is begun again.
                () = told(&mut stop), if !attached => continue,
            };
            match step {
                Step::Applied { .. } => {}
                Step::CaughtUp => self.idle(&mut stop).await,
                Step::Blocked { retry_after } => tokio::select! {
                    () = told(&mut stop) => {}
                    () = sleep(retry_after) => {}
                },
            }
        }
    }

    /// Takes one step: connects and heals where needed, then applies the next
    /// batch of commands.
    ///
    /// # Errors
    /// [`ApplierError`] when no further step makes sense.
    pub async fn apply_next(&mut self) -> Result<Step, ApplierError> {
        match self.advance().await {
            Ok(step) => {
                self.backoff.reset();
                Ok(step)
            }
            Err(failure) => {
                let retry_after = self.blocked(&failure)?;
                Ok(Step::Blocked { retry_after })
            }
        }
    }

    /// Whether everything the store ever acknowledged is known to be there.
    #[must_use]
    pub fn vouches(&self) -> Continuity {
        if self.reached { self.continuity } else { Continuity::Suspect }
    }

    async fn advance(&mut self) -> Result<Step, Failure> {
        let mut cursor = match self.cursor {
            Some(cursor) => cursor,
            None => self.attach().await?,
        };
        self.refresh_floor(&mut cursor).await?;
        let attempt = match self.in_doubt.take() {
            Some(attempt) => attempt,
            None => {
                let from = cursor.position.seq.next();
                let entries = self.desk.ports.log.read(from, self.desk.options.batch).await?;
                match self.prepare(&cursor, entries).await? {
                    Some(attempt) => attempt,
                    None => return Ok(Step::CaughtUp),
                }
            }
        };
        if let Err(error) = self.desk.ports.store.commit(&attempt.batch).await {
            // Also when it says that nothing was changed: an earlier attempt of
            // the same batch may have been.
            self.in_doubt = Some(attempt);
            return Err(error.into());
        }
        Ok(self.applied(attempt))
    }

    /// Brings log and database together.
    async fn attach(&mut self) -> Result<Cursor, Failure> {
        let version = match self.connected.take() {
            Some(version) => version,
            None => self.connect().await?,
        };
        let store = &self.desk.ports.store;
        let checkpoint = store.checkpoint(self.desk.ports.log.id()).await?;
        self.reached = true;
        check_history(&self.desk, checkpoint.as_ref()).await?;
        self.settle(checkpoint);
        let cursor = resume(&self.desk, checkpoint, self.continuity).await?;
        if cursor.checkpoint != checkpoint {
            // Healing moved it, which fences the batch in doubt off for good.
            self.in_doubt = None;
        }
        self.continuity = Continuity::Intact;
        self.cursor = Some(cursor);
        self.connected = Some(version);
        self.desk.pending.resume_at(cursor.position);
        if self.in_doubt.is_none() {
            self.desk.availability.up();
        }
        Ok(cursor)
    }

    async fn connect(&mut self) -> Result<String, StoreError> {
        let started = Instant::now();
        let store = &self.desk.ports.store;
        if store.connect().await? == Continuity::Suspect {
            self.continuity = Continuity::Suspect;
        }
        let version = store.version().await?;
        let availability = &self.desk.availability;
        availability.answered(self.desk.ports.clock.now(), started.elapsed());
        availability.found(version.clone());
        Ok(version)
    }

    /// Finds out what became of a batch in doubt. Kept is only one that was not
    /// applied and can be committed again as it is: if a late first attempt
    /// comes in between, both have the same effect and one of them fails.
    fn settle(&mut self, checkpoint: Option<Checkpoint>) {
        let Some(attempt) = self.in_doubt.take() else { return };
        if checkpoint == Some(attempt.batch.checkpoint) {
            tracing::info!(upto = %attempt.batch.marker.last, "a commit in doubt had been applied");
            self.applied(attempt);
        } else if checkpoint == attempt.batch.expected {
            self.in_doubt = Some(attempt);
        }
    }

    /// Judges commands and makes their transaction; `None` when there are none.
    async fn prepare(
        &self,
        cursor: &Cursor,
        entries: Vec<Entry>,
    ) -> Result<Option<Attempt>, Failure> {
        let started = Instant::now();
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(None) };
        let marker = Marker { first: first.seq(), last: last.seq() };
        let accepted_at = last.submission.accepted_at;
        let stored = self.desk.ports.store.load(&notes_of(&entries)).await?;
        let log = self.desk.ports.log.id();
        let judged = judge(log, &entries, stored);
        let expected = cursor.checkpoint;
        let horizon = expected.map_or(first.seq(), |checkpoint| {
            let step = HORIZON_STEP + 2 * entries.len() as u64;
            let farthest = Sequence::new(checkpoint.horizon.get() + step);
            checkpoint.horizon.max(cursor.heal_floor.min(farthest))
        });
        let commit = expected.map_or(0, |checkpoint| checkpoint.commit) + 1;
        let batch = Batch {
            log,
            expected,
            checkpoint: Checkpoint { applied: last.seq(), accepted_at, commit, horizon },
            marker,
            writes: judged.writes,
            rejections: judged.rejections,
        };
        Ok(Some(Attempt { batch, entries, outcomes: judged.outcomes, started }))
    }

    /// A batch is in the database: goes on from there and tells who waits.
    fn applied(&mut self, attempt: Attempt) -> Step {
        let Attempt { batch, entries, outcomes, started } = attempt;
        let upto = entries.last().map_or_else(Position::default, |entry| entry.position);
        if let Some(cursor) = &mut self.cursor {
            cursor.checkpoint = Some(batch.checkpoint);
            cursor.position = upto;
            self.desk.availability.up();
        }
        for (seq, outcome) in &outcomes {
            tracing::debug!(%seq, outcome = outcome_name(outcome), "applied a command");
        }
        let commands = entries.len();
        self.desk.pending.publish(upto, &entries, outcomes);
        let took = started.elapsed();
        self.desk.availability.answered(self.desk.ports.clock.now(), took);
        let metrics = &self.desk.ports.metrics;
        metrics.record(Measurement::Applied { upto: upto.seq, commands: commands as u64, took });
        let waiting = waiting(&self.desk);
        metrics.record(Measurement::Queued { commands: waiting.commands, bytes: waiting.bytes });
        Step::Applied { upto: upto.seq, commands }
    }

    async fn refresh_floor(&mut self, cursor: &mut Cursor) -> Result<(), LogError> {
        let window = self.desk.options.heal_window_bytes;
        let applied_since = cursor.position.end.saturating_sub(cursor.floor_taken_at);
        if applied_since > window / FLOOR_REFRESHES_PER_WINDOW {
            cursor.heal_floor = self.desk.ports.log.floor(cursor.position.seq, window).await?;
            cursor.floor_taken_at = cursor.position.end;
            self.cursor = Some(*cursor);
        }
        Ok(())
    }

    /// Waits for the next command and meanwhile keeps an eye on the database.
    async fn idle(&mut self, stop: &mut watch::Receiver<bool>) {
        let desk = Arc::clone(&self.desk);
        let seq = self.cursor.map_or(Sequence::ZERO, |cursor| cursor.position.seq);
        tokio::select! {
            () = told(stop) => {}
            more = desk.ports.log.wait_past(seq) => {
                if more.is_err() {
                    // A closed log brings no more commands; only the end is left.
                    told(stop).await;
                }
            }
            () = sleep(desk.options.probe_interval) => self.probe().await,
        }
    }

    async fn probe(&mut self) {
        let started = Instant::now();
        match self.desk.ports.store.ping().await {
            Ok(()) => {
                let now = self.desk.ports.clock.now();
                self.desk.availability.answered(now, started.elapsed());
            }
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "the database did not answer a probe");
                self.lost(&error.into(), Duration::ZERO);
            }
        }
    }

    /// Says what is in the way and when to try again.
    fn blocked(&mut self, failure: &Failure) -> Result<Duration, ApplierError> {
        let retry_after = self.backoff.next_delay().min(self.patience(failure)?);
        tracing::warn!(reason = %failure, ?retry_after, "commands cannot be applied at the moment");
        self.lost(failure, retry_after);
        Ok(retry_after)
    }

    /// The next step has to bring log and database together again.
    fn lost(&mut self, failure: &Failure, retry_after: Duration) {
        self.cursor = None;
        if let Failure::Store(error) = failure {
            self.desk.ports.metrics.record(Measurement::StoreFailed { code: error.code() });
            if !error.is_an_answer() {
                self.connected = None;
            }
        }
        let (availability, reason) = (&self.desk.availability, failure.public_reason());
        if failure.is_transient() {
            availability.down(self.desk.ports.clock.now(), reason, retry_after);
        } else {
            availability.barred(reason, retry_after);
        }
    }

    /// How long to wait at the most before the database must be reached.
    fn patience(&self, failure: &Failure) -> Result<Duration, ApplierError> {
        let Failure::Store(error) = failure else { return Ok(Duration::MAX) };
        if self.reached {
            return Ok(Duration::MAX);
        }
        let reason = error.to_string();
        if matches!(error, StoreError::UnsupportedVersion { .. } | StoreError::Misconfigured(_)) {
            return Err(ApplierError::Unusable { reason });
        }
        let waited = self.started.elapsed();
        match self.desk.options.startup_max_wait.checked_sub(waited) {
            None | Some(Duration::ZERO) => Err(ApplierError::NeverReached { waited, reason }),
            Some(left) => Ok(left),
        }
    }
}

/// Waits to be told to stop. That the one who would tell is gone counts, too.
async fn told(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}
