//! Reading on in a log while another process writes it.
//!
//! Whatever is not a complete frame is left for the next look. A frame that was
//! complete may still be taken back, as long as no later one says that it was
//! synced: the frame that was read last is therefore compared before anything
//! behind it is read.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::fault::{Damage, Fault, ReadFault};
use super::frame::HEADER_BYTES;
use super::name::{Arranged, SegmentName};
use super::segment::{Record, Scan, Scanner};
use super::survey::{Segment, Survey, Visit, corrupt, read_header};
use crate::domain::{LogId, Sequence};

/// A complete frame, so that it can be recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bookmark {
    segment: SegmentName,
    start: u64,
    /// The first sequence that it stands for.
    first: Sequence,
    sequence: Sequence,
    payload: u32,
}

impl Visit<'_> {
    /// This frame, to read on behind it.
    pub(crate) fn bookmark(&self) -> Bookmark {
        Bookmark::of(self.segment.name, &self.record)
    }
}

impl Bookmark {
    fn of(segment: SegmentName, record: &Record<'_>) -> Self {
        let Record { first, sequence, start, payload, .. } = *record;
        Self { segment, start, first, sequence, payload: crc32c::crc32c(payload) }
    }
}

/// How far a look at the log came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadOn {
    /// To the last complete frame.
    CaughtUp,
    /// To where the visitor had seen enough.
    Stopped,
    /// Commands that were shown were taken back: their write had failed and was
    /// never acknowledged. The next look shows those in their place, from this
    /// one on; some of them may be the same as before.
    TakenBack(Sequence),
}

/// A place in a log from which it is read on.
pub(crate) struct Follower {
    dir: PathBuf,
    log: Option<LogId>,
    /// The segment that is read.
    segment: SegmentName,
    /// The frame that was read last, if it is one of that segment.
    last: Option<Bookmark>,
    /// The sequence that comes next.
    next: Sequence,
    /// What a later frame or segment proves to be synced.
    proven: Sequence,
    /// The size of the segment when there was nothing more to read in it.
    read_to: Option<u64>,
    /// What was wrong at the last look: a write under way may look so once.
    suspected: Option<String>,
}

impl Follower {
    /// A place behind what was surveyed: behind the frame that was visited last,
    /// or at the first place of the last segment where none was.
    pub(crate) fn behind(dir: &Path, surveyed: &Survey, last: Option<Bookmark>) -> Self {
        let segment = surveyed.segments.last();
        let segment =
            segment.map_or(SegmentName::of_commands(Sequence::FIRST), |segment| segment.name);
        Self {
            dir: dir.to_owned(),
            log: surveyed.log(),
            segment: last.map_or(segment, |last| last.segment),
            last,
            next: last.map_or(segment.first, |last| last.sequence.next()),
            proven: surveyed.proven,
            read_to: None,
            suspected: None,
        }
    }

