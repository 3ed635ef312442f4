//! What is done with a log as the last process left it.
//!
//! The whole log is read first ([`super::survey`]), and nothing is changed
//! unless all of it is as a crash can have left it:
//!
//! | found | how it comes about | what is done |
//! | --- | --- | --- |
//! | no segment | a new folder | a first segment with a new log id |
//! | every frame intact | a clean end, or a kill | nothing is cut |
//! | last segment: a bad frame, and no intact later frame that says it was synced | power was lost, or the process killed, in the middle of a write | torn tail: the bytes are kept in `<segment>.torn-<offset>`, then cut, on a disk that is full even without the reserve the other way round; a warning says how many |
//! | last segment: at most a header long, the header unreadable | a crash while the segment was made | torn creation: moved to `<segment>.torn-0`; the segment before goes on |
//! | last segment: a header and no frame | a crash after the segment was made | it is gone on with |
//! | a bad frame before an intact one that says it was synced | bit rot, a foreign hand | corrupt: refused |
//! | a bad frame in any segment but the last | the same: a segment is synced before the next is made | corrupt: refused |
//! | a header unreadable with bytes behind it, or in any segment but the last | the same: a header is synced before a frame is written | corrupt: refused |
//! | an intact frame or segment with another sequence than the one that comes next; another log id; a name that disagrees | a segment is missing or was put there | corrupt: refused |
//! | an unknown format version or payload format | a newer Daybook wrote it | refused, not as corrupt |
//! | the system could not read | a failing disk, missing rights | an I/O error: nothing is known, nothing is cut |
//!
//! What is cut was never acknowledged (with the sync policy `always`): had it
//! been, it would have been synced, and a synced frame does not tear. One case
//! cannot be told apart: damage to the very last group, which nothing follows
//! yet. That is why the bytes are kept.
//!
//! At last the end of the log that no later frame proves to be synced is
//! written again in place and synced. Its commands are in the page cache, but
//! perhaps only there: the process may have been killed before its sync, or
//! after a sync that failed.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::FileLogOptions;
use super::creation::create_segment;
use super::disk::{Disk, read_full_at, write_all_at};
use super::failure::{Failure, OpenError};
use super::frame::{Contents, SegmentHeader};
use super::index::{Index, Mark, SegmentEntry};
use super::mend::rewrite;
use super::name::SegmentName;
use super::reader::Reader;
use super::repair::QUARANTINE;
use super::reserve::Reserve;
use super::shared::Shared;
use super::snapshot::clean_up;
use super::survey::{Segment, Survey, Tail, Visit, survey};
use super::writer::{Active, Place, Writer};
use crate::domain::{LogId, Position, Sequence};

/// Makes the log in that folder ready for appends. The folder is there, and
/// this process alone may write to it.
pub(super) fn recover(
    disk: Arc<dyn Disk>,
    dir: &Path,
    options: FileLogOptions,
) -> Result<Writer, OpenError> {
    let mut reserve = Reserve::find(&disk, dir, options.reserve_bytes);
    match recover_with(Arc::clone(&disk), dir, options, &mut reserve) {
        // From the start: a failed sync may have changed what was read.
        Err(OpenError::Full { detail }) if reserve.give_up(&detail) => {
            recover_with(disk, dir, options, &mut reserve)
        }
        recovered => recovered,
    }
}

