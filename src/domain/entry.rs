//! A command as the log holds it.

use chrono::{DateTime, Utc};

use super::{Command, NoteId, Precondition, Sequence};

/// A command with everything that is stamped when it is accepted.
///
/// Whatever later decides its outcome is in here, so the outcome is the same
/// whenever it is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// When the service accepted it; the time of the change it makes.
    pub accepted_at: DateTime<Utc>,
    /// What shall be done.
    pub command: Command,
    /// What must hold for it to be done.
    pub precondition: Precondition,
    /// The key under which the client may repeat it, if it gave one.
    pub idempotency: Option<Idempotency>,
    /// Who asked, once the service knows its users.
    pub principal: Option<String>,
    /// The trace that the request belonged to, for the logs of its application.
    pub trace_id: Option<String>,
}

impl Submission {
    /// A command that no client submitted, from that time.
    #[must_use]
    pub fn of_the_log(accepted_at: DateTime<Utc>, command: Command) -> Self {
        Self {
            accepted_at,
            command,
            precondition: Precondition::None,
            idempotency: None,
            principal: None,
            trace_id: None,
        }
    }
}

/// A client's key for one request, and what that request was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The key, as the client gave it.
    pub key: String,
    /// A digest of the request, which tells a repetition from a reuse.
    pub fingerprint: String,
}

/// Where a command stands in its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Its sequence.
    pub seq: Sequence,
    /// How many bytes of log lie up to and including it. The origin is fixed
    /// while the log is open, so differences are sizes.
    pub end: u64,
}

/// One command of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub position: Position,
    /// The first command that it stands for: itself, but in a compacted log,
    /// where it stands for those before it too that left nothing of their own.
    pub first: Sequence,
    /// What was submitted.
    pub submission: Submission,
}

impl Entry {
    /// How many commands it stands for.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.seq().since(self.first) + 1
    }

    /// Its sequence.
    #[must_use]
    pub fn seq(&self) -> Sequence {
        self.position.seq
    }

    /// The note that it is about.
    #[must_use]
    pub fn note_id(&self) -> &NoteId {
        self.submission.command.note_id()
    }
}
