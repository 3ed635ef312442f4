//! The one writer of the database and the one judge of commands.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::Outcome;
use super::attach::{Cursor, Failure, check_history, resume};
use super::backoff::Backoff;
use super::desk::{Contention, Desk, parking};
use super::index_backlog::index_backlog;
use super::parking::{Narrowing, Refused};
use super::probe::{self, Return};
use super::release::carry_out;
use super::retain::retain;
use super::step::{ApplierError, Step};
use super::submit::waiting;
use super::telling;
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
    pub(super) desk: Arc<Desk>,
    pub(super) backoff: Backoff,
    pub(super) started: Instant,
    /// Set while database and log are known to be together.
    pub(super) cursor: Option<Cursor>,
    /// Whether the connection can be used as it is.
    pub(super) connected: Option<String>,
    /// Stays until a comparison was completed, over any number of reconnects.
    continuity: Continuity,
    /// A batch whose outcome is not known.
    in_doubt: Option<Attempt>,
    narrowing: Narrowing,
    /// How many different batches were made since the checkpoint moved last. No
    /// two of them must set the same checkpoint.
    made: u64,
    pub(super) returned: Return,
    pub(super) reached: bool,
}

/// What came of offering a batch.
enum Offered {
    /// It was committed, or there was none.
    Committed(Step),
    /// Nothing was changed, and these commands are not in doubt.
    Refused(StoreError, Vec<Entry>),
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
            narrowing: Narrowing::new(desk.options.batch.max_commands),
            made: 0,
            returned: Return::default(),
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
    pub async fn run(mut self, stop: watch::Receiver<bool>) -> Result<Continuity, ApplierError> {
        // Beside the loop: the database may not be reached for long.
        let mut beside = JoinSet::new();
        let desk = Arc::clone(&self.desk);
        beside.spawn(async move { index_backlog(&desk).await });
        let desk = Arc::clone(&self.desk);
        beside.spawn(async move { retain(&desk).await });
        let desk = Arc::clone(&self.desk);
        tokio::select! {
            biased;
            ended = self.steps(stop) => ended,
            () = probe::watch(&desk) => Ok(Continuity::Suspect),
        }
    }

    async fn steps(&mut self, mut stop: watch::Receiver<bool>) -> Result<Continuity, ApplierError> {
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
                Step::Blocked { retry_after } => {
                    let desk = Arc::clone(&self.desk);
                    tokio::select! {
                        () = told(&mut stop) => {}
                        () = sleep(retry_after) => {}
                        () = self.returned.awaited(&desk) => {}
                    }
                }
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
        self.carry_out(&mut cursor).await?;
        let mut contention = Contention::default();
        loop {
            let (error, entries) = match self.offer(&cursor, &contention).await? {
                Offered::Committed(step) => return Ok(step),
                Offered::Refused(error, entries) => (error, entries),
            };
            if contention.goes_on(&error).await {
                continue;
            }
            let Some(first) = entries.first().filter(|_| error.is_poison()) else {
                return Err(error.into());
            };
            let refused = self.narrowing.refused(entries.len());
            telling::refused(refused, entries.len(), first, &error);
            match refused {
                Refused::Narrow => {}
                Refused::Again(pause) => sleep(pause).await,
                Refused::Park(attempts) => {
                    let parked = self.desk.parked_now(first, attempts, &error);
                    let (checkpoint, _) = self.next_checkpoint(&cursor, &entries, first);
                    let log = self.desk.ports.log.id();
                    let batch = parking(log, cursor.checkpoint, checkpoint, first.first, parked);
                    let (outcomes, started) = (Vec::new(), Instant::now());
                    let attempt = Attempt { batch, entries, outcomes, started };
                    return self.commit(attempt).await.map_err(Failure::from);
                }
            }
        }
    }

