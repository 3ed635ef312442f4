//! Why a command was not applied.

use super::Version;

/// A command that was judged and refused. That is an outcome like any other:
/// final, recorded with the batch that judged it, and told to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such note to change or remove.
    #[error("there is no such note")]
    NotFound,
    /// There is a note with this id already.
    #[error("there is a note with this id already, at version {current}")]
    AlreadyExists {
        /// The version of the note that is there.
        current: Version,
    },
    /// The precondition of the command does not hold.
    #[error("the note is not in the state that the request expects: {}", found(*current))]
    PreconditionFailed {
        /// The version of the note that is there, if there is one.
        current: Option<Version>,
    },
    /// The log has lost what it was.
    #[error("the command was lost by the log")]
    Lost,
    /// It could not be applied, and an operator gave it up.
    #[error("an operator gave the command up")]
    Discarded,
}

impl Rejection {
    /// A stable name, for storage and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::AlreadyExists { .. } => "already-exists",
            Self::PreconditionFailed { .. } => "precondition-failed",
            Self::Lost => "lost",
            Self::Discarded => "discarded",
        }
    }

    /// The version of the note that stood in the way, if one did.
    #[must_use]
    pub fn current(&self) -> Option<Version> {
        match self {
            Self::NotFound | Self::Lost | Self::Discarded => None,
            Self::AlreadyExists { current } => Some(*current),
            Self::PreconditionFailed { current } => *current,
        }
    }

    /// The rejection with that [`code`](Self::code) and
    /// [`current`](Self::current) version, or `None` when there is no such one.
    #[must_use]
    pub fn from_parts(code: &str, current: Option<Version>) -> Option<Self> {
        match (code, current) {
            ("not-found", None) => Some(Self::NotFound),
            ("already-exists", Some(current)) => Some(Self::AlreadyExists { current }),
            ("lost", None) => Some(Self::Lost),
            ("discarded", None) => Some(Self::Discarded),
            ("precondition-failed", current) => Some(Self::PreconditionFailed { current }),
            _ => None,
        }
    }
}

fn found(current: Option<Version>) -> String {
    current.map_or_else(|| "it does not exist".to_owned(), |v| format!("it is at version {v}"))
}
