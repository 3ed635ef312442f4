//! The bytes of segment headers and frames. Knows no files.

use uuid::Uuid;

use super::PayloadFormat;
use crate::domain::{LogId, Sequence};

/// The first bytes of every segment.
const MAGIC: [u8; 8] = *b"DAYBOOK\0";
/// The format version that this build writes, and the only one it reads.
const VERSION: u16 = 1;
/// The size of a segment header.
pub(super) const HEADER_BYTES: u64 = 44;
/// The size of a frame without its payload.
pub(super) const FRAME_BYTES: usize = 24;
/// The largest payload of one frame: 1 MiB.
pub const MAX_PAYLOAD_BYTES: u32 = 1 << 20;

/// What the checksums of the frames of a segment start with. It is drawn for each
/// segment and told to nobody, so that no client can put into a note what passes
/// for a frame of the segment that the note will be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Salt(pub(super) [u8; 4]);

impl Salt {
    /// From the random source of the system: it must not be guessed.
    fn random() -> Self {
        // The last 64 bits of such an id are random but for the first two.
        Self((Uuid::new_v4().as_u128() as u32).to_le_bytes())
    }

    /// The checksum of the salt and the size of a payload.
    fn checksum(self, payload_bytes: u32) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&self.0), &payload_bytes.to_le_bytes())
    }
}

/// What the first bytes of a segment say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) format: PayloadFormat,
    pub(super) contents: Contents,
    pub(super) log: LogId,
    pub(super) first: Sequence,
    pub(super) salt: Salt,
}

/// What the frames of a segment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// One for each command, as it was submitted.
    Commands,
    /// What is left of commands that were compacted: a frame stands for all of
    /// them from the one after its `durable` to its sequence.
    Snapshot,
}

impl Contents {
    /// Its number in a segment header.
    fn number(self) -> u8 {
        match self {
            Self::Commands => 0,
            Self::Snapshot => 1,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        [Self::Commands, Self::Snapshot].into_iter().find(|c| c.number() == number)
    }
}

/// Why the first bytes of a segment are not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderDamage {
    /// There are fewer bytes than a header has.
    #[error("the segment is shorter than its header")]
    CutShort,
    /// They do not start with the magic bytes.
    #[error("the segment does not start with the magic bytes")]
    Magic,
    /// The checksum does not match.
    #[error("the checksum of the segment header is wrong")]
    Checksum,
    /// Another version of the format, written by a newer Daybook.
    #[error("format version {found} is unknown to this build, which reads version {VERSION}")]
    UnknownVersion {
        /// The version.
        found: u16,
    },
    /// A payload format that this build does not read.
    #[error("payload format {found} is unknown to this build")]
    UnknownPayloadFormat {
        /// Its number.
        found: u8,
    },
    /// Contents that this build does not read.
    #[error("contents {found} are unknown to this build")]
    UnknownContents {
        /// Their number.
        found: u8,
    },
}

impl HeaderDamage {
    /// Whether the header is intact, but of a segment that a newer Daybook
    /// wrote.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        match self {
            Self::CutShort | Self::Magic | Self::Checksum => false,
            Self::UnknownVersion { .. }
            | Self::UnknownPayloadFormat { .. }
            | Self::UnknownContents { .. } => true,
        }
    }
}

impl SegmentHeader {
    /// The header of a new segment of commands.
    pub(super) fn new(format: PayloadFormat, log: LogId, first: Sequence) -> Self {
        Self { format, contents: Contents::Commands, log, first, salt: Salt::random() }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES as usize);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.push(self.format.number());
        bytes.push(self.contents.number());
        bytes.extend_from_slice(self.log.as_uuid().as_bytes());
        bytes.extend_from_slice(&self.first.get().to_le_bytes());
        bytes.extend_from_slice(&self.salt.0);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Reads a header from the first bytes of a segment.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeaderDamage> {
        Self::fields(bytes).unwrap_or(Err(HeaderDamage::CutShort))
    }

