//! Giving up the beginning of a log that nobody needs any more.
//!
//! | step | what a crash after it leaves |
//! | --- | --- |
//! | 1 make the file `<first>.first` for the first command that is kept, sync the folder | the log from there on, or as it was; segments before it are no longer read, and removed by the next start |
//! | 2 remove the segments before it, sync the folder | the log from there on |
//! | 3 remove such files of earlier times | the log from there on |
//!
//! A log that starts behind the place that such a file tells, or behind 1 where there
//! is none, has lost segments.

use std::io::ErrorKind;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::Retention;
use super::disk::Disk;
use super::failure::Failure;
use super::frame::{HEADER_BYTES, SegmentHeader};
use super::name::start_name;
use super::segment::{Scan, Scanner};
use super::snapshot::remove_superseded;
use super::writer::Writer;
use crate::domain::Sequence;

/// So many segments are given up at once at the most.
const MOST_SEGMENTS: usize = 16;

/// Segments that can be given up.
struct Unneeded {
    /// How many.
    segments: usize,
    /// The first command behind them.
    next: Sequence,
}

impl Writer {
    /// Gives up what nobody needs any more, the commands up to `upto`, as far as they
    /// are not to be kept at the time `now`. Returns the first command that is
    /// retained.
    ///
    /// After an error the log starts where it did, or further on.
    pub(super) fn release(
        &mut self,
        upto: Sequence,
        now: DateTime<Utc>,
    ) -> Result<Sequence, Failure> {
        let Unneeded { segments, next } = self.unneeded(upto, now)?;
        if segments > 0 {
            tell_start(&*self.disk, &self.dir, next)?;
            // Readers are told first.
            self.shared.change_index(|index| index.drop_before(next));
            tracing::info!(
                segments,
                first = next.get(),
                "the beginning of the command log was given up, as COMMAND_LOG_RETENTION tells"
            );
        }
        // Also what an earlier attempt has left.
        remove_superseded(&*self.disk, &self.dir)?;
        self.forget_starts_before(next)?;
        Ok(next)
    }

    fn unneeded(&self, upto: Sequence, now: DateTime<Utc>) -> Result<Unneeded, Failure> {
        // The last segment is kept in any case. Commands wait meanwhile, so not all
        // of a long log goes at once.
        let (followers, first) = {
            let index = self.shared.index();
            let followers = index.segments().iter().skip(1).take(MOST_SEGMENTS);
            (followers.cloned().collect::<Vec<_>>(), index.first())
        };
        let end = self.active.base + self.written.offset;
        let mut unneeded = Unneeded { segments: 0, next: first };
        for after in followers {
            if after.header.first.previous() > upto {
                break;
            }
            let is_old = match self.options.retention {
                Retention::All => false,
                Retention::Bytes(bytes) => end - after.base >= bytes,
                Retention::Age(age) => {
                    let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
                    let kept_from = now.checked_sub_signed(age);
                    let accepted_at = self.accepted_at(&after.path, &after.header)?;
                    accepted_at.zip(kept_from).is_some_and(|(at, from)| at < from)
                }
            };
            if !is_old {
                break;
            }
            unneeded.segments += 1;
            unneeded.next = after.header.first;
        }
        Ok(unneeded)
    }

    /// When the first command of a segment was accepted, if it has one: those of the
    /// segments before it were accepted earlier.
    fn accepted_at(
        &self,
        path: &Path,
        header: &SegmentHeader,
    ) -> Result<Option<DateTime<Utc>>, Failure> {
        let reading = || Failure::of("reading", path);
        let file = self.disk.open_read(path).map_err(reading())?;
        let end = file.size().map_err(reading())?;
        let mut scanner = Scanner::new(file, header, end, HEADER_BYTES, header.first);
        match scanner.step().map_err(reading())? {
            Scan::Record(record) => {
                let decoded = header.format.decode(record.payload);
                Ok(decoded.ok().map(|submission| submission.accepted_at))
            }
            // What is wrong with it is told when it is read.
            Scan::End | Scan::Damaged { .. } => Ok(None),
        }
    }

    fn forget_starts_before(&self, first: Sequence) -> Result<(), Failure> {
        let names = self.disk.list(&self.dir).map_err(Failure::of("reading", &self.dir))?;
        let current = start_name(first);
        for name in names.iter().filter(|name| name.ends_with(".first") && **name < current) {
            let path = self.dir.join(name);
            self.disk.remove(&path).map_err(Failure::of("removing", &path))?;
        }
        Ok(())
    }
}

/// Makes it durable that a log is retained from there on.
pub(super) fn tell_start(disk: &dyn Disk, dir: &Path, first: Sequence) -> Result<(), Failure> {
    let path = dir.join(start_name(first));
    match disk.create(&path) {
        // By an earlier attempt.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        created => {
            let file = created.map_err(Failure::of("creating", &path))?;
            file.sync_all().map_err(Failure::of("syncing", &path))?;
        }
    }
    disk.sync_dir(dir).map_err(Failure::of("syncing the folder", dir))
}
