//! Putting a snapshot in the place of the segments that it stands for.
//!
//! | step | what a crash after it leaves |
//! | --- | --- |
//! | 1 write `<first>-<last>.log.new`, sync it, read it back | the log as it was; the file means nothing and is removed by the next start |
//! | 2 rename it to `<first>-<last>.log`, sync the folder | the compacted log; segments whose commands are in the snapshot are no longer read, and removed by the next start |
//! | 3 remove these, sync the folder | the compacted log |
//!
//! The snapshot gets its name in one rename, after all of it was synced and
//! compared with what it shall hold. So there is at no time a log that lacks
//! something.

use std::path::{Path, PathBuf};

use super::PayloadFormat;
use super::copy::{CopyError, SegmentCopy};
use super::creation::create_fresh;
use super::disk::Disk;
use super::failure::Failure;
use super::frame::{HEADER_BYTES, SegmentHeader};
use super::name::{Arranged, SegmentName};
use super::segment::{Scan, Scanner};
use crate::domain::{LogId, Sequence, Submission};

/// A snapshot in the making.
pub(crate) struct Snapshot<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    name: SegmentName,
    header: SegmentHeader,
    copy: SegmentCopy,
    next: Sequence,
}

/// What a compaction made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its size.
    pub(crate) bytes: u64,
}

impl<'a> Snapshot<'a> {
    /// A snapshot of all commands of that log up to `through`, the last one of a
    /// segment that is not the last of the log. The lock of the log is held.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn new(
        disk: &'a dyn Disk,
        dir: &'a Path,
        log: LogId,
        format: PayloadFormat,
        through: Sequence,
    ) -> Result<Self, CopyError> {
        remove_unfinished(disk, dir)?;
        let name = SegmentName::of_snapshot(Sequence::FIRST, through);
        let header = SegmentHeader::named(name, format, log);
        let (path, file) = create_fresh(disk, &dir.join(name.to_string()), &header)?;
        let copy = SegmentCopy::new(path, file, name, header);
        Ok(Self { disk, dir, name, header, copy, next: Sequence::FIRST })
    }

    /// Writes what stands for the commands since the last one up to that sequence.
    ///
    /// # Errors
    /// When the system refuses, or it takes more room than a frame has.
    pub(crate) fn push(&mut self, seq: Sequence, what: &Submission) -> Result<(), CopyError> {
        self.copy.push(self.next, seq, what)?;
        self.next = seq.next();
        Ok(())
    }

    /// Ends it, makes sure that it holds what was expected and nothing else, and puts
    /// it in its place.
    ///
    /// # Errors
    /// When the system refuses; then either log is there, the old one or the
    /// compacted one, and both are whole.
    pub(crate) fn take_over(
        self,
        expected: impl Iterator<Item = (Sequence, Submission)>,
    ) -> Result<Made, CopyError> {
        let Self { disk, dir, name, header, copy, .. } = self;
        let fresh = copy.path.clone();
        let bytes = copy.finish()?;
        if let Err(error) = read_back(disk, &fresh, &header, name, expected) {
            let _unfinished = disk.remove(&fresh);
            return Err(error);
        }
        let path = dir.join(name.to_string());
        disk.rename(&fresh, &path).map_err(Failure::of("renaming", &fresh))?;
        remove_superseded(disk, dir)?;
        Ok(Made { path, bytes })
    }
}

fn read_back(
    disk: &dyn Disk,
    path: &Path,
    header: &SegmentHeader,
    name: SegmentName,
    mut expected: impl Iterator<Item = (Sequence, Submission)>,
) -> Result<(), CopyError> {
    let file = disk.open_read(path).map_err(Failure::of("opening", path))?;
    let end = file.size().map_err(Failure::of("reading", path))?;
    let mut scanner = Scanner::new(file, header, end, HEADER_BYTES, name.first);
    let mut last = None;
    let other = || CopyError::Disk(format!("{} does not hold what was written", path.display()));
    loop {
        match scanner.step().map_err(Failure::of("reading", path))? {
            Scan::Record(record) => {
                let found = header.format.decode(record.payload).map_err(|_| other())?;
                let same = expected
                    .next()
                    .is_some_and(|(seq, what)| seq == record.sequence && what == found);
                if !same {
                    return Err(other());
                }
                last = Some(record.sequence);
            }
            Scan::End if expected.next().is_none() && last == name.through => return Ok(()),
            Scan::End | Scan::Damaged { .. } => return Err(other()),
        }
    }
}

/// Removes what was left when something was stopped: segments in whose place a
/// snapshot is or that were given up, and snapshots that never got their name.
pub(super) fn clean_up(disk: &dyn Disk, dir: &Path) -> Result<(), Failure> {
    remove_unfinished(disk, dir)?;
    for path in remove_superseded(disk, dir)? {
        tracing::info!(segment = %path.display(),
            "a segment that is no longer a part of the command log was removed");
    }
    Ok(())
}

/// Removes the segments that are no longer a part of the log. Returns which.
pub(super) fn remove_superseded(disk: &dyn Disk, dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let names = disk.list(dir).map_err(Failure::of("reading", dir))?;
    let superseded = Arranged::of(&names).superseded;
    let paths: Vec<_> = superseded.iter().map(|name| dir.join(name.to_string())).collect();
    if !paths.is_empty() {
        // What took their place may have been named just before a crash.
        disk.sync_dir(dir).map_err(Failure::of("syncing the folder", dir))?;
    }
    remove(disk, dir, &paths)?;
    Ok(paths)
}

fn remove_unfinished(disk: &dyn Disk, dir: &Path) -> Result<(), Failure> {
    let names = disk.list(dir).map_err(Failure::of("reading", dir))?;
    let is_snapshot = |name: &&String| {
        let named = name.strip_suffix(".new").and_then(SegmentName::parse);
        named.is_some_and(|named| named.through.is_some())
    };
    let paths: Vec<_> = names.iter().filter(is_snapshot).map(|name| dir.join(name)).collect();
    remove(disk, dir, &paths)
}

fn remove(disk: &dyn Disk, dir: &Path, paths: &[PathBuf]) -> Result<(), Failure> {
    for path in paths {
        disk.remove(path).map_err(Failure::of("removing", path))?;
    }
    match paths {
        [] => Ok(()),
        _ => disk.sync_dir(dir).map_err(Failure::of("syncing the folder", dir)),
    }
}
