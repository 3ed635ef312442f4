//! Reading a whole log, without changing it: what recovery, `verify`, `status`
//! and `cat` have in common.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::PayloadFormat;
use super::disk::{Disk, DiskFile, read_full_at};
use super::fault::{Damage, Fault, FrameDamage, ReadFault};
use super::frame::{Contents, HEADER_BYTES, HeaderDamage, SegmentHeader};
use super::name::{Arranged, SegmentName, start_name};
use super::segment::{Record, Scan, Scanner};
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
    pub(super) name: SegmentName,
    pub(super) header: SegmentHeader,
    /// The sequence after its last one.
    pub(crate) next: Sequence,
    /// The size of its header and intact frames.
    pub(crate) bytes: u64,
}

impl Segment {
    /// As its header says, without frames.
    pub(super) fn new(path: PathBuf, name: SegmentName, header: SegmentHeader) -> Self {
        Self { path, name, header, next: header.first, bytes: HEADER_BYTES }
    }

    pub(crate) fn log(&self) -> LogId {
        self.header.log
    }

    pub(crate) fn format(&self) -> PayloadFormat {
        self.header.format
    }

    /// Its first sequence.
    pub(crate) fn first(&self) -> Sequence {
        self.header.first
    }

    /// Whether it holds what is left of compacted commands.
    pub(crate) fn is_snapshot(&self) -> bool {
        self.header.contents == Contents::Snapshot
    }

    /// Its last sequence; the one before its first when it has no frames.
    pub(crate) fn last(&self) -> Sequence {
        self.next.previous()
    }

    pub(crate) fn file_name(&self) -> String {
        self.name.to_string()
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

    /// The first sequence that it stands for.
    pub(crate) fn first(&self) -> Sequence {
        self.record.first
    }

    /// The contents, decoded.
    pub(crate) fn submission(&self) -> Result<Submission, Fault> {
        self.segment.format().decode(self.record.payload).map_err(|error| Fault {
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
    let found = Arranged::of(&disk.list(dir).map_err(ReadFault::io(dir))?);
    let mut survey =
        Survey { segments: Vec::new(), tail: Tail::Clean, frames: 0, proven: Sequence::ZERO };
    if let Some(missing) = missing_beginning(dir, &found) {
        return Err(missing.into());
    }
    for (number, name) in found.segments.iter().enumerate() {
        let successor = found.segments.get(number + 1).map(|name| name.first);
        let path = dir.join(name.to_string());
        let flow = survey.read_segment(disk, path, *name, successor, from, visit)?;
        if flow.is_break() {
            break;
        }
    }
    if let Some(last) = survey.segments.last().filter(|last| last.is_snapshot())
        && survey.tail == Tail::Clean
    {
        // Another one followed it when it was made.
        let damage = Damage::NoSegment { expected: last.next };
        return Err(at(last.path.clone(), last.bytes, damage).into());
    }
    Ok(survey)
}

/// What is wrong where the first segments are not there and were not given up.
fn missing_beginning(dir: &Path, found: &Arranged) -> Option<Fault> {
    let expected = found.start;
    match found.segments.first() {
        Some(name) if name.first > expected => {
            let damage = Damage::Gap { expected, found: name.first };
            Some(at(dir.join(name.to_string()), 0, damage))
        }
        None if expected > Sequence::FIRST => {
            Some(at(dir.join(start_name(expected)), 0, Damage::NoSegment { expected }))
        }
        _ => None,
    }
}

impl Survey {
    /// The identity of the log, once it has a segment.
    pub(crate) fn log(&self) -> Option<LogId> {
        self.segments.first().map(Segment::log)
    }

    fn read_segment(
        &mut self,
        disk: &dyn Disk,
        path: PathBuf,
        name: SegmentName,
        successor: Option<Sequence>,
        from: Sequence,
        visit: &mut dyn FnMut(Visit<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ReadFault> {
        let file = disk.open_read(&path).map_err(ReadFault::io(&path))?;
        let bytes = file.size().map_err(ReadFault::io(&path))?;
        let header = match read_header(&*file).map_err(ReadFault::io(&path))? {
            Ok(header) => header,
            Err(damage) if self.is_torn_creation(name, successor, bytes, damage) => {
                self.tail = Tail::TornCreation { path, bytes };
                return Ok(ControlFlow::Break(()));
            }
            Err(damage) => return Err(at(path, 0, damage.into()).into()),
        };
        if let Some(damage) = self.misplaced(&header, name) {
            return Err(at(path, 0, damage).into());
        }
        // The segment before was synced to its end before this one was made.
        self.proven = self.proven.max(name.first.previous());
        let mut segment = Segment::new(path, name, header);
        if let Some(successor) = successor.filter(|successor| *successor <= from) {
            segment.next = name.through.map_or(successor, Sequence::next);
            segment.bytes = bytes;
            self.segments.push(segment);
            return Ok(ControlFlow::Continue(()));
        }
        let mut scanner = Scanner::new(file, &header, bytes, HEADER_BYTES, name.first);
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
                Scan::End if name.through.is_some_and(|through| segment.last() != through) => {
                    let damage = FrameDamage::CutShort;
                    return Err(corrupt(segment.path, segment.bytes, segment.next, damage).into());
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
        name: SegmentName,
        successor: Option<Sequence>,
        bytes: u64,
        damage: HeaderDamage,
    ) -> bool {
        let follows = match self.segments.last() {
            None => name.first == Sequence::FIRST,
            Some(before) => before.next == name.first,
        } && name.contents() == Contents::Commands;
        !damage.is_newer() && successor.is_none() && bytes <= HEADER_BYTES && follows
    }

    /// What is wrong with an intact header at this place.
    fn misplaced(&self, header: &SegmentHeader, name: SegmentName) -> Option<Damage> {
        if header.first != name.first {
            return Some(Damage::OtherName { found: header.first });
        }
        if header.contents != name.contents() {
            return Some(Damage::OtherContents);
        }
        let before = self.segments.last()?;
        if header.log != before.log() {
            return Some(Damage::OtherLog { expected: before.log(), found: header.log });
        }
        let (expected, found) = (before.next, name.first);
        (expected != found).then_some(Damage::Gap { expected, found })
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
