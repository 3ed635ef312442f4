//! Mending a log that is damaged where a start refuses it.
//!
//! Every intact frame is kept, byte for byte. In the place of each command that
//! is not intact any more a frame is written that says so ([`Command::Lost`](crate::domain::Command::Lost)),
//! since sequences have no holes; it is judged like any other and rejected. What
//! a start cuts by itself is left to it.
//!
//! | step | what a crash after it leaves |
//! | --- | --- |
//! | 1 copy every file that changes into `quarantine-…`, whole, and sync | the damaged log; the next repair starts over |
//! | 2 for each of these files: write `<file>.new`, sync it | the same |
//! | 3 rename it to `<file>`, sync the folder | a log with less damage; the next repair does the rest |
//! | 4 where the first segments are missing: tell that the log starts behind them | the mended log |
//!
//! A segment changes in one rename, so at no time is there a log that a start
//! takes for sound while commands are missing from it.

use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::disk::Disk;
use super::failure::Failure;
use super::fault::{Damage, Fault, FrameDamage};
use super::frame::{Contents, HEADER_BYTES, Salt, SegmentHeader, one_bit_off};
use super::name::{Arranged, SegmentName};
use super::repair_piece::{IntactFrame, Piece, intact_frame, is_torn, read, write};
use super::retention::tell_start;
use crate::domain::{LogId, Sequence};

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
    /// Where the log starts, when its beginning is missing.
    start: Option<Sequence>,
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
    /// There is nothing to mend.
    #[error(
        "the segment that starts with command {0} is missing, and nothing tells how many commands \
         it had; put it back from a copy"
    )]
    NoSegment(Sequence),
}

impl From<Failure> for RepairError {
    fn from(failure: Failure) -> Self {
        Self::Io(failure.to_string())
    }
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
        let Arranged { segments: names, start, .. } = Arranged::of(&names);
        let mut found = Vec::new();
        for name in &names {
            let path = dir.join(name.to_string());
            let bytes = read(disk, &path)?;
            found.push((*name, path, bytes));
        }
        let intact = |bytes: &Vec<u8>| SegmentHeader::decode(bytes).ok();
        let log = found.iter().find_map(|(_, _, bytes)| intact(bytes)).map(|header| header.log);
        let mut repair = Self::default();
        match names.first() {
            Some(name) if name.first > start => {
                let damage = Damage::Gap { expected: start, found: name.first };
                repair.note(&dir.join(name.to_string()), 0, damage);
                repair.lost.push((start, name.first.previous()));
                repair.start = Some(name.first);
            }
            None if start > Sequence::FIRST => return Err(RepairError::NoSegment(start)),
            _ => {}
        }
        let mut pieces: Vec<Piece> = Vec::new();
        for (number, (name, path, bytes)) in found.into_iter().enumerate() {
            let first = name.first;
            let limit = names.get(number + 1).map(|name| name.first);
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
                && (first == Sequence::FIRST || !pieces.is_empty())
                && name.contents() == Contents::Commands;
            let damage = SegmentHeader::decode(&bytes).err();
            if is_unfinished && damage.is_some_and(|damage| !damage.is_newer()) {
                continue;
            }
            let header = repair.header(&path, &bytes, name, limit, log)?;
            let mut made = header.encode();
            let is_changed = !bytes.starts_with(&made);
            made.truncate(HEADER_BYTES as usize);
            let mut piece = Piece { path, header, found: bytes, made, next: first, is_changed };
            repair.walk(disk, &mut piece, limit, now)?;
            if let Some(through) = name.through {
                repair.lose(&mut piece, through.next(), now)?;
            }
            pieces.push(piece);
        }
        if let Some(last) =
            pieces.last().filter(|piece| piece.header.contents == Contents::Snapshot)
        {
            return Err(RepairError::NoSegment(last.next));
        }
        let changed = pieces.into_iter().filter(|piece| piece.is_changed);
        repair.changes = changed.map(|piece| (piece.path, piece.made)).collect();
        Ok(repair)
    }

    /// Whether a start takes the log as it is.
    pub(crate) fn is_needless(&self) -> bool {
        self.changes.is_empty() && self.start.is_none()
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
        if let Some(start) = self.start {
            tell_start(disk, dir, start)?;
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

    /// Puts a word in the place of the commands before `upto`.
    fn lose(
        &mut self,
        piece: &mut Piece,
        upto: Sequence,
        now: DateTime<Utc>,
    ) -> Result<(), RepairError> {
        if piece.next < upto {
            self.lost.push((piece.next, upto.previous()));
            piece.lose(upto, now)?;
        }
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
                Ok(frame) if frame.first == piece.next && frame.sequence < end => {
                    let frame_bytes = bytes.get(at..at + frame.bytes).unwrap_or_default();
                    piece.made.extend_from_slice(frame_bytes);
                    piece.next = frame.sequence.next();
                    at += frame.bytes;
                    continue;
                }
                _ => {}
            }
            let damage = match frame {
                Ok(IntactFrame { sequence: found, .. }) => FrameDamage::Sequence { found },
                Err(damage) => damage,
            };
            // An unfinished write, which a start keeps aside by itself, whatever
            // is intact in it.
            if limit.is_none() && is_torn(disk, piece, at, bytes.len(), damage)? {
                break;
            }
            // The name of a snapshot bounds what it can hold.
            let longest = match piece.header.contents {
                Contents::Commands => LONGEST_HOLE,
                Contents::Snapshot => u64::MAX,
            };
            let fits = |IntactFrame { first, sequence, .. }: IntactFrame| {
                first >= piece.next && sequence < end && first.since(piece.next) <= longest
            };
            let intact = (at..bytes.len()).find_map(|at| {
                let frame = intact_frame(&bytes, at, &piece.header).ok()?;
                fits(frame).then_some((at, frame.first))
            });
            let fault = Damage::Frame { expected: piece.next, damage };
            match intact {
                Some((found, first)) => {
                    self.note(&piece.path, at as u64, fault);
                    piece.is_changed = true;
                    self.lose(piece, first, now)?;
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
        name: SegmentName,
        limit: Option<Sequence>,
        log: Option<LogId>,
    ) -> Result<SegmentHeader, RepairError> {
        let (first, contents) = (name.first, name.contents());
        let fault = |damage| Fault { file: path.to_owned(), offset: 0, damage };
        let damage = match SegmentHeader::decode(bytes) {
            Ok(header) if header.first != first => {
                return Err(RepairError::Foreign(fault(Damage::OtherName { found: header.first })));
            }
            Ok(header) if header.contents != contents => {
                return Err(RepairError::Foreign(fault(Damage::OtherContents)));
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
            let header = SegmentHeader { format, contents, log, first, salt: Salt(*salt?) };
            let frame = intact_frame(bytes, HEADER_BYTES as usize, &header).ok()?;
            (frame.first == first).then_some(header)
        });
        match (readable, limit) {
            (Some(header), _) => Ok(header),
            // Nothing in it can be read, but how many commands there were is known.
            (None, Some(_)) => Ok(SegmentHeader::named(name, super::PayloadFormat::Cbor, log)),
            (None, None) => Err(headless()),
        }
    }
}
