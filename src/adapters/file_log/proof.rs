//! Whether a bad frame was complete once.

use std::collections::BTreeMap;
use std::io;

use super::frame::{FRAME_BYTES, FrameHeader, Salt};
use super::window::Window;
use crate::domain::Sequence;

/// Whether an intact frame behind the damaged one says that the damaged one, of
/// the command `expected`, had been synced. Later frames alone prove nothing:
/// the pages of one unsynced write reach the disk in any order.
///
/// Such a frame may start at every byte, and a client may fill a note with what
/// looks like the start of one. So the frames that are claimed overlap, and each
/// byte is still read once only: the checksum of a stretch follows from that of
/// everything up to its start and up to its end.
pub(super) fn is_proven_synced(
    window: &mut Window,
    salt: Salt,
    damaged: u64,
    expected: Sequence,
) -> io::Result<bool> {
    let mut claims = Claims::default();
    let end = window.end();
    for offset in damaged + 1..=end {
        if claims.are_met_at(offset) {
            return Ok(true);
        }
        let len = (end - offset).min(FRAME_BYTES as u64) as usize;
        let Some((next, bytes)) = window.bytes(offset, len)?.and_then(|b| Some((*b.first()?, b)))
        else {
            break;
        };
        // No more frames than fit lie between.
        let most = expected.get().saturating_add((offset - damaged) / FRAME_BYTES as u64 + 1);
        let claimed = FrameHeader::parse(bytes).filter(|header| {
            header.has_valid_length()
                && header.durable >= expected
                && header.sequence > header.durable
                && header.sequence.get() <= most
                && header.frame_bytes() as u64 <= end - offset
        });
        if let Some(header) = claimed {
            claims.add(offset, &header, salt);
        }
        claims.pass(next);
    }
    Ok(false)
}

/// The frames that were claimed and have not ended yet.
#[derive(Default)]
struct Claims {
    /// The checksum of the bytes passed since there are claims.
    running: u32,
    /// What it must be where a claimed frame ends, if that is intact.
    at_end: BTreeMap<u64, Vec<u32>>,
}

impl Claims {
    fn add(&mut self, offset: u64, header: &FrameHeader, salt: Salt) {
        let end = offset + header.frame_bytes() as u64;
        let checksum = header.running_checksum_at_end(salt, self.running);
        self.at_end.entry(end).or_default().push(checksum);
    }

    fn are_met_at(&mut self, offset: u64) -> bool {
        self.at_end.remove(&offset).is_some_and(|checksums| checksums.contains(&self.running))
    }

    fn pass(&mut self, byte: u8) {
        if !self.at_end.is_empty() {
            self.running = crc32c::crc32c_append(self.running, &[byte]);
        }
    }
}
