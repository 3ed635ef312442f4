//! A log that takes the place of another one in its data folder.
//!
//! | step | what is in the data folder after it |
//! | --- | --- |
//! | 1 write and sync the new log | `log`, `log.unfinished` |
//! | 2 name it as complete | `log`, `log.next` |
//! | 3 set the old one aside | `log.before-<time>`, `log.next` |
//! | 4 give the new one its name | `log.before-<time>`, `log` |
//!
//! Whatever stops this before step 3 leaves the old log in its place, and the
//! next attempt starts over. Between 3 and 4 there is no `log`, and a folder
//! without one would get an empty new log: so whoever opens the log first does
//! step 4, see [`settle`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::copy::{CopyError, LogCopy};
use super::disk::Disk;
use super::failure::{Failure, OpenError};
use super::name::SegmentName;
use super::{LOG_FOLDER, PayloadFormat};
use crate::domain::{LogId, Sequence, Submission};

/// The folder of a log that is not whole yet.
pub(crate) const UNFINISHED: &str = "log.unfinished";

/// The folder of a whole log that is to take the place of the one there is.
const NEXT: &str = "log.next";

/// A new log in the making, beside the old one.
pub(crate) struct Successor<'a> {
    disk: &'a dyn Disk,
    data_dir: &'a Path,
    copy: LogCopy<'a>,
    id: LogId,
    segment_bytes: u64,
    /// Where the last segment starts.
    segment: SegmentName,
    next: Sequence,
}

impl<'a> Successor<'a> {
    /// An empty log with a new id. What an earlier attempt left is removed.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn new(
        disk: &'a dyn Disk,
        data_dir: &'a Path,
        unfinished: &'a Path,
        format: PayloadFormat,
        segment_bytes: u64,
    ) -> Result<Self, CopyError> {
        for left in [unfinished.to_owned(), data_dir.join(NEXT)] {
            match fs::remove_dir_all(&left) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Failure::of("removing", &left)(error).into());
                }
                _ => {}
            }
        }
        disk.create_dir_all(unfinished).map_err(Failure::of("making the folder", unfinished))?;
        let id = LogId::from_uuid(Uuid::new_v4());
        let mut copy = LogCopy::new(disk, unfinished, format);
        let next = Sequence::FIRST;
        let segment = SegmentName::of_commands(next);
        copy.start(id, segment)?;
        Ok(Self { disk, data_dir, copy, id, segment_bytes, segment, next })
    }

    /// The id of the new log.
    pub(crate) fn id(&self) -> LogId {
        self.id
    }

    /// Writes the next command.
    pub(crate) fn push(&mut self, submission: &Submission) -> Result<(), CopyError> {
        if self.copy.segment_bytes() >= self.segment_bytes {
            self.segment = SegmentName::of_commands(self.next);
        }
        self.copy.push(self.id, self.segment, self.next, self.next, submission)?;
        self.next = self.next.next();
        Ok(())
    }

    /// Puts the new log in the place of the old one, and tells where that is now.
    ///
    /// # Errors
    /// When the system refuses. Then one of the two is the log, or the new one
    /// becomes it when the log is next opened.
    pub(crate) fn take_over(self, now: DateTime<Utc>) -> Result<PathBuf, CopyError> {
        let Self { disk, data_dir, copy, .. } = self;
        copy.finish(&[])?;
        let log = data_dir.join(LOG_FOLDER);
        let next = data_dir.join(NEXT);
        let before = data_dir.join(format!("log.before-{}", now.format("%Y%m%dT%H%M%S%3fZ")));
        rename(disk, data_dir, &data_dir.join(UNFINISHED), &next)?;
        rename(disk, data_dir, &log, &before)?;
        settle(disk, data_dir).map_err(|error| CopyError::Disk(error.to_string()))?;
        Ok(before)
    }
}

/// Gives a log that was to take the place of another its name, where that was
/// not done: see the table above. Otherwise nothing happens.
///
/// # Errors
/// When the system refuses.
pub(crate) fn settle(disk: &dyn Disk, data_dir: &Path) -> Result<(), OpenError> {
    let (log, next) = (data_dir.join(LOG_FOLDER), data_dir.join(NEXT));
    if log.exists() || !next.exists() {
        return Ok(());
    }
    match disk.rename(&next, &log) {
        // Another process was quicker.
        Err(_) if log.exists() => {}
        renamed => renamed.map_err(Failure::of("renaming", &next))?,
    }
    disk.sync_dir(data_dir).map_err(Failure::of("syncing the folder", data_dir))?;
    tracing::info!(folder = %log.display(), "a new log took the place of the one before");
    Ok(())
}

fn rename(disk: &dyn Disk, data_dir: &Path, from: &Path, to: &Path) -> Result<(), Failure> {
    disk.rename(from, to).map_err(Failure::of("renaming", from))?;
    disk.sync_dir(data_dir).map_err(Failure::of("syncing the folder", data_dir))
}
