//! What went wrong with the disk, and what that means for a caller.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::is_full;
use super::fault::{Fault, ReadFault};
use crate::ports::LogError;

/// A step on the disk that failed.
#[derive(Debug, thiserror::Error)]
#[error("{step} {} failed: {source}", path.display())]
pub(super) struct Failure {
    step: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Failure {
    pub(super) fn of(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { step, path, source }
    }

    pub(super) fn is_full(&self) -> bool {
        is_full(&self.source)
    }
}

/// Why a group of commands was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotLogged {
    /// None of it is in the log or will be, for lack of space.
    Full(String),
    /// None of it is in the log or will be.
    Refused(String),
    /// Some of it may be in the log.
    Unclear(String),
}

impl NotLogged {
    /// What failed.
    pub(super) fn detail(&self) -> &str {
        match self {
            Self::Full(detail) | Self::Refused(detail) | Self::Unclear(detail) => detail,
        }
    }

    /// Nothing was written, or what was written was taken back.
    pub(super) fn refused(failure: &Failure) -> Self {
        let detail = failure.to_string();
        if failure.is_full() { Self::Full(detail) } else { Self::Refused(detail) }
    }

    /// Something was written, and could not be taken back.
    pub(super) fn unclear(failure: &Failure, taking_back: &Failure) -> Self {
        Self::Unclear(format!("{failure}, and so did taking it back: {taking_back}"))
    }

    /// Nothing was written, since an earlier failure is not mended.
    pub(super) fn poisoned(earlier: &str, mending: &MendError) -> Self {
        let detail = format!("{earlier}; mending that failed: {mending}");
        if mending.is_full() { Self::Full(detail) } else { Self::Refused(detail) }
    }
}

impl From<NotLogged> for LogError {
    fn from(not_logged: NotLogged) -> Self {
        match not_logged {
            NotLogged::Full(detail) => Self::Full { detail },
            NotLogged::Refused(detail) => Self::Refused { detail },
            NotLogged::Unclear(detail) => Self::Unclear { detail },
        }
    }
}

/// Why a poisoned log could not be taken into use again.
#[derive(Debug, thiserror::Error)]
pub(super) enum MendError {
    /// The disk failed again.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// What was acknowledged is no longer all there.
    #[error("the log is damaged: {0}")]
    Damaged(#[from] Fault),
}

impl MendError {
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.is_full())
    }
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the log open.
    #[error("the command log in {} is in use: held by {holder}", dir.display())]
    InUse {
        /// The folder of the log.
        dir: PathBuf,
        /// Who, as far as the lock file says.
        holder: String,
    },
    /// The folder cannot be used: it is a file, or may not be read or written.
    #[error("the folder {} cannot hold the command log: {source}", dir.display())]
    Unusable {
        /// The folder.
        dir: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The disk is full, so that the log cannot be made ready for appends.
    #[error("the disk of the command log is full: {detail}")]
    Full {
        /// What was attempted, and what the operating system said.
        detail: String,
    },
    /// The log is damaged where no crash can have damaged it. Nothing was
    /// changed.
    #[error(
        "the command log is corrupt: {0}; `daybook log verify` shows it, `daybook log repair` \
         what is intact and mends it; see docs/troubles.md first"
    )]
    Corrupt(Fault),
    /// A newer Daybook wrote the log. Nothing was changed.
    #[error("a newer Daybook wrote the command log: {0}; use that version")]
    Newer(Fault),
    /// The disk failed. That says nothing about the log, and nothing was cut.
    #[error("the command log could not be opened: {detail}")]
    Io {
        /// What was attempted, and what the operating system said.
        detail: String,
    },
}

impl OpenError {
    /// For an error of the folder as a whole.
    pub(super) fn folder(dir: &Path) -> impl FnOnce(io::Error) -> Self {
        let dir = dir.to_owned();
        move |source| {
            if is_full(&source) {
                Self::Full { detail: format!("{}: {source}", dir.display()) }
            } else {
                Self::Unusable { dir, source }
            }
        }
    }
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        let detail = failure.to_string();
        if failure.is_full() { Self::Full { detail } } else { Self::Io { detail } }
    }
}

impl From<ReadFault> for OpenError {
    fn from(fault: ReadFault) -> Self {
        match fault {
            ReadFault::Damaged(fault) if fault.damage.is_newer() => Self::Newer(fault),
            ReadFault::Damaged(fault) => Self::Corrupt(fault),
            ReadFault::Io { .. } => Self::Io { detail: fault.to_string() },
        }
    }
}
