//! Mending a log that is damaged where a start refuses it.
//!
//! Every intact frame is kept, byte for byte. In the place of each command that
//! is not intact any more a frame is written that says so ([`Command::Lost`]),
//! since sequences have no holes; it is judged like any other and rejected. What
//! a start cuts by itself is left to it.
//!
//! | step | what a crash after it leaves |
//! | --- | --- |
//! | 1 copy every file that changes into `quarantine-…`, whole, and sync | the damaged log; the next repair starts over |
//! | 2 for each of these files: write `<file>.new`, sync it | the same |
//! | 3 rename it to `<file>`, sync the folder | a log with less damage; the next repair does the rest |
//!
//! A segment changes in one rename, so at no time is there a log that a start
//! takes for sound while commands are missing from it.

use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::disk::{Disk, read_full_at, write_all_at};
use super::failure::Failure;
use super::fault::{Damage, Fault, FrameDamage, ReadFault};
use super::frame::{
    FRAME_BYTES, FrameHeader, HEADER_BYTES, Salt, SegmentHeader, one_bit_off, push_frame,
};
use super::segment::{self, Scanner};
use crate::domain::{Command, LogId, Precondition, Sequence, Submission};

/// So many commands are believed to be missing between two frames at most.
const LONGEST_HOLE: u64 = 1 << 24;

/// The name of a folder with files as they were before a repair starts so.
pub(crate) const QUARANTINE: &str = "quarantine-";

/// What has to be done to a log.
#[derive(Debug, Default)]
pub(crate) struct Repair {
    /// What is wrong, in order.
    pub(crate) faults: Vec<Fault>,
    /// The commands that are lost, as ranges.
    pub(crate) lost: Vec<(Sequence, Sequence)>,
    /// The segments as they shall be.
    changes: Vec<(PathBuf, Vec<u8>)>,
}

/// Why a log cannot be mended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RepairError {
    /// The system could not read, or not write.
    #[error("{0}")]
    Io(String),
    /// A segment that does not belong there, or that a newer Daybook wrote.
    #[error("{0}; it is not a segment of this log: move the file away, or put the right one there")]
    Foreign(Fault),
    /// Nothing tells what the header was, nor how many commands follow.
    #[error(
        "{0}, and nothing tells what it was; put the file back from a copy. Without it the \
         commands from {1} on are lost, how many is unknown"
    )]
    Headless(Fault, Sequence),
}

impl From<Failure> for RepairError {
    fn from(failure: Failure) -> Self {
        Self::Io(failure.to_string())
    }
}

/// A segment as it was found, and as it shall be.
struct Piece {
    path: PathBuf,
    header: SegmentHeader,
    found: Vec<u8>,
    made: Vec<u8>,
    next: Sequence,
    is_changed: bool,
}

impl Repair {
    /// Finds out what has to be done; lost commands are told to be so from `now`
    /// on. Changes nothing.
    ///
    /// # Errors
    /// [`RepairError`]
    pub(crate) fn plan(
        disk: &dyn Disk,
        dir: &Path,
        now: DateTime<Utc>,
    ) -> Result<Self, RepairError> {
        let names = disk.list(dir).map_err(Failure::of("reading", dir))?;
        let mut firsts: Vec<Sequence> =
            names.iter().filter_map(|name| segment::parse_file_name(name)).collect();
        firsts.sort_unstable();
        let mut found = Vec::new();
        for first in &firsts {
            let path = dir.join(segment::file_name(*first));
            let bytes = read(disk, &path)?;
            found.push((*first, path, bytes));
        }
        let intact = |bytes: &Vec<u8>| SegmentHeader::decode(bytes).ok();
        let log = found.iter().find_map(|(_, _, bytes)| intact(bytes)).map(|header| header.log);
        let mut repair = Self::default();
        let mut pieces: Vec<Piece> = Vec::new();
        for (number, (first, path, bytes)) in found.into_iter().enumerate() {
            let limit = firsts.get(number + 1).copied();
            if let Some(before) = pieces.last_mut()
                && before.next < first
            {
                let damage = Damage::Gap { expected: before.next, found: first };
                if first.since(before.next) > LONGEST_HOLE {
                    return Err(RepairError::Foreign(Fault { file: path, offset: 0, damage }));
                }
                repair.note(&path, 0, damage);
                repair.lose(before, first, now)?;
            }
            // A start moves a segment aside whose making was never finished; one
            // that is not the first of a log and has none before it was finished.
            let is_unfinished = limit.is_none()
                && bytes.len() as u64 <= HEADER_BYTES
                && (first == Sequence::FIRST || !pieces.is_empty());
            let damage = SegmentHeader::decode(&bytes).err();
            if is_unfinished && damage.is_some_and(|damage| !damage.is_newer()) {
                continue;
            }
            let header = repair.header(&path, &bytes, first, limit, log)?;
            let mut made = header.encode();
            let is_changed = !bytes.starts_with(&made);
            made.truncate(HEADER_BYTES as usize);
            let mut piece = Piece { path, header, found: bytes, made, next: first, is_changed };
            repair.walk(disk, &mut piece, limit, now)?;
            pieces.push(piece);
        }
        let changed = pieces.into_iter().filter(|piece| piece.is_changed);
        repair.changes = changed.map(|piece| (piece.path, piece.made)).collect();
        Ok(repair)
    }