    /// `None` where the bytes end early.
    fn fields(bytes: &[u8]) -> Option<Result<Self, HeaderDamage>> {
        let protected = bytes.get(..HEADER_BYTES as usize - 4)?;
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk::<2>()?;
        let ([format, contents], rest) = rest.split_first_chunk::<2>()?;
        let (log, rest) = rest.split_first_chunk::<16>()?;
        let (first, rest) = rest.split_first_chunk::<8>()?;
        let (salt, rest) = rest.split_first_chunk::<4>()?;
        let (checksum, _) = rest.split_first_chunk::<4>()?;
        let version = u16::from_le_bytes(*version);
        Some(if *magic != MAGIC {
            Err(HeaderDamage::Magic)
        } else if crc32c::crc32c(protected) != u32::from_le_bytes(*checksum) {
            Err(HeaderDamage::Checksum)
        } else if version != VERSION {
            Err(HeaderDamage::UnknownVersion { found: version })
        } else {
            match (PayloadFormat::from_number(*format), Contents::from_number(*contents)) {
                (Some(format), Some(contents)) => Ok(Self {
                    format,
                    contents,
                    log: LogId::from_uuid(Uuid::from_bytes(*log)),
                    first: Sequence::new(u64::from_le_bytes(*first)),
                    salt: Salt(*salt),
                }),
                (None, _) => Err(HeaderDamage::UnknownPayloadFormat { found: *format }),
                (_, None) => Err(HeaderDamage::UnknownContents { found: *contents }),
            }
        })
    }
}

/// The fixed part of a frame, as it was read: proven by
/// [`protects`](Self::protects) only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) payload_bytes: u32,
    checksum: u32,
    pub(super) sequence: Sequence,
    pub(super) durable: Sequence,
}

impl FrameHeader {
    /// Reads the fixed part from the first bytes of a frame; `None` when there
    /// are too few.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (payload_bytes, rest) = bytes.split_first_chunk::<4>()?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (durable, _) = rest.split_first_chunk::<8>()?;
        Some(Self {
            payload_bytes: u32::from_le_bytes(*payload_bytes),
            checksum: u32::from_le_bytes(*checksum),
            sequence: Sequence::new(u64::from_le_bytes(*sequence)),
            durable: Sequence::new(u64::from_le_bytes(*durable)),
        })
    }

    /// Whether the length is one that a frame can have. Zeros never are a frame.
    pub(super) fn has_valid_length(&self) -> bool {
        (1..=MAX_PAYLOAD_BYTES).contains(&self.payload_bytes)
    }

    /// The size of the whole frame.
    pub(super) fn frame_bytes(&self) -> usize {
        FRAME_BYTES + self.payload_bytes as usize
    }

    /// The payload of the frame, whose bytes these are; `None` when the checksum
    /// does not match.
    pub(super) fn verified_payload<'a>(&self, salt: Salt, frame: &'a [u8]) -> Option<&'a [u8]> {
        let protected = frame.get(8..)?;
        let checksum = crc32c::crc32c_append(salt.checksum(self.payload_bytes), protected);
        if checksum == self.checksum { frame.get(FRAME_BYTES..) } else { None }
    }

    /// What a checksum that runs over the file comes to at the end of this frame
    /// if the frame is intact; it stands at `running` where the frame starts.
    pub(super) fn running_checksum_at_end(&self, salt: Salt, running: u32) -> u32 {
        let unprotected = [self.payload_bytes.to_le_bytes(), self.checksum.to_le_bytes()];
        let running = crc32c::crc32c_append(running, unprotected.as_flattened());
        // Checksums are linear: two that go over the same bytes differ at the
        // end by what their difference at the start becomes on that way.
        let difference = running ^ salt.checksum(self.payload_bytes);
        crc32c::crc32c_combine(difference, self.checksum, self.frame_bytes() - 8)
    }
}

/// Appends a frame to a buffer. The payload has 1 to [`MAX_PAYLOAD_BYTES`] bytes.
pub(super) fn push_frame(
    buffer: &mut Vec<u8>,
    salt: Salt,
    sequence: Sequence,
    durable: Sequence,
    payload: &[u8],
) {
    let payload_bytes = payload.len() as u32;
    let sequence = sequence.get().to_le_bytes();
    let durable = durable.get().to_le_bytes();
    let checksum = [&sequence[..], &durable[..], payload]
        .into_iter()
        .fold(salt.checksum(payload_bytes), crc32c::crc32c_append);
    buffer.extend_from_slice(&payload_bytes.to_le_bytes());
    buffer.extend_from_slice(&checksum.to_le_bytes());
    buffer.extend_from_slice(&sequence);
    buffer.extend_from_slice(&durable);
    buffer.extend_from_slice(payload);
}

