//! Damage, and where it is.

use std::io;
use std::path::PathBuf;

use super::codec::CodecError;
use super::frame::{HeaderDamage, MAX_PAYLOAD_BYTES};
use crate::domain::{LogId, Sequence};

/// A place in the log that is not as Daybook left it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} at byte {offset}: {damage}", file.display())]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// Where in it, in bytes from its start.
    pub offset: u64,
    /// What is wrong there.
    pub damage: Damage,
}

/// What is wrong with a place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The segment header cannot be read.
    #[error(transparent)]
    Header(#[from] HeaderDamage),
    /// The segment belongs to another log than those before it.
    #[error("the segment belongs to log {found}, the ones before it to log {expected}")]
    OtherLog {
        /// The log of the earlier segments.
        expected: LogId,
        /// The log of this one.
        found: LogId,
    },
    /// The segment header and the name of the file disagree.
    #[error("the segment starts with command {found}, which is not what its name says")]
    OtherName {
        /// The first sequence, as the header says.
        found: Sequence,
    },
    /// The segment header and the name of the file disagree about what it holds.
    #[error("the name of the segment says whether it is a snapshot, and its header says otherwise")]
    OtherContents,
    /// The segments before this one end too early or too late, or one of them
    /// is missing.
    #[error("the segment starts with command {found}, but {expected} comes next")]
    Gap {
        /// The sequence that comes next.
        expected: Sequence,
        /// The first sequence of this segment.
        found: Sequence,
    },
    /// A segment that was there is missing, and so are all behind it.
    #[error("the segment that starts with command {expected} is missing")]
    NoSegment {
        /// Where it starts.
        expected: Sequence,
    },
    /// The segment is another than the one that this process appended to.
    #[error("the segment is not the one that was appended to before")]
    Replaced,
    /// A frame that was complete once is not any more.
    #[error("{damage}, where command {expected} was logged")]
    Frame {
        /// The sequence that should stand here.
        expected: Sequence,
        /// What is wrong.
        damage: FrameDamage,
    },
    /// The frame is intact, but not its contents.
    #[error(transparent)]
    Payload(#[from] CodecError),
}

impl Damage {
    /// Whether nothing is wrong but the age of this build.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        matches!(self, Self::Header(header) if header.is_newer())
    }
}

/// Why the bytes at a place are not the frame that belongs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameDamage {
    /// The segment ends before the frame does.
    #[error("the segment ends within a frame")]
    CutShort,
    /// The length is 0 or larger than a payload can be.
    #[error("a frame has a payload of {found} bytes, not of 1 to {MAX_PAYLOAD_BYTES}")]
    Length {
        /// What the frame says.
        found: u32,
    },
    /// The checksum does not match.
    #[error("the checksum of a frame is wrong")]
    Checksum,
    /// The frame is intact, but of another command.
    #[error("a frame holds command {found}")]
    Sequence {
        /// Its sequence.
        found: Sequence,
    },
    /// The frame is intact, but its contents cannot be read.
    #[error("the contents of a frame cannot be read")]
    Payload,
    /// The frame claims that it was synced before it was written.
    #[error("a frame says that command {found} was synced before it was written")]
    Durable {
        /// What the frame says.
        found: Sequence,
    },
}

impl FrameDamage {
    /// Whether the bytes are no frame. A frame that is intact, but not the one
    /// that belongs there, was not torn while it was written.
    pub(super) fn is_of_bytes(self) -> bool {
        match self {
            Self::CutShort | Self::Length { .. } | Self::Checksum => true,
            Self::Sequence { .. } | Self::Payload | Self::Durable { .. } => false,
        }
    }
}

/// Why the log could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// The log is damaged.
    #[error(transparent)]
    Damaged(#[from] Fault),
    /// The system could not read. That says nothing about the log.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ReadFault {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
