//! Reading a whole log, without changing it: what recovery, `verify`, `status`
//! and `cat` have in common.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::PayloadFormat;
use super::disk::{Disk, DiskFile, read_full_at};
use super::fault::{Damage, Fault, FrameDamage, ReadFault};
use super::frame::{HEADER_BYTES, HeaderDamage, Salt, SegmentHeader};
use super::segment::{self, Record, Scan, Scanner};
use crate::domain::{LogId, Sequence, Submission};

/// What a log consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Its segments, in order; none when nothing was ever logged.
    pub(crate) segments: Vec<Segment>,
    /// What follows the last intact frame.
    pub(crate) tail: Tail,
    /// How many frames were read.
    pub(crate) frames: u64,
    /// The last sequence that a later frame or segment proves to be synced.
    pub(crate) proven: Sequence,
}

/// One segment of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) log: LogId,
    pub(crate) format: PayloadFormat,
    pub(super) salt: Salt,
    /// Its first sequence.
    pub(crate) first: Sequence,
    /// The sequence after its last one.
    pub(crate) next: Sequence,
    /// The size of its header and intact frames.
    pub(crate) bytes: u64,
}

impl Segment {
    /// As its header says, without frames.
    pub(super) fn new(path: PathBuf, header: &SegmentHeader) -> Self {
        let SegmentHeader { format, log, first, salt } = *header;
        Self { path, log, format, salt, first, next: first, bytes: HEADER_BYTES }
    }

    pub(super) fn header(&self) -> SegmentHeader {
        let Self { format, log, first, salt, .. } = *self;
        SegmentHeader { format, log, first, salt }
    }

    /// Its last sequence; the one before its first when it has no frames.
    pub(crate) fn last(&self) -> Sequence {
        self.next.previous()
    }

    pub(crate) fn file_name(&self) -> String {
        segment::file_name(self.first)
    }
}

/// What follows the last intact frame of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing.
    Clean,
    /// A write to the last segment that never finished.
    Torn { path: PathBuf, offset: u64, bytes: u64 },
    /// A segment whose header was never finished.
    TornCreation { path: PathBuf, bytes: u64 },
    /// It was not looked at: the visitor had seen enough.
    Unread,
}

/// A frame on its way past a visitor.
pub(crate) struct Visit<'a> {
    pub(crate) segment: &'a Segment,
    pub(super) record: Record<'a>,
}

impl Visit<'_> {
    pub(crate) fn sequence(&self) -> Sequence {
        self.record.sequence
    }

    /// The contents, decoded.
    pub(crate) fn submission(&self) -> Result<Submission, Fault> {
        self.segment.format.decode(self.record.payload).map_err(|error| Fault {
            file: self.segment.path.clone(),
            offset: self.record.start,
            damage: error.into(),
        })
    }
}

