//! Writing the commands of one log into another folder, in one payload format.

use std::path::{Path, PathBuf};

use super::creation::create_named;
use super::disk::{Disk, DiskFile, write_all_at};
use super::failure::Failure;
use super::fault::Fault;
use super::frame::{HEADER_BYTES, SegmentHeader, push_frame};
use super::name::SegmentName;
use super::retention::tell_start;
use super::survey::{Segment, Visit};
use super::{MAX_PAYLOAD_BYTES, PayloadFormat};
use crate::domain::{LogId, Sequence, Submission};

/// So much is written at a time.
const WRITE_BYTES: usize = 1 << 20;

/// A copy of a log in the making. It has the log id, the sequences and the
/// segments of the original. Nothing may take it for a log before
/// [`finish`](Self::finish): frames say that all before them was synced, which
/// is true from then on.
pub(crate) struct LogCopy<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    format: PayloadFormat,
    segment: Option<SegmentCopy>,
    /// The sequence after the last one that was taken.
    next: Sequence,
}

/// Why a log could not be copied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CopyError {
    /// A payload of the original cannot be read.
    #[error("the command log is damaged: {0}")]
    Damaged(Fault),
    /// The other format needs more room than a frame has.
    #[error(
        "command {sequence} takes {bytes} bytes in {format}, and a frame holds {MAX_PAYLOAD_BYTES}"
    )]
    TooLarge { sequence: Sequence, format: PayloadFormat, bytes: usize },
    /// The copy could not be written.
    #[error("{0}")]
    Disk(String),
}

impl From<Failure> for CopyError {
    fn from(failure: Failure) -> Self {
        Self::Disk(failure.to_string())
    }
}

impl<'a> LogCopy<'a> {
    /// A copy in that folder, which is there and empty.
    pub(crate) fn new(disk: &'a dyn Disk, dir: &'a Path, format: PayloadFormat) -> Self {
        Self { disk, dir, format, segment: None, next: Sequence::ZERO }
    }

    /// Writes a command of the original; one that was taken already is left out.
    pub(crate) fn take(&mut self, visit: &Visit<'_>) -> Result<(), CopyError> {
        let sequence = visit.sequence();
        if sequence < self.next {
            return Ok(());
        }
        let submission = visit.submission().map_err(CopyError::Damaged)?;
        self.push(visit.segment.log(), visit.segment.name, visit.first(), sequence, &submission)
    }

    /// Writes what stands for the commands from `first` to `sequence` into that
    /// segment of that log.
    pub(super) fn push(
        &mut self,
        log: LogId,
        segment: SegmentName,
        first: Sequence,
        sequence: Sequence,
        submission: &Submission,
    ) -> Result<(), CopyError> {
        self.segment_for(log, segment)?.push(first, sequence, submission)?;
        self.next = sequence.next();
        Ok(())
    }

    /// Makes that segment, without commands.
    pub(super) fn start(&mut self, log: LogId, segment: SegmentName) -> Result<(), CopyError> {
        self.segment_for(log, segment).map(|_| ())
    }

    /// The size of the segment that was written to last.
    pub(super) fn segment_bytes(&self) -> u64 {
        self.segment.as_ref().map_or(0, |s| s.offset + s.buffer.len() as u64)
    }

    /// Ends the copy of those segments. After `Ok` all of it survives a power
    /// loss.
    pub(crate) fn finish(mut self, segments: &[Segment]) -> Result<(), CopyError> {
        // Only the last one can be without commands, and was not met then.
        if let Some(last) = segments.last().filter(|last| last.first() >= self.next) {
            self.segment_for(last.log(), last.name)?;
        }
        self.segment.take().map_or(Ok(0), SegmentCopy::finish)?;
        match segments.first().map(Segment::first) {
            Some(first) if first > Sequence::FIRST => Ok(tell_start(self.disk, self.dir, first)?),
            _ => Ok(()),
        }
    }

    fn segment_for(
        &mut self,
        log: LogId,
        name: SegmentName,
    ) -> Result<&mut SegmentCopy, CopyError> {
        let segment = match self.segment.take() {
            Some(segment) if segment.name == name => segment,
            before => {
                before.map_or(Ok(0), SegmentCopy::finish)?;
                let header = SegmentHeader::named(name, self.format, log);
                let (path, file) = create_named(self.disk, self.dir, name, &header)?;
                SegmentCopy::new(path, file, name, header)
            }
        };
        Ok(self.segment.insert(segment))
    }
}

/// A segment in the making, of which all is synced before anyone reads it.
pub(super) struct SegmentCopy {
    pub(super) path: PathBuf,
    file: Box<dyn DiskFile>,
    name: SegmentName,
    header: SegmentHeader,
    /// Where the buffer belongs.
    offset: u64,
    buffer: Vec<u8>,
}

impl SegmentCopy {
    /// The segment that is made in that file, whose header is written.
    pub(super) fn new(
        path: PathBuf,
        file: Box<dyn DiskFile>,
        name: SegmentName,
        header: SegmentHeader,
    ) -> Self {
        Self { path, file, name, header, offset: HEADER_BYTES, buffer: Vec::new() }
    }

    /// Writes what stands for the commands from `first` to `sequence`.
    pub(super) fn push(
        &mut self,
        first: Sequence,
        sequence: Sequence,
        submission: &Submission,
    ) -> Result<(), CopyError> {
        let format = self.header.format;
        let payload =
            format.encode(submission).map_err(|error| CopyError::Disk(error.to_string()))?;
        if payload.len() > MAX_PAYLOAD_BYTES as usize {
            return Err(CopyError::TooLarge { sequence, format, bytes: payload.len() });
        }
        push_frame(&mut self.buffer, self.header.salt, sequence, first.previous(), &payload);
        if self.buffer.len() >= WRITE_BYTES {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Failure> {
        write_all_at(&*self.file, &self.buffer, self.offset)
            .map_err(Failure::of("writing to", &self.path))?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Syncs it. Returns its size.
    pub(super) fn finish(mut self) -> Result<u64, Failure> {
        self.write()?;
        self.file.sync_all().map_err(Failure::of("syncing", &self.path))?;
        Ok(self.offset)
    }
}