fn recover_with(
    disk: Arc<dyn Disk>,
    dir: &Path,
    options: FileLogOptions,
    reserve: &mut Reserve,
) -> Result<Writer, OpenError> {
    let started = Instant::now();
    let mut builder = IndexBuilder { index: Index::new(Sequence::FIRST), base: 0, end: 0 };
    let mut found = survey(&*disk, dir, Sequence::FIRST, &mut |visit| {
        builder.note(&visit);
        ControlFlow::Continue(())
    })?;
    drop_tail(&*disk, dir, &found.tail, reserve)?;
    clean_up(&*disk, dir)?;
    let last = match found.segments.pop() {
        Some(last) => last,
        None => create_first(&*disk, dir, options)?,
    };
    let segments = found.segments.len() + 1;
    let bytes = found.segments.iter().chain([&last]).map(|segment| segment.bytes).sum::<u64>();
    let mut writer = resume(disk, dir, options, builder, &found, last, reserve.clone())?;
    tell_repairs(&*writer.disk, dir)?;
    tracing::info!(
        segments,
        commands = found.frames,
        bytes,
        duration_ms = started.elapsed().as_secs_f64() * 1000.0,
        "the command log was read and checked"
    );
    let Active { header, .. } = &writer.active;
    if header.format != options.format || header.contents == Contents::Snapshot {
        writer.roll()?;
    }
    Ok(writer)
}

/// Says what earlier repairs could not keep.
fn tell_repairs(disk: &dyn Disk, dir: &Path) -> Result<(), Failure> {
    for name in disk.list(dir).map_err(Failure::of("reading", dir))? {
        let lost = name.strip_prefix(QUARANTINE).and_then(|name| name.split_once("-lost-"));
        if let Some((_, lost)) = lost.filter(|(_, lost)| *lost != "0") {
            let lost = lost.replace("-of-", " of the commands ").replace("-to-", " to ");
            tracing::warn!(
                kept = name,
                lost,
                "the command log was repaired before, and had lost commands"
            );
        }
    }
    Ok(())
}

/// Builds the index while the survey reads the frames.
struct IndexBuilder {
    index: Index,
    /// Where the segment of the last frame starts, in bytes of log.
    base: u64,
    /// Where the last frame ends.
    end: u64,
}

impl IndexBuilder {
    fn note(&mut self, visit: &Visit<'_>) {
        if visit.record.first == visit.segment.first() {
            self.push(visit.segment);
        }
        let start = self.base + visit.record.start;
        self.index.note(Mark { seq: visit.record.first, start });
        self.end = self.base + visit.record.end;
    }

    fn push(&mut self, segment: &Segment) {
        self.base = self.end;
        let Segment { path, header, .. } = segment.clone();
        self.index.push_segment(SegmentEntry { path, header, base: self.base });
    }
}

/// Keeps the bytes behind the last intact frame aside and takes them out of the
/// log.
fn drop_tail(
    disk: &dyn Disk,
    dir: &Path,
    tail: &Tail,
    reserve: &mut Reserve,
) -> Result<(), Failure> {
    match tail {
        Tail::Clean | Tail::Unread => Ok(()),
        Tail::TornCreation { path, bytes } => {
            let kept = free_name(disk, path, 0)?;
            disk.rename(path, &kept).map_err(Failure::of("renaming", path))?;
            disk.sync_dir(dir).map_err(Failure::of("syncing the folder", dir))?;
            tracing::warn!(segment = %path.display(), bytes, kept = %kept.display(),
                "a segment of the command log was never finished; it was moved aside");
            Ok(())
        }
        Tail::Torn { path, offset, bytes } => {
            let kept = free_name(disk, path, *offset)?;
            let torn = read_from(disk, path, *offset)?;
            let failed = match reserve.lend(|| keep(disk, dir, &kept, &torn)) {
                Ok(()) => cut(disk, path, *offset).map(|()| None)?,
                // The cut makes as much room as the copy takes.
                Err(failure) if failure.is_full() => {
                    cut(disk, path, *offset)?;
                    keep(disk, dir, &kept, &torn).err()
                }
                Err(failure) => return Err(failure),
            };
            match failed {
                None => tracing::warn!(
                    segment = %path.display(), offset, bytes, kept = %kept.display(),
                    "the command log ended with an unfinished write; its bytes were cut and kept aside"
                ),
                Some(failure) => tracing::warn!(
                    segment = %path.display(), offset, bytes, reason = %failure,
                    "the command log ended with an unfinished write; its bytes were cut, and for lack \
                     of space not kept"
                ),
            }
            Ok(())
        }
    }
}

