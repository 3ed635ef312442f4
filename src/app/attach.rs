//! Bringing log and database together: connect, check that they belong
//! together, heal, and find the place to go on from.

use std::cmp::Ordering;

use super::desk::Desk;
use super::heal::heal;
use super::unpark::{learn_parked, retry_parked};
use crate::domain::{Command, LogId, Position, Sequence};
use crate::ports::{Checkpoint, Continuity, LogError, ReadLimit, StoreError};

/// What to do about a [`Mismatch`].
const ADOPT: &str = "Put the copies back that belong together, or stop the service and let \
                     `daybook log adopt` show both ends and go on under a new log id";

/// Where the applier stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    /// The checkpoint in the database.
    pub(super) checkpoint: Option<Checkpoint>,
    /// The same place in the log.
    pub(super) position: Position,
    /// The first command that healing would look at, by the heal window.
    pub(super) heal_floor: Sequence,
    /// Where the log was when that was computed.
    pub(super) floor_taken_at: u64,
    /// When the indexes were made anew, for the next checkpoint to tell.
    pub(super) rebuilt_at: Sequence,
}

/// Why the applier cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

impl Failure {
    /// Why the service is not healthy, for whoever asks for its health: no text
    /// that the database or the operating system made. The log has that.
    pub(super) fn public_reason(&self) -> String {
        match self {
            Self::Store(error) => format!("the database cannot be used: {}", error.code()),
            Self::Log(error) => format!("the command log cannot be read: {}", error.code()),
            Self::Mismatch(mismatch) => mismatch.to_string(),
        }
    }

    /// A stable name.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Log(error) => error.code(),
            Self::Mismatch(_) => "mismatch",
        }
    }

    /// Whether trying again may help without anyone's doing.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Log(error) => error.is_transient(),
            Self::Mismatch(_) => false,
        }
    }
}

/// A log and a database that do not have one history. Nothing is applied: going
/// on would skip acknowledged commands or apply others twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The database is ahead of the log.
    #[error(
        "the database has applied command {applied} of log {log}, but this log ends at {last}: \
         was an older copy of it put back? {ADOPT}"
    )]
    PastEnd {
        /// The log.
        log: LogId,
        /// Where the database is.
        applied: Sequence,
        /// Where the log ends.
        last: Sequence,
    },
    /// The database is at a command that is another one in this log.
    #[error(
        "command {applied} of log {log}, the last one that the database has applied, is not the \
         command {applied} of this log: was an older copy of it put back and written to? {ADOPT}"
    )]
    OtherHistory {
        /// The log.
        log: LogId,
        /// Where the database is.
        applied: Sequence,
    },
    /// The database is at a command of which the log does not tell any more what
    /// it had made of the notes.
    #[error(
        "the database has applied command {applied} of log {log}, and the commands up to \
         {through} of this log were compacted since: was an older copy of the database put back? \
         Put one back that is newer, or let `daybook log rebuild` make a new one"
    )]
    Compacted {
        /// The log.
        log: LogId,
        /// Where the database is.
        applied: Sequence,
        /// The last command that was compacted.
        through: Sequence,
    },
    /// The database is behind the log, and what lies between is gone.
    #[error(
        "the database has applied command {applied} of log {log}, but this log starts at {first}: \
         the commands between are no longer retained. {ADOPT}"
    )]
    Gap {
        /// The log.
        log: LogId,
        /// Where the database is.
        applied: Sequence,
        /// Where the log starts.
        first: Sequence,
    },
}

/// Checks that the checkpoint is one of this log.
pub(super) async fn check_history(
    desk: &Desk,
    checkpoint: Option<&Checkpoint>,
) -> Result<(), Failure> {
    let Some(checkpoint) = checkpoint else { return Ok(()) };
    let (log, applied) = (desk.ports.log.id(), checkpoint.applied);
    let positions = desk.ports.log.positions();
    if applied > positions.last.seq {
        return Err(Mismatch::PastEnd { log, applied, last: positions.last.seq }.into());
    }
    match applied.next().cmp(&positions.first) {
        Ordering::Less => Err(Mismatch::Gap { log, applied, first: positions.first }.into()),
        // The command at the checkpoint is no longer retained, but the next is.
        Ordering::Equal => Ok(()),
        Ordering::Greater => {
            // An older copy that was written to since may have grown past the
            // checkpoint. Its command there was accepted at another time.
            let limit = ReadLimit { max_commands: 1, max_bytes: 0 };
            let entries = desk.ports.log.read(applied, limit).await?;
            if entries.first().is_some_and(|entry| entry.seq() != applied) {
                let through = positions.compacted;
                return Err(Mismatch::Compacted { log, applied, through }.into());
            }
            // Of a command that the log has lost nothing is known to compare.
            let same = entries.first().is_some_and(|entry| {
                entry.submission.command == Command::Lost
                    || entry.submission.accepted_at == checkpoint.accepted_at
            });
            if same { Ok(()) } else { Err(Mismatch::OtherHistory { log, applied }.into()) }
        }
    }
}

/// Heals the database if it may have lost something, gives the parked commands
/// another chance, and finds the place to go on
/// from.
pub(super) async fn resume(
    desk: &Desk,
    mut checkpoint: Option<Checkpoint>,
    continuity: Continuity,
) -> Result<Cursor, Failure> {
    let log = &desk.ports.log;
    let applied = match &checkpoint {
        Some(checkpoint) => checkpoint.applied,
        None => log.positions().first.previous(),
    };
    let position = log.locate(applied).await?;
    let heal_floor = log.floor(applied, desk.options.heal_window_bytes).await?;
    let first = log.positions().first;
    if checkpoint.is_none() && first > Sequence::FIRST {
        tracing::warn!(
            first = first.get(),
            "the database knows nothing of this log, whose commands before that one are no longer \
             retained: notes that they made are missing in it"
        );
    }
    let mut rebuilt_at = Sequence::ZERO;
    // Also where there is no checkpoint: a new database has nothing parked,
    // whatever was known of another.
    learn_parked(desk).await?;
    if let Some(found) = &mut checkpoint {
        rebuilt_at = found.rebuilt_at;
        if continuity == Continuity::Suspect {
            (*found, rebuilt_at) = heal(desk, *found).await?;
        }
        *found = retry_parked(desk, *found).await?;
    }
    let floor_taken_at = position.end;
    Ok(Cursor { checkpoint, position, heal_floor, floor_taken_at, rebuilt_at })
}