/// Reads the log in that folder from its first segment to its last and shows
/// every frame to the visitor. Frames of segments that end before `from` are
/// left out unread; the last segment is always read.
pub(crate) fn survey(
    disk: &dyn Disk,
    dir: &Path,
    from: Sequence,
    visit: &mut dyn FnMut(Visit<'_>) -> ControlFlow<()>,
) -> Result<Survey, ReadFault> {
    let mut firsts: Vec<Sequence> = disk
        .list(dir)
        .map_err(ReadFault::io(dir))?
        .iter()
        .filter_map(|name| segment::parse_file_name(name))
        .collect();
    firsts.sort_unstable();
    let mut survey =
        Survey { segments: Vec::new(), tail: Tail::Clean, frames: 0, proven: Sequence::ZERO };
    for (number, first) in firsts.iter().enumerate() {
        let successor = firsts.get(number + 1).copied();
        let path = dir.join(segment::file_name(*first));
        let flow = survey.read_segment(disk, path, *first, successor, from, visit)?;
        if flow.is_break() {
            break;
        }
    }
    Ok(survey)
}

impl Survey {
    /// The identity of the log, once it has a segment.
    pub(crate) fn log(&self) -> Option<LogId> {
        self.segments.first().map(|segment| segment.log)
    }

    fn read_segment(
        &mut self,
        disk: &dyn Disk,
        path: PathBuf,
        first: Sequence,
        successor: Option<Sequence>,
        from: Sequence,
        visit: &mut dyn FnMut(Visit<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ReadFault> {
        let file = disk.open_read(&path).map_err(ReadFault::io(&path))?;
        let bytes = file.size().map_err(ReadFault::io(&path))?;
        let header = match read_header(&*file).map_err(ReadFault::io(&path))? {
            Ok(header) => header,
            Err(damage) if self.is_torn_creation(first, successor, bytes, damage) => {
                self.tail = Tail::TornCreation { path, bytes };
                return Ok(ControlFlow::Break(()));
            }
            Err(damage) => return Err(at(path, 0, damage.into()).into()),
        };
        if let Some(damage) = self.misplaced(&header, first) {
            return Err(at(path, 0, damage).into());
        }
        // The segment before was synced to its end before this one was made.
        self.proven = self.proven.max(first.previous());
        let mut segment = Segment::new(path, &header);
        if let Some(successor) = successor.filter(|successor| *successor <= from) {
            segment.next = successor;
            segment.bytes = bytes;
            self.segments.push(segment);
            return Ok(ControlFlow::Continue(()));
        }
        let mut scanner = Scanner::new(file, header.salt, bytes, HEADER_BYTES, first);
        let flow = loop {
            match scanner.step().map_err(ReadFault::io(&segment.path))? {
                Scan::Record(record) => {
                    segment.next = record.sequence.next();
                    segment.bytes = record.end;
                    self.frames += 1;
                    self.proven = self.proven.max(record.durable);
                    if visit(Visit { segment: &segment, record }).is_break() {
                        self.tail = Tail::Unread;
                        break ControlFlow::Break(());
                    }
                }
                Scan::End => break ControlFlow::Continue(()),
                Scan::Damaged { offset, damage } => {
                    let is_last = successor.is_none();
                    if !is_last || !scanner.is_torn(damage).map_err(ReadFault::io(&segment.path))? {
                        return Err(corrupt(segment.path, offset, segment.next, damage).into());
                    }
                    let path = segment.path.clone();
                    self.tail = Tail::Torn { path, offset, bytes: bytes - offset };
                    break ControlFlow::Continue(());
                }
            }
        };
        self.segments.push(segment);
        Ok(flow)
    }

    /// Whether a segment without a header is one whose creation never finished:
    /// frames are written only after the header was synced, and a segment is
    /// followed by another only when it has frames. A first segment that is not
    /// the first of the log stands for commands that were there.
    fn is_torn_creation(
        &self,
        first: Sequence,
        successor: Option<Sequence>,
        bytes: u64,
        damage: HeaderDamage,
    ) -> bool {
        let follows = match self.segments.last() {
            None => first == Sequence::FIRST,
            Some(before) => before.next == first,
        };
        !damage.is_newer() && successor.is_none() && bytes <= HEADER_BYTES && follows
    }

    /// What is wrong with an intact header at this place.
    fn misplaced(&self, header: &SegmentHeader, first: Sequence) -> Option<Damage> {
        if header.first != first {
            return Some(Damage::OtherName { found: header.first });
        }
        let before = self.segments.last()?;
        if header.log != before.log {
            return Some(Damage::OtherLog { expected: before.log, found: header.log });
        }
        (before.next != first).then_some(Damage::Gap { expected: before.next, found: first })
    }
}

/// The header of a segment.
pub(super) fn read_header(
    file: &dyn DiskFile,
) -> std::io::Result<Result<SegmentHeader, HeaderDamage>> {
    let mut bytes = [0; HEADER_BYTES as usize];
    let read = read_full_at(file, &mut bytes, 0)?;
    Ok(SegmentHeader::decode(bytes.get(..read).unwrap_or_default()))
}

/// A damaged frame as a fault.
pub(super) fn corrupt(
    file: PathBuf,
    offset: u64,
    expected: Sequence,
    damage: FrameDamage,
) -> Fault {
    at(file, offset, Damage::Frame { expected, damage })
}

fn at(file: PathBuf, offset: u64, damage: Damage) -> Fault {
    Fault { file, offset, damage }
}
