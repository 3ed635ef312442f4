//! One segment: a header, then frames. Knows no commands.

use std::io;

use super::disk::DiskFile;
use super::fault::FrameDamage;
use super::frame::{Contents, FRAME_BYTES, FrameHeader, HEADER_BYTES, Salt, SegmentHeader};
use super::proof::is_proven_synced;
use super::window::Window;
use crate::domain::Sequence;

/// What stands at the next place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scan<'a> {
    /// The frame that belongs there, intact.
    Record(Record<'a>),
    /// Nothing: the segment ends with the frame before.
    End,
    /// Something else.
    Damaged {
        /// Where it starts.
        offset: u64,
        /// What is wrong with it.
        damage: FrameDamage,
    },
}

/// An intact frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The first sequence that it stands for; its own, but in a snapshot.
    pub(super) first: Sequence,
    pub(super) sequence: Sequence,
    /// The last sequence that was synced when this was written.
    pub(super) durable: Sequence,
    pub(super) payload: &'a [u8],
    /// Where the frame starts in its segment.
    pub(super) start: u64,
    /// Where it ends.
    pub(super) end: u64,
}

/// Reads a segment frame by frame, checking each.
pub(super) struct Scanner {
    window: Window,
    salt: Salt,
    contents: Contents,
    offset: u64,
    next: Sequence,
}

impl Scanner {
    /// Starts at a frame of known place, and the sequence that comes next there;
    /// looks at the first `end` bytes only.
    pub(super) fn new(
        file: Box<dyn DiskFile>,
        segment: &SegmentHeader,
        end: u64,
        offset: u64,
        next: Sequence,
    ) -> Self {
        let SegmentHeader { salt, contents, .. } = *segment;
        let (window, offset) = (Window::new(file, end), offset.max(HEADER_BYTES));
        Self { window, salt, contents, offset, next }
    }

    /// What stands at the next place. After anything but a record, the same
    /// again.
    pub(super) fn step(&mut self) -> io::Result<Scan<'_>> {
        let (offset, expected) = (self.offset, self.next);
        if offset >= self.window.end() {
            return Ok(Scan::End);
        }
        let (header, payload) = match frame_at(&mut self.window, self.salt, offset)? {
            Ok(frame) => frame,
            Err(damage) => return Ok(Scan::Damaged { offset, damage }),
        };
        if let Some(damage) = header.misplaced(self.contents, expected) {
            return Ok(Scan::Damaged { offset, damage });
        }
        let FrameHeader { sequence, durable, .. } = header;
        self.offset = offset + header.frame_bytes() as u64;
        self.next = sequence.next();
        Ok(Scan::Record(Record {
            first: expected,
            sequence,
            durable,
            payload,
            start: offset,
            end: self.offset,
        }))
    }

    /// Whether the next place, which is [damaged](Scan::Damaged), and all behind
    /// it is a write that never finished, if nothing follows this segment.
    pub(super) fn is_torn(&mut self, damage: FrameDamage) -> io::Result<bool> {
        // A snapshot gets its name when all of it was synced.
        Ok(self.contents == Contents::Commands
            && damage.is_of_bytes()
            && !is_proven_synced(&mut self.window, self.salt, self.offset, self.next)?)
    }
}

impl FrameHeader {
    /// The first sequence that the frame stands for, in a segment of those
    /// contents.
    pub(super) fn first(&self, contents: Contents) -> Sequence {
        match contents {
            Contents::Commands => self.sequence,
            Contents::Snapshot => self.durable.next(),
        }
    }

    /// What is wrong with an intact frame where that sequence comes next.
    fn misplaced(&self, contents: Contents, expected: Sequence) -> Option<FrameDamage> {
        if self.first(contents) != expected {
            Some(FrameDamage::Sequence { found: self.sequence })
        } else if self.durable >= self.sequence {
            Some(FrameDamage::Durable { found: self.durable })
        } else {
            None
        }
    }
}

/// The frame that starts there with its payload, if an intact one does.
fn frame_at(
    window: &mut Window,
    salt: Salt,
    offset: u64,
) -> io::Result<Result<(FrameHeader, &[u8]), FrameDamage>> {
    let fixed = window.bytes(offset, FRAME_BYTES)?;
    let Some(header) = fixed.and_then(FrameHeader::parse) else {
        return Ok(Err(FrameDamage::CutShort));
    };
    if !header.has_valid_length() {
        return Ok(Err(FrameDamage::Length { found: header.payload_bytes }));
    }
    let Some(frame) = window.bytes(offset, header.frame_bytes())? else {
        return Ok(Err(FrameDamage::CutShort));
    };
    let payload = header.verified_payload(salt, frame).ok_or(FrameDamage::Checksum);
    Ok(payload.map(|payload| (header, payload)))
}
