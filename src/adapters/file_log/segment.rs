//! One segment: a header, then frames. Knows no commands.

use std::io;

use super::disk::DiskFile;
use super::fault::FrameDamage;
use super::frame::{FRAME_BYTES, FrameHeader, HEADER_BYTES, Salt};
use super::proof::is_proven_synced;
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
    offset: u64,
    next: Sequence,
}

impl Scanner {
    /// Starts at a frame of known place and sequence; looks at the first `end`
    /// bytes only.
    pub(super) fn new(
        file: Box<dyn DiskFile>,
        salt: Salt,
        end: u64,
        offset: u64,
        next: Sequence,
    ) -> Self {
        Self { window: Window::new(file, end), salt, offset: offset.max(HEADER_BYTES), next }
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
        if header.sequence != expected {
            let damage = FrameDamage::Sequence { found: header.sequence };
            return Ok(Scan::Damaged { offset, damage });
        }
        if header.durable >= expected {
            let damage = FrameDamage::Durable { found: header.durable };
            return Ok(Scan::Damaged { offset, damage });
        }
        self.offset = offset + header.frame_bytes() as u64;
        self.next = expected.next();
        Ok(Scan::Record(Record {
            sequence: expected,
            durable: header.durable,
            payload,
            start: offset,
            end: self.offset,
        }))
    }

    /// Whether the next place, which is [damaged](Scan::Damaged), and all behind
    /// it is a write that never finished, if nothing follows this segment.
    pub(super) fn is_torn(&mut self, damage: FrameDamage) -> io::Result<bool> {
        Ok(damage.is_of_bytes()
            && !is_proven_synced(&mut self.window, self.salt, self.offset, self.next)?)
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
