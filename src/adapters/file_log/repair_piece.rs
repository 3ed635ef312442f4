//! The segments that a repair finds and makes.

use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::disk::{Disk, read_full_at, write_all_at};
use super::failure::Failure;
use super::fault::{FrameDamage, ReadFault};
use super::frame::{Contents, FRAME_BYTES, FrameHeader, SegmentHeader, push_frame};
use super::repair::RepairError;
use super::segment::Scanner;
use crate::domain::{Command, Sequence, Submission};

/// A segment as it was found, and as it shall be.
pub(super) struct Piece {
    pub(super) path: PathBuf,
    pub(super) header: SegmentHeader,
    pub(super) found: Vec<u8>,
    pub(super) made: Vec<u8>,
    pub(super) next: Sequence,
    pub(super) is_changed: bool,
}

impl Piece {
    /// Puts a word for each command in the place of those before `upto`; one for
    /// all of them in a snapshot.
    pub(super) fn lose(&mut self, upto: Sequence, now: DateTime<Utc>) -> Result<(), RepairError> {
        let SegmentHeader { format, salt, contents, .. } = self.header;
        let payload = format.encode(&Submission::of_the_log(now, Command::Lost));
        let payload = payload.map_err(|error| RepairError::Io(error.to_string()))?;
        while self.next < upto {
            let last = match contents {
                Contents::Commands => self.next,
                Contents::Snapshot => upto.previous(),
            };
            push_frame(&mut self.made, salt, last, self.next.previous(), &payload);
            self.next = last.next();
        }
        self.is_changed = true;
        Ok(())
    }
}

/// Whether a start takes what is at that place of the last segment for a write
/// that never finished.
pub(super) fn is_torn(
    disk: &dyn Disk,
    piece: &Piece,
    at: usize,
    end: usize,
    damage: FrameDamage,
) -> Result<bool, RepairError> {
    let path = &piece.path;
    let file = disk.open_read(path).map_err(unread(path))?;
    let mut scanner = Scanner::new(file, &piece.header, end as u64, at as u64, piece.next);
    scanner.is_torn(damage).map_err(unread(path))
}

/// An intact frame.
#[derive(Clone, Copy)]
pub(super) struct IntactFrame {
    /// The first sequence that it stands for.
    pub(super) first: Sequence,
    pub(super) sequence: Sequence,
    /// Its size.
    pub(super) bytes: usize,
}

/// The frame that starts there, if its checksum holds and its payload can be read.
pub(super) fn intact_frame(
    bytes: &[u8],
    at: usize,
    header: &SegmentHeader,
) -> Result<IntactFrame, FrameDamage> {
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
        Ok(_) => {
            let (first, sequence) = (frame.first(header.contents), frame.sequence);
            Ok(IntactFrame { first, sequence, bytes: whole.len() })
        }
        Err(_) => Err(FrameDamage::Payload),
    }
}

pub(super) fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, RepairError> {
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
pub(super) fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), RepairError> {
    let file = disk.create(path).map_err(Failure::of("creating", path))?;
    write_all_at(&*file, bytes, 0).map_err(Failure::of("writing to", path))?;
    Ok(file.sync_all().map_err(Failure::of("syncing", path))?)
}