    /// Whether a start takes the log as it is.
    pub(crate) fn is_needless(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many commands are lost.
    pub(crate) fn lost_commands(&self) -> u64 {
        self.lost.iter().map(|(first, last)| last.next().since(*first)).sum()
    }

    /// The files that change.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.changes.iter().map(|(path, _)| path.as_path())
    }

    /// Does it, in the steps of the table above; the lock of the log is held.
    /// Returns the folder with the files as they were.
    ///
    /// # Errors
    /// [`RepairError::Io`]; another repair does the rest.
    pub(crate) fn apply(
        &self,
        disk: &dyn Disk,
        dir: &Path,
        now: DateTime<Utc>,
    ) -> Result<PathBuf, RepairError> {
        let quarantine = dir.join(self.quarantine(now));
        disk.create_dir_all(&quarantine).map_err(Failure::of("making the folder", &quarantine))?;
        for path in self.files() {
            let name = path.file_name().unwrap_or_default();
            write(disk, &quarantine.join(name), &read(disk, path)?)?;
        }
        disk.sync_dir(&quarantine).map_err(Failure::of("syncing the folder", &quarantine))?;
        disk.sync_dir(dir).map_err(Failure::of("syncing the folder", dir))?;
        for (path, bytes) in &self.changes {
            let fresh = path.with_extension("log.new");
            match disk.remove(&fresh) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Failure::of("removing", &fresh)(error).into());
                }
                _ => {}
            }
            write(disk, &fresh, bytes)?;
            disk.rename(&fresh, path).map_err(Failure::of("renaming", &fresh))?;
            disk.sync_dir(dir).map_err(Failure::of("syncing the folder", dir))?;
        }
        Ok(quarantine)
    }

    /// The name tells every later start what was lost.
    fn quarantine(&self, now: DateTime<Utc>) -> String {
        let time = now.format("%Y%m%dT%H%M%S%3fZ");
        match (self.lost.first(), self.lost.last()) {
            (Some((first, _)), Some((_, last))) => {
                let lost = self.lost_commands();
                format!("{QUARANTINE}{time}-lost-{lost}-of-{first}-to-{last}")
            }
            _ => format!("{QUARANTINE}{time}-lost-0"),
        }
    }

    fn note(&mut self, path: &Path, offset: u64, damage: Damage) {
        self.faults.push(Fault { file: path.to_owned(), offset, damage });
    }

    /// Puts a word for each command in the place of those before `upto`.
    fn lose(
        &mut self,
        piece: &mut Piece,
        upto: Sequence,
        now: DateTime<Utc>,
    ) -> Result<(), RepairError> {
        if piece.next >= upto {
            return Ok(());
        }
        let lost = Submission {
            accepted_at: now,
            command: Command::Lost,
            precondition: Precondition::None,
            idempotency: None,
            principal: None,
            trace_id: None,
        };
        let payload = piece.header.format.encode(&lost);
        let payload = payload.map_err(|error| RepairError::Io(error.to_string()))?;
        self.lost.push((piece.next, upto.previous()));
        while piece.next < upto {
            let seq = piece.next;
            push_frame(&mut piece.made, piece.header.salt, seq, seq.previous(), &payload);
            piece.next = seq.next();
        }
        piece.is_changed = true;
        Ok(())
    }

    /// Takes over every intact frame up to the next segment.
    fn walk(
        &mut self,
        disk: &dyn Disk,
        piece: &mut Piece,
        limit: Option<Sequence>,
        now: DateTime<Utc>,
    ) -> Result<(), RepairError> {
        let bytes = std::mem::take(&mut piece.found);
        let end = limit.unwrap_or(Sequence::new(u64::MAX));
        let mut at = HEADER_BYTES as usize;
        while at < bytes.len() {
            let frame = intact_frame(&bytes, at, &piece.header);
            match frame {
                Ok((seq, size)) if seq == piece.next && seq < end => {
                    piece.made.extend_from_slice(bytes.get(at..at + size).unwrap_or_default());
                    piece.next = seq.next();
                    at += size;
                    continue;
                }
                _ => {}
            }
            let damage = match frame {
                Ok((found, _)) => FrameDamage::Sequence { found },
                Err(damage) => damage,
            };
            // An unfinished write, which a start keeps aside by itself, whatever
            // is intact in it.
            if limit.is_none() && is_torn(disk, piece, at, bytes.len(), damage)? {
                break;
            }
            let fits = |seq: Sequence| {
                seq >= piece.next && seq < end && seq.since(piece.next) <= LONGEST_HOLE
            };
            let intact = (at..bytes.len()).find_map(|at| {
                let (seq, _) = intact_frame(&bytes, at, &piece.header).ok()?;
                fits(seq).then_some((at, seq))
            });
            let fault = Damage::Frame { expected: piece.next, damage };
            match intact {
                Some((found, seq)) => {
                    self.note(&piece.path, at as u64, fault);
                    piece.is_changed = true;
                    self.lose(piece, seq, now)?;
                    at = found;
                }
                None => {
                    self.note(&piece.path, at as u64, fault);
                    piece.is_changed = true;
                    break;
                }
            }
        }
        Ok(())
    }

    /// The header of a segment, found again where it is damaged.
    fn header(
        &mut self,
        path: &Path,
        bytes: &[u8],
        first: Sequence,
        limit: Option<Sequence>,
        log: Option<LogId>,
    ) -> Result<SegmentHeader, RepairError> {
        let fault = |damage| Fault { file: path.to_owned(), offset: 0, damage };
        let damage = match SegmentHeader::decode(bytes) {
            Ok(header) if header.first != first => {
                return Err(RepairError::Foreign(fault(Damage::OtherName { found: header.first })));
            }
            Ok(header) => {
                return match log.filter(|log| *log != header.log) {
                    Some(expected) => {
                        let damage = Damage::OtherLog { expected, found: header.log };
                        Err(RepairError::Foreign(fault(damage)))
                    }
                    None => Ok(header),
                };
            }
            Err(damage) if damage.is_newer() => {
                return Err(RepairError::Foreign(fault(damage.into())));
            }
            Err(damage) => damage,
        };
        self.faults.push(fault(damage.into()));
        if let Some(header) = one_bit_off(bytes, first, log) {
            return Ok(header);
        }
        let headless = || RepairError::Headless(fault(damage.into()), first);
        let log = log.ok_or_else(headless)?;
        let salt = bytes.get(36..40).and_then(|salt| salt.first_chunk::<4>());
        let readable = super::PayloadFormat::ALL.into_iter().find_map(|format| {
            let header = SegmentHeader { format, log, first, salt: Salt(*salt?) };
            let (seq, _) = intact_frame(bytes, HEADER_BYTES as usize, &header).ok()?;
            (seq == first).then_some(header)
        });
        match (readable, limit) {
            (Some(header), _) => Ok(header),
            // Nothing in it can be read, but how many commands there were is known.
            (None, Some(_)) => Ok(SegmentHeader::new(super::PayloadFormat::Cbor, log, first)),
            (None, None) => Err(headless()),
        }
    }
}

