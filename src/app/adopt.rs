//! Going on under a new log id where a log and a database have no longer one
//! history.
//!
//! The new log starts with the commands that the database does not have, in
//! their order, and numbers them from 1. The database knows nothing of its id,
//! so it applies all of it, exactly once.
//!
//! Where an older copy of a log was put back and written to, the commands that
//! it has in common with the database come first. They were accepted no later
//! than the one at the checkpoint, and what was logged after the copy was put
//! back was accepted later. A log whose times do not part that cleanly, because
//! a clock was set back, is not guessed about: whoever adopts has to say. The
//! time of a command that the log has lost is that of a repair, and tells nothing.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use super::attach::{Failure, check_history};
use super::unpark::learn_parked;
use super::{Replay, ReplayError};
use crate::domain::{Command, Entry, LogId, Sequence};
use crate::ports::{Checkpoint, CommandLog, LogError, Positions, ReadLimit};

/// How much of a log is read in one piece.
const PIECE: ReadLimit = ReadLimit { max_commands: 1024, max_bytes: 8 << 20 };

/// Where a log and its database are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The log.
    pub log: LogId,
    /// The first command that the log retains.
    pub first: Sequence,
    /// The last command of the log.
    pub last: Sequence,
    /// The last command that the database has applied, and when it was accepted;
    /// `None` where the database does not know the log.
    pub applied: Option<(Sequence, DateTime<Utc>)>,
    /// Why they do not go together; `None` where they do.
    pub mismatch: Option<String>,
}

/// What a new log has to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    /// The last command of the old log that the database has.
    pub applied_through: Sequence,
    /// How many commands come after it.
    pub unapplied: u64,
    /// The commands before it that the database has parked, so not applied.
    pub parked: Vec<Sequence>,
    /// The commands that the database has parked and the log does not hold.
    pub parked_elsewhere: Vec<Sequence>,
    /// The first and the last command that neither the log nor the database has.
    pub missing: Option<(Sequence, Sequence)>,
}

impl Succession {
    /// How many commands the new log starts with.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.unapplied + self.parked.len() as u64
    }
}

/// Why no log can take the place of the old one.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The database was not reached, or the log cannot be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The log cannot be read.
    #[error("{0}")]
    Log(#[from] LogError),
    /// The times in the log do not tell which commands the database has.
    #[error(
        "command {later} was accepted after the last one that the database has applied, and \
         command {earlier} behind it before: a clock was set back. Name the last command that the \
         database has with --applied-through; `daybook log cat` shows them"
    )]
    Unclear {
        /// A command that was accepted later.
        later: Sequence,
        /// A command behind it that was accepted earlier.
        earlier: Sequence,
    },
    /// The command that was named as the last one cannot be it.
    #[error("--applied-through: it must be from {least} to {most}")]
    OutOfRange {
        /// The least that it can be.
        least: Sequence,
        /// The most that it can be.
        most: Sequence,
    },
}

impl Replay {
    /// Where log and database are, and whether they go together. Changes nothing.
    ///
    /// # Errors
    /// When the database is not reached, or the log cannot be read.
    pub async fn ends(&mut self) -> Result<Ends, ReplayError> {
        let log = self.desk.ports.log.id();
        let checkpoint = self.desk.ports.store.checkpoint(log).await?;
        self.applier.reached = true;
        let mismatch = match check_history(&self.desk, checkpoint.as_ref()).await {
            Ok(()) => None,
            Err(Failure::Mismatch(mismatch)) => Some(mismatch.to_string()),
            Err(failure) => return Err(ReplayError::Refused(failure.public_reason())),
        };
        let Positions { first, last, .. } = self.desk.ports.log.positions();
        let applied =
            checkpoint.map(|Checkpoint { applied, accepted_at, .. }| (applied, accepted_at));
        Ok(Ends { log, first, last: last.seq, applied, mismatch })
    }

    /// What a new log has to hold so that the database skips and repeats nothing.
    /// The last command that the database has is found by the times in the log,
    /// unless it is named.
    ///
    /// # Errors
    /// [`AdoptError`]
    pub async fn succession(
        &mut self,
        ends: &Ends,
        named: Option<Sequence>,
    ) -> Result<Succession, AdoptError> {
        let before = ends.first.previous();
        let (applied, accepted_at) = ends.applied.unwrap_or((before, DateTime::<Utc>::MIN_UTC));
        let most = applied.min(ends.last).max(before);
        let applied_through = match named {
            Some(named) if (before..=most).contains(&named) => named,
            Some(_) => return Err(AdoptError::OutOfRange { least: before, most }),
            None => common(&*self.desk.ports.log, ends, most, accepted_at).await?,
        };
        learn_parked(&self.desk).await.map_err(ReplayError::from)?;
        let parked: Vec<Sequence> = self.desk.parked().all().map(|parked| parked.seq).collect();
        let is_common = |seq: &Sequence| (ends.first..=applied_through).contains(seq);
        let (parked, parked_elsewhere) = parked.into_iter().partition(is_common);
        let missing = (applied < before).then(|| (applied.next(), before));
        let unapplied = ends.last.since(applied_through);
        Ok(Succession { applied_through, unapplied, parked, parked_elsewhere, missing })
    }
}

/// The last command up to `most` that was accepted no later than that time.
async fn common(
    log: &dyn CommandLog,
    ends: &Ends,
    most: Sequence,
    accepted_at: DateTime<Utc>,
) -> Result<Sequence, AdoptError> {
    let mut later = None;
    let mut from = ends.first;
    while from <= most {
        let entries = log.read(from, PIECE).await?;
        let Some(last) = entries.last().map(Entry::seq) else { break };
        let tells =
            |entry: &&Entry| entry.seq() <= most && entry.submission.command != Command::Lost;
        for entry in entries.iter().filter(tells) {
            match later {
                None if entry.submission.accepted_at > accepted_at => later = Some(entry.seq()),
                Some(later) if entry.submission.accepted_at <= accepted_at => {
                    return Err(AdoptError::Unclear { later, earlier: entry.seq() });
                }
                _ => {}
            }
        }
        from = last.next();
    }
    Ok(later.map_or(most, Sequence::previous))
}

/// The commands of a [`Succession`], in the order of the new log.
pub struct Carried<'a> {
    log: &'a dyn CommandLog,
    parked: VecDeque<Sequence>,
    from: Sequence,
    last: Sequence,
}

impl<'a> Carried<'a> {
    /// Those of that old log.
    #[must_use]
    pub fn new(log: &'a dyn CommandLog, succession: &Succession) -> Self {
        let parked = succession.parked.iter().copied().collect();
        let from = succession.applied_through.next();
        Self { log, parked, from, last: log.positions().last.seq }
    }

    /// Some more of them; none at the end.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn next(&mut self) -> Result<Vec<Entry>, LogError> {
        if let Some(seq) = self.parked.pop_front() {
            return self.log.read(seq, ReadLimit { max_commands: 1, max_bytes: 0 }).await;
        }
        if self.from > self.last {
            return Ok(Vec::new());
        }
        let entries = self.log.read(self.from, PIECE).await?;
        self.from = entries.last().map_or(self.last, Entry::seq).next();
        Ok(entries)
    }
}