/// The header of which one bit was flipped.
pub(super) fn one_bit_off(
    bytes: &[u8],
    first: Sequence,
    log: Option<LogId>,
) -> Option<SegmentHeader> {
    let mut header = bytes.get(..HEADER_BYTES as usize)?.to_vec();
    (0..header.len() * 8).find_map(|bit| {
        let flip = |header: &mut Vec<u8>| {
            header.iter_mut().skip(bit / 8).take(1).for_each(|byte| *byte ^= 1 << (bit % 8));
        };
        flip(&mut header);
        let found = SegmentHeader::decode(&header).ok();
        flip(&mut header);
        found.filter(|found| found.first == first && log.is_none_or(|log| log == found.log))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt([0x0a, 0x0b, 0x0c, 0x0d]);

    fn header() -> SegmentHeader {
        SegmentHeader {
            format: PayloadFormat::Cbor,
            contents: Contents::Commands,
            log: LogId::from_uuid(Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff)),
            first: Sequence::new(0x0102_0304_0506_0708),
            salt: SALT,
        }
    }

    #[test]
    fn the_bytes_of_a_segment_header_are_these() {
        #[rustfmt::skip]
        let expected = [
            b'D', b'A', b'Y', b'B', b'O', b'O', b'K', 0,
            1, 0,
            2,
            0,
            0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
            0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
            8, 7, 6, 5, 4, 3, 2, 1,
            0x0a, 0x0b, 0x0c, 0x0d,
            0xf5, 0xc7, 0xbb, 0xe7,
        ];
        assert_eq!(header().encode(), expected);
        assert_eq!(SegmentHeader::decode(&expected), Ok(header()));
    }

    #[test]
    fn the_bytes_of_a_frame_are_these() {
        let mut bytes = Vec::new();
        push_frame(&mut bytes, SALT, Sequence::new(258), Sequence::new(257), b"abc");
        #[rustfmt::skip]
        let expected = [
            3, 0, 0, 0,
            0xc4, 0x2c, 0x03, 0x06,
            2, 1, 0, 0, 0, 0, 0, 0,
            1, 1, 0, 0, 0, 0, 0, 0,
            b'a', b'b', b'c',
        ];
        assert_eq!(bytes, expected);
        let header = FrameHeader::parse(&bytes).unwrap();
        assert_eq!(header.verified_payload(SALT, &bytes), Some(&b"abc"[..]));
        assert_eq!(header.verified_payload(Salt([0; 4]), &bytes), None);
        assert_eq!((header.sequence.get(), header.durable.get()), (258, 257));
    }

    #[test]
    fn a_header_with_any_bit_flipped_is_refused() {
        let bytes = header().encode();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&flipped).is_err(), "bit {bit}");
        }
        for bytes_left in 0..bytes.len() {
            let cut = SegmentHeader::decode(&bytes[..bytes_left]);
            assert_eq!(cut, Err(HeaderDamage::CutShort));
        }
    }

    #[test]
    fn an_unknown_version_or_payload_format_is_named() {
        let resealed = |place: usize, value: u8| {
            let mut bytes = header().encode();
            bytes[place] = value;
            let checksum = crc32c::crc32c(&bytes[..40]).to_le_bytes();
            bytes[40..].copy_from_slice(&checksum);
            SegmentHeader::decode(&bytes)
        };
        assert_eq!(resealed(8, 2), Err(HeaderDamage::UnknownVersion { found: 2 }));
        assert_eq!(resealed(10, 5), Err(HeaderDamage::UnknownPayloadFormat { found: 5 }));
        assert_eq!(resealed(10, 0), Err(HeaderDamage::UnknownPayloadFormat { found: 0 }));
        assert_eq!(resealed(11, 2), Err(HeaderDamage::UnknownContents { found: 2 }));
        let snapshot = SegmentHeader { contents: Contents::Snapshot, ..header() };
        assert_eq!(resealed(11, 1), Ok(snapshot));
    }
}