    /// Offers the batch in doubt to the database, or the next one.
    async fn offer(&mut self, cursor: &Cursor, met: &Contention) -> Result<Offered, Failure> {
        let attempt = match self.in_doubt.take() {
            Some(attempt) => attempt,
            None => {
                let from = cursor.position.seq.next();
                let entries = self.desk.read(from, self.narrowing.limit()).await?;
                let Some(first) = entries.first() else {
                    return Ok(Offered::Committed(Step::CaughtUp));
                };
                let started = Instant::now();
                let judged = if met.is_none() {
                    self.desk.judge_new(&entries).await
                } else {
                    self.desk.judge(&entries).await
                };
                let judged = match judged {
                    Ok(judged) => judged,
                    Err(error) => return Ok(Offered::Refused(error, entries)),
                };
                let (checkpoint, marker) = self.next_checkpoint(cursor, &entries, first);
                let log = self.desk.ports.log.id();
                let batch = judged.batch(log, cursor.checkpoint, checkpoint, marker);
                Attempt { batch, entries, outcomes: judged.outcomes, started }
            }
        };
        match self.commit(attempt).await {
            Ok(step) => Ok(Offered::Committed(step)),
            // The guard on the checkpoint held, so no earlier attempt of the same
            // batch was applied; and the next one sets another checkpoint.
            Err(error) if error.is_contention() || error.is_poison() => {
                let entries = self.in_doubt.take().map(|attempt| attempt.entries);
                Ok(Offered::Refused(error, entries.unwrap_or_default()))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn commit(&mut self, attempt: Attempt) -> Result<Step, StoreError> {
        if let Err(error) = self.desk.ports.store.commit(&attempt.batch).await {
            // Also when it says that nothing was changed: an earlier attempt of
            // the same batch may have been.
            self.in_doubt = Some(attempt);
            return Err(error);
        }
        Ok(self.applied(attempt))
    }

    /// Brings log and database together.
    pub(super) async fn attach(&mut self) -> Result<Cursor, Failure> {
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
        self.tell_settled();
        self.connected = Some(version);
        self.desk.pending.resume_at(cursor.position);
        if self.in_doubt.is_none() {
            self.desk.availability.up();
        }
        Ok(cursor)
    }

    pub(super) async fn connect(&mut self) -> Result<String, StoreError> {
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
            let last = attempt.batch.checkpoint.applied.get();
            tracing::info!(last, "a commit in doubt had been applied");
            self.applied(attempt);
        } else if checkpoint == attempt.batch.expected {
            self.in_doubt = Some(attempt);
        }
    }

    /// The checkpoint after those commands, and their marker.
    fn next_checkpoint(
        &mut self,
        cursor: &Cursor,
        entries: &[Entry],
        first: &Entry,
    ) -> (Checkpoint, Marker) {
        let last = entries.last().unwrap_or(first);
        let expected = cursor.checkpoint;
        let horizon = expected.map_or(first.first, |checkpoint| {
            let step = HORIZON_STEP + 2 * (last.seq().since(first.first) + 1);
            let farthest = Sequence::new(checkpoint.horizon.get() + step);
            checkpoint.horizon.max(cursor.heal_floor.min(farthest))
        });
        self.made += 1;
        let checkpoint = Checkpoint {
            applied: last.seq(),
            accepted_at: last.submission.accepted_at,
            commit: expected.map_or(0, |checkpoint| checkpoint.commit) + self.made,
            horizon,
            rebuilt_at: cursor.rebuilt_at,
        };
        (checkpoint, Marker { first: first.first, last: last.seq() })
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
        self.made = 0;
        self.narrowing.committed();
        self.desk.committed(&batch, &entries);
        self.tell_settled();
        let (commands, took) = (entries.len(), started.elapsed());
        telling::judged(&entries, &outcomes, took);
        self.desk.pending.publish(upto, &entries, outcomes);
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

    /// Does what operators want done about parked commands.
    async fn carry_out(&mut self, cursor: &mut Cursor) -> Result<(), Failure> {
        // A batch in doubt expects the checkpoint as it is.
        while let (None, Some(checkpoint)) = (&self.in_doubt, cursor.checkpoint) {
            let Some(order) = self.desk.orders.next() else { break };
            cursor.checkpoint = Some(carry_out(&self.desk, checkpoint, order).await?);
            self.cursor = Some(*cursor);
        }
        Ok(())
    }

    /// Waits for the next command, or for the probe to find the database gone.
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
            () = desk.orders.placed() => {}
            // A word from before the last reconnect means nothing any more.
            () = desk.lost.notified() => if !desk.availability.is_up() {
                let gone = StoreError::ConnectionFailed("a probe was not answered".to_owned());
                self.lost(&gone.into(), Duration::ZERO);
            },
        }
    }
}

/// Waits to be told to stop. That the one who would tell is gone counts, too.
async fn told(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}