fn cut(disk: &dyn Disk, path: &Path, offset: u64) -> Result<(), Failure> {
    let file = disk.open_write(path).map_err(Failure::of("opening", path))?;
    file.set_len(offset).map_err(Failure::of("cutting", path))?;
    file.sync_all().map_err(Failure::of("syncing", path))
}

/// A name that no file has, so that nothing kept earlier is lost.
fn free_name(disk: &dyn Disk, segment: &Path, offset: u64) -> Result<PathBuf, Failure> {
    let mut number = 1_u32;
    loop {
        let suffix =
            if number == 1 { format!("torn-{offset}") } else { format!("torn-{offset}-{number}") };
        let path = segment.with_extension(format!("log.{suffix}"));
        match disk.open_read(&path) {
            Ok(_) => number += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
            Err(error) => return Err(Failure::of("opening", &path)(error)),
        }
    }
}

fn read_from(disk: &dyn Disk, path: &Path, offset: u64) -> Result<Vec<u8>, Failure> {
    let reading = || Failure::of("reading", path);
    let file = disk.open_read(path).map_err(reading())?;
    let bytes = file.size().map_err(reading())?.saturating_sub(offset);
    let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    let read = read_full_at(&*file, &mut buffer, offset).map_err(reading())?;
    buffer.truncate(read);
    Ok(buffer)
}

/// Writes a file durably, or leaves nothing of it.
fn keep(disk: &dyn Disk, dir: &Path, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let file = disk.create(path).map_err(Failure::of("creating", path))?;
    let kept = write_all_at(&*file, bytes, 0)
        .map_err(Failure::of("writing to", path))
        .and_then(|()| file.sync_all().map_err(Failure::of("syncing", path)))
        .and_then(|()| disk.sync_dir(dir).map_err(Failure::of("syncing the folder", dir)));
    if kept.is_err() {
        let _rest = disk.remove(path);
    }
    kept
}

fn create_first(disk: &dyn Disk, dir: &Path, options: FileLogOptions) -> Result<Segment, Failure> {
    let log = LogId::from_uuid(Uuid::new_v4());
    let header = SegmentHeader::new(options.format, log, Sequence::FIRST);
    let (path, _file) = create_segment(disk, dir, &header)?;
    Ok(Segment::new(path, SegmentName::of_commands(header.first), header))
}

/// The writer for a log that ends with that segment and is sound.
fn resume(
    disk: Arc<dyn Disk>,
    dir: &Path,
    options: FileLogOptions,
    mut builder: IndexBuilder,
    found: &Survey,
    last: Segment,
    reserve: Reserve,
) -> Result<Writer, OpenError> {
    if last.next == last.first() {
        builder.push(&last);
    }
    let base = builder.base;
    let written = Place { seq: last.next.previous(), offset: last.bytes };
    // An empty segment is no part of a position: it is there or not, depending
    // on when the process before was stopped.
    let position = Position { seq: written.seq, end: builder.end };
    let shared = Arc::new(Shared::new(last.log(), builder.index, position));
    let unproven_from = if found.proven < last.first() {
        0
    } else {
        // The end of the last proven frame.
        let reader = Reader::new(Arc::clone(&disk), Arc::clone(&shared));
        let proven =
            reader.locate(found.proven).map_err(|e| OpenError::Io { detail: e.to_string() })?;
        proven.end.saturating_sub(base)
    };
    let file = disk.open_write(&last.path).map_err(Failure::of("opening", &last.path))?;
    rewrite(&*file, unproven_from, written.offset)
        .map_err(Failure::of("writing to", &last.path))?;
    file.sync_all().map_err(Failure::of("syncing", &last.path))?;
    disk.sync_dir(dir).map_err(Failure::of("syncing the folder", dir))?;
    Ok(Writer {
        disk,
        dir: dir.to_owned(),
        options,
        shared,
        active: Active { header: last.header, path: last.path, file, base },
        written,
        synced: written,
        is_poisoned: false,
        outage: None,
        reserve,
    })
}
