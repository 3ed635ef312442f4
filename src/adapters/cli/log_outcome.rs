//! How a log command can end.

use std::io;
use std::path::PathBuf;

use crate::adapters::file_log::successor::UNFINISHED;

/// What a command found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The log is as it should be; exit code 0.
    Sound,
    /// The log is damaged, or ends with an unfinished write that nobody is
    /// working on, or a copy is not equal to it; exit code 1. The command has
    /// said so.
    Damaged,
}

/// Why a command could not do its work; exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum LogCommandError {
    /// The folder is not there.
    #[error("there is no command log: the folder {} does not exist; is DATA_DIR right?", .0.display())]
    NoFolder(PathBuf),
    /// The folder holds no segment.
    #[error("there is no command log in {}: the folder holds no segment", .0.display())]
    NoSegment(PathBuf),
    /// The system could not read.
    #[error("the command log could not be read at {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The log could not be repaired.
    #[error("the command log in {} could not be repaired: {detail}", dir.display())]
    Repair {
        /// The folder of the log.
        dir: PathBuf,
        /// Why.
        detail: String,
    },
    /// The folder for a new log is in use.
    #[error(
        "{} is not empty, so no log is written there; `{}` in it would be what is left of an \
         interrupted conversion, and can be removed", .0.display(), UNFINISHED
    )]
    NotEmpty(PathBuf),
    /// The folder for a new log is in the folder of the old one.
    #[error("{} is in the folder of the log that is read", .0.display())]
    WithinLog(PathBuf),
    /// The new log could not be written.
    #[error("the new log in {} could not be written: {detail}", folder.display())]
    Target {
        /// The folder.
        folder: PathBuf,
        /// What was attempted, and what the operating system said.
        detail: String,
    },
    /// The result could not be printed.
    #[error("the result could not be written: {0}")]
    Output(#[from] io::Error),
}

/// Ends a command quietly whose output nobody reads any more.
pub(super) fn unless_closed(
    result: Result<Finding, LogCommandError>,
) -> Result<Finding, LogCommandError> {
    match result {
        Err(LogCommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(Finding::Sound)
        }
        result => result,
    }
}
