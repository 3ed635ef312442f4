//! What a client is told.

use tokio::time::Instant;

use crate::domain::{Change, Command, CommandId, Note, NoteId, Precondition, Rejection, Version};
use crate::ports::Refusal;

/// A request to change a note, parsed and validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRequest {
    /// What shall be done.
    pub command: Command,
    /// What must hold for it to be done.
    pub precondition: Precondition,
    /// The trace that the request belongs to.
    pub trace_id: Option<String>,
    /// How long its outcome is waited for once it is logged.
    pub wait: Wait,
}

/// How long the outcome of a command is waited for, once it is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Until the deadline of the request.
    ToDeadline,
    /// Until then, or until the deadline where that is earlier.
    Until(Instant),
    /// Not at all.
    No,
}

/// What became of a command: its change, or why it was rejected.
pub type Outcome = Result<Change, Rejection>;

/// A command that is in the log, durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// How the command is known from now on.
    pub command_id: CommandId,
    /// The note that it is about.
    pub note_id: NoteId,
    /// What became of it; `None` when that was not known by the deadline. It
    /// will be applied all the same.
    pub outcome: Option<Outcome>,
}

/// How far a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandState {
    /// It is in the log and not yet in the database.
    Pending,
    /// It took effect; with the version that it gave to its note, where it left
    /// one and as long as that is remembered.
    Applied(Option<Version>),
    /// It was judged and refused.
    Rejected(Rejection),
    /// It cannot be applied as things are, and stands aside until an operator
    /// steps in. It is as durable as any.
    Parked,
}

/// Why a write was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// It was refused before it was logged and never takes effect.
    #[error("writes are refused at the moment: {}", refusal.code())]
    Refused {
        /// Why.
        refusal: Refusal,
        /// When to try again, in whole seconds from 1 to 60.
        retry_after_seconds: u64,
    },
    /// The command is too large for the log; it never takes effect.
    #[error("the command takes {bytes} bytes, the limit is {max_bytes}")]
    TooLarge {
        /// Its size in the log.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// It is not known whether the command was logged, so it may take effect.
    #[error("it is not known whether the write was recorded")]
    Unclear,
}

/// A note as a read found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadNote {
    /// The note; `None` when there is none.
    pub note: Option<Note>,
    /// How it was found.
    pub consistency: Consistency,
    /// The database could not be asked whether there was such a note before it
    /// was put, and it is shown as if not: its version and the time of its
    /// creation may turn out to be others.
    pub assumed: bool,
}

/// What a read reflects. Each shows every write that was acknowledged before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// The database as it is.
    Current,
    /// Acknowledged writes that are not in the database yet. Their outcome may
    /// turn out to be another where someone else changed the note meanwhile.
    Pending,
    /// The note as it was known last, with no write waiting. Others may have
    /// changed it since.
    Stale,
}

/// Why a read could not be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The database is away, or did not answer by the deadline, or does not yet
    /// show a write that was acknowledged.
    #[error("the note cannot be read at the moment")]
    Unavailable {
        /// When to try again, in whole seconds from 1 to 60.
        retry_after_seconds: u64,
    },
    /// The database holds something that this service cannot read.
    #[error("the note cannot be read")]
    Internal,
}
