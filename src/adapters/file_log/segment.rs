//! One segment: a header, then frames. Knows no commands.

use std::io;

use super::disk::DiskFile;
use super::fault::FrameDamage;
use super::frame::{FRAME_BYTES, FrameHeader, HEADER_BYTES};
use super::window::Window;
use crate::domain::Sequence;

/// The name of the segment that starts with that sequence.
pub(super) fn file_name(first: Sequence) -> String {
    format!("{:020}.log", first.get())
}

/// The first sequence of the segment of that name; `None` when the name is not
/// that of a segment.
pub(super) fn parse_file_name(name: &str) -> Option<Sequence> {
    let number = name.strip_suffix(".log")?.parse().ok()?;
    let first = Sequence::new(number);
    (number >= 1 && file_name(first) == name).then_some(first)
}

/// What stands at the next place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scan<'a> {
    /// The frame that belongs there, intact.
    Record(Record<'a>),
    /// Nothing: the segment ends with the frame before.
    End,
    /// Bytes to the end of the segment that no intact frame proves to have been
    /// synced: a write that never finished.
    TornTail {
        /// Where they start.
        offset: u64,
        /// How many there are.
        bytes: u64,
    },
    /// A frame that is damaged although it was complete once: it is followed by
    /// proof of that, or the segment is sealed, or it is another frame.
    Corrupt {
        /// Where it starts.
        offset: u64,
        /// What is wrong with it.
        damage: FrameDamage,
    },
}

/// An intact frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) sequence: Sequence,
    /// The last sequence that was synced when this was written.
    pub(super) durable: Sequence,
    pub(super) payload: &'a [u8],
    /// Where the frame starts in its segment.
    pub(super) start: u64,
    /// Where it ends.
    pub(super) end: u64,
}

/// Whether a segment may end with an unfinished write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It was synced to its end: before the segment after it was made, or up to
    /// where it is looked at.
    Sealed,
    /// It is the last of the log.
    Last,
}

/// Reads a segment frame by frame, checking each.
pub(super) struct Scanner {
    window: Window,
    role: Role,
    offset: u64,
    next: Sequence,
}

impl Scanner {
    /// Starts at a frame of known place and sequence; looks at the first `end`
    /// bytes only.
    pub(super) fn new(
        file: Box<dyn DiskFile>,
        end: u64,
        role: Role,
        offset: u64,
        next: Sequence,
    ) -> Self {
        Self { window: Window::new(file, end), role, offset: offset.max(HEADER_BYTES), next }
    }

    /// What stands at the next place. After anything but a record, the same
    /// again.
    pub(super) fn step(&mut self) -> io::Result<Scan<'_>> {
        let (offset, expected) = (self.offset, self.next);
        if offset >= self.window.end() {
            return Ok(Scan::End);
        }
        let header = match self.frame_at(offset)? {
            Ok(header) => header,
            Err(damage) => return self.damaged(offset, damage),
        };
        if header.sequence != expected {
            // Intact, so it was not torn while it was written.
            let damage = FrameDamage::Sequence { found: header.sequence };
            return Ok(Scan::Corrupt { offset, damage });
        }
        if header.durable >= expected {
            let damage = FrameDamage::Durable { found: header.durable };
            return Ok(Scan::Corrupt { offset, damage });
        }
        self.offset = offset + header.frame_bytes() as u64;
        self.next = expected.next();
        let payload = self.window.bytes(offset, header.frame_bytes())?;
        Ok(Scan::Record(Record {
            sequence: expected,
            durable: header.durable,
            payload: payload.and_then(|frame| frame.get(FRAME_BYTES..)).unwrap_or_default(),
            start: offset,
            end: self.offset,
        }))
    }

    /// The frame that starts there, if an intact one does.
    fn frame_at(&mut self, offset: u64) -> io::Result<Result<FrameHeader, FrameDamage>> {
        let fixed = self.window.bytes(offset, FRAME_BYTES)?;
        let Some(header) = fixed.and_then(FrameHeader::parse) else {
            return Ok(Err(FrameDamage::CutShort));
        };
        if !header.has_valid_length() {
            return Ok(Err(FrameDamage::Length { found: header.payload_bytes }));
        }
        Ok(match self.window.bytes(offset, header.frame_bytes())? {
            None => Err(FrameDamage::CutShort),
            Some(frame) if header.protects(frame) => Ok(header),
            Some(_) => Err(FrameDamage::Checksum),
        })
    }

    fn damaged(&mut self, offset: u64, damage: FrameDamage) -> io::Result<Scan<'_>> {
        if self.role == Role::Sealed || self.is_proven_synced(offset)? {
            return Ok(Scan::Corrupt { offset, damage });
        }
        Ok(Scan::TornTail { offset, bytes: self.window.end() - offset })
    }

    /// Whether an intact frame behind a damaged one says that the damaged one
    /// had been synced. Later frames alone prove nothing: the pages of one
    /// unsynced write reach the disk in any order.
    fn is_proven_synced(&mut self, damaged: u64) -> io::Result<bool> {
        let expected = self.next;
        let mut offset = damaged + 1;
        while let Some(fixed) = self.window.bytes(offset, FRAME_BYTES)? {
            let Some(header) = FrameHeader::parse(fixed) else { break };
            // No more frames than fit lie between, so that chance and what
            // clients write into notes seldom look like a frame.
            let most = expected.get().saturating_add((offset - damaged) / FRAME_BYTES as u64 + 1);
            let is_candidate = header.has_valid_length()
                && header.durable >= expected
                && header.sequence > header.durable
                && header.sequence.get() <= most;
            if is_candidate && self.frame_at(offset)?.is_ok() {
                return Ok(true);
            }
            offset += 1;
        }
        Ok(false)
    }
}