/// Whether a start takes what is at that place of the last segment for a write
/// that never finished.
fn is_torn(
    disk: &dyn Disk,
    piece: &Piece,
    at: usize,
    end: usize,
    damage: FrameDamage,
) -> Result<bool, RepairError> {
    let path = &piece.path;
    let file = disk.open_read(path).map_err(unread(path))?;
    let mut scanner = Scanner::new(file, piece.header.salt, end as u64, at as u64, piece.next);
    scanner.is_torn(damage).map_err(unread(path))
}

/// The sequence and the size of the frame that starts there, if its checksum holds
/// and its payload can be read.
fn intact_frame(
    bytes: &[u8],
    at: usize,
    header: &SegmentHeader,
) -> Result<(Sequence, usize), FrameDamage> {
    let rest = bytes.get(at..).unwrap_or_default();
    let frame = rest.get(..FRAME_BYTES).and_then(FrameHeader::parse);
    let frame = frame.ok_or(FrameDamage::CutShort)?;
    if !frame.has_valid_length() {
        return Err(FrameDamage::Length { found: frame.payload_bytes });
    }
    let whole = rest.get(..frame.frame_bytes()).ok_or(FrameDamage::CutShort)?;
    let payload = frame.verified_payload(header.salt, whole).ok_or(FrameDamage::Checksum)?;
    if frame.durable >= frame.sequence {
        return Err(FrameDamage::Durable { found: frame.durable });
    }
    match header.format.decode(payload) {
        Ok(_) => Ok((frame.sequence, whole.len())),
        Err(_) => Err(FrameDamage::Payload),
    }
}

fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, RepairError> {
    let file = disk.open_read(path).map_err(unread(path))?;
    let bytes = file.size().map_err(unread(path))?;
    let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    let read = read_full_at(&*file, &mut buffer, 0).map_err(unread(path))?;
    buffer.truncate(read);
    Ok(buffer)
}

fn unread(path: &Path) -> impl FnOnce(io::Error) -> RepairError {
    move |error| RepairError::Io(ReadFault::io(path)(error).to_string())
}

/// Makes a file, durably but for its name.
fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), RepairError> {
    let file = disk.create(path).map_err(Failure::of("creating", path))?;
    write_all_at(&*file, bytes, 0).map_err(Failure::of("writing to", path))?;
    Ok(file.sync_all().map_err(Failure::of("syncing", path))?)
}