    /// Shows the visitor every complete frame that was not shown yet, over the
    /// ends of segments.
    pub(crate) fn read_on(
        &mut self,
        disk: &dyn Disk,
        visit: &mut dyn FnMut(Visit<'_>) -> ControlFlow<()>,
    ) -> Result<ReadOn, ReadFault> {
        match self.try_read_on(disk, visit) {
            Err(fault) => {
                let told = fault.to_string();
                if self.suspected.replace(told.clone()) == Some(told) {
                    return Err(fault);
                }
                self.read_to = None;
                Ok(ReadOn::CaughtUp)
            }
            read => {
                self.suspected = None;
                read
            }
        }
    }

    fn try_read_on(
        &mut self,
        disk: &dyn Disk,
        visit: &mut dyn FnMut(Visit<'_>) -> ControlFlow<()>,
    ) -> Result<ReadOn, ReadFault> {
        loop {
            // Asked first: what is followed by another segment is complete.
            let successor = self.successor(disk)?;
            let read = self.read_segment(disk, successor, visit)?;
            if read != ReadOn::CaughtUp || successor.is_none() {
                return Ok(read);
            }
            if !self.enter(disk, successor)? {
                return Ok(ReadOn::CaughtUp);
            }
        }
    }

    /// The segment that comes after the one that is read.
    fn successor(&self, disk: &dyn Disk) -> Result<Option<SegmentName>, ReadFault> {
        let names = disk.list(&self.dir).map_err(ReadFault::io(&self.dir))?;
        let found = Arranged::of(&names).segments.into_iter();
        Ok(found.filter(|name| name.first > self.segment.first).min_by_key(|name| name.first))
    }

    fn path(&self, segment: SegmentName) -> PathBuf {
        self.dir.join(segment.to_string())
    }

    fn read_segment(
        &mut self,
        disk: &dyn Disk,
        successor: Option<SegmentName>,
        visit: &mut dyn FnMut(Visit<'_>) -> ControlFlow<()>,
    ) -> Result<ReadOn, ReadFault> {
        let path = self.path(self.segment);
        let io = || ReadFault::io(&path);
        let file = disk.open_read(&path).map_err(io())?;
        let bytes = file.size().map_err(io())?;
        if self.read_to == Some(bytes) {
            return Ok(ReadOn::CaughtUp);
        }
        let header = match read_header(&*file).map_err(io())? {
            Ok(header) => header,
            // It is being made.
            Err(_) if bytes <= HEADER_BYTES && successor.is_none() => return Ok(ReadOn::CaughtUp),
            Err(damage) => {
                return Err(Fault { file: path, offset: 0, damage: damage.into() }.into());
            }
        };
        let mut segment = Segment::new(path.clone(), self.segment, header);
        let (start, first) = match &self.last {
            Some(last) => (last.start, last.first),
            None => (HEADER_BYTES, self.segment.first),
        };
        let mut scanner = Scanner::new(file, &header, bytes, start, first);
        if let Some(last) = self.last {
            match scanner.step().map_err(io())? {
                Scan::Record(record) if Bookmark::of(self.segment, &record) == last => {}
                _ => return Ok(self.take_back()),
            }
        }
        loop {
            match scanner.step().map_err(io())? {
                Scan::Record(record) => {
                    segment.next = record.sequence.next();
                    segment.bytes = record.end;
                    self.next = segment.next;
                    self.proven = self.proven.max(record.durable);
                    self.last = Some(Bookmark::of(self.segment, &record));
                    if visit(Visit { segment: &segment, record }).is_break() {
                        return Ok(ReadOn::Stopped);
                    }
                }
                Scan::End => {
                    self.read_to = Some(bytes);
                    return Ok(ReadOn::CaughtUp);
                }
                Scan::Damaged { offset, damage } => {
                    self.read_to = None;
                    if successor.is_none() && scanner.is_torn(damage).map_err(io())? {
                        return Ok(ReadOn::CaughtUp);
                    }
                    return Err(corrupt(path, offset, self.next, damage).into());
                }
            }
        }
    }

    /// Goes back to the start of the segment: what was taken back was in it, as
    /// a segment is synced to its end before another is made.
    fn take_back(&mut self) -> ReadOn {
        self.last = None;
        self.next = self.segment.first;
        self.read_to = None;
        ReadOn::TakenBack(self.proven.next().max(self.segment.first))
    }

    /// Goes on with the next segment, once it has a complete frame: until then
    /// its making may fail, and this one grow again.
    fn enter(
        &mut self,
        disk: &dyn Disk,
        successor: Option<SegmentName>,
    ) -> Result<bool, ReadFault> {
        let Some(name) = successor else { return Ok(false) };
        let (path, first) = (self.path(name), name.first);
        let file = match disk.open_read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file.map_err(ReadFault::io(&path))?,
        };
        let bytes = file.size().map_err(ReadFault::io(&path))?;
        let Ok(header) = read_header(&*file).map_err(ReadFault::io(&path))? else {
            return Ok(false);
        };
        let mut scanner = Scanner::new(file, &header, bytes, HEADER_BYTES, first);
        if !matches!(scanner.step().map_err(ReadFault::io(&path))?, Scan::Record(_)) {
            return Ok(false);
        }
        let damage = match self.log.filter(|log| *log != header.log) {
            Some(expected) => Some(Damage::OtherLog { expected, found: header.log }),
            None if first != self.next => Some(Damage::Gap { expected: self.next, found: first }),
            None => None,
        };
        if let Some(damage) = damage {
            return Err(Fault { file: path, offset: 0, damage }.into());
        }
        self.log = Some(header.log);
        self.segment = name;
        self.last = None;
        self.proven = self.proven.max(first.previous());
        self.read_to = None;
        Ok(true)
    }
}
