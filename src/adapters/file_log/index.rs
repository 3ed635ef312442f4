//! Where in the log a command is, roughly: a sparse index in memory.

use std::path::PathBuf;

use super::frame::{Contents, HEADER_BYTES, SegmentHeader};
use crate::domain::Sequence;

/// How many bytes of log lie between two marks, about.
const STRIDE_BYTES: u64 = 64 << 10;

/// One retained segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentEntry {
    pub(super) path: PathBuf,
    pub(super) header: SegmentHeader,
    /// Where it starts, in bytes of log from the first segment on that was there when
    /// the log was opened.
    pub(super) base: u64,
}

/// A frame whose place is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The first command that it stands for.
    pub(super) seq: Sequence,
    /// Where it starts, in bytes of log as of a segment.
    pub(super) start: u64,
}

/// The segments and a mark about every 64 KiB. It grows at its end, and is cut at its
/// beginning.
#[derive(Debug)]
pub(super) struct Index {
    first: Sequence,
    /// The last command that a snapshot stands for.
    compacted: Sequence,
    segments: Vec<SegmentEntry>,
    marks: Vec<Mark>,
}

impl Index {
    /// The index of a log whose first retained command is `first`.
    pub(super) fn new(first: Sequence) -> Self {
        Self { first, compacted: Sequence::ZERO, segments: Vec::new(), marks: Vec::new() }
    }

    pub(super) fn first(&self) -> Sequence {
        self.first
    }

    /// The last command that a snapshot stands for; 0 where there is none.
    pub(super) fn compacted(&self) -> Sequence {
        self.compacted
    }

    /// Where the first segment starts.
    pub(super) fn start(&self) -> u64 {
        self.segments.first().map_or(0, |segment| segment.base)
    }

    /// The segments, in order.
    pub(super) fn segments(&self) -> &[SegmentEntry] {
        &self.segments
    }

    /// Leaves out the segments before the one that starts with that command.
    pub(super) fn drop_before(&mut self, first: Sequence) {
        self.segments.retain(|segment| segment.header.first >= first);
        self.marks.retain(|mark| mark.seq >= first);
        self.first = first;
        if first > self.compacted {
            self.compacted = Sequence::ZERO;
        }
    }

    /// Adds a segment behind the others.
    pub(super) fn push_segment(&mut self, entry: SegmentEntry) {
        let first = entry.header.first;
        let start = entry.base + HEADER_BYTES;
        if self.segments.last().is_some_and(|last| last.header.contents == Contents::Snapshot) {
            self.compacted = first.previous();
        }
        if self.segments.is_empty() {
            self.first = first;
        }
        // An empty segment leaves its place to the one that replaces it.
        while self.segments.pop_if(|segment| segment.base >= entry.base).is_some() {}
        while self.marks.pop_if(|mark| mark.start >= start).is_some() {}
        self.segments.push(entry);
        self.marks.push(Mark { seq: first, start });
    }

    /// Notes a frame behind the others, if the last mark is far enough back.
    pub(super) fn note(&mut self, frame: Mark) {
        if self.marks.last().is_none_or(|last| last.start + STRIDE_BYTES <= frame.start) {
            self.marks.push(frame);
        }
    }

    /// The last mark at or before that command.
    pub(super) fn before(&self, seq: Sequence) -> Option<Mark> {
        let behind = self.marks.partition_point(|mark| mark.seq <= seq);
        self.marks.get(behind.checked_sub(1)?).copied()
    }

    /// The last mark whose frame starts at or before that many bytes of log.
    pub(super) fn before_byte(&self, byte: u64) -> Option<Mark> {
        let behind = self.marks.partition_point(|mark| mark.start <= byte);
        self.marks.get(behind.checked_sub(1)?).copied()
    }

    /// The segment that holds that byte of log, and where the next one starts.
    pub(super) fn segment_at(&self, byte: u64) -> Option<(SegmentEntry, Option<u64>)> {
        let behind = self.segments.partition_point(|segment| segment.base <= byte);
        let entry = self.segments.get(behind.checked_sub(1)?)?.clone();
        Some((entry, self.segments.get(behind).map(|next| next.base)))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::adapters::file_log::PayloadFormat;
    use crate::adapters::file_log::frame::Salt;
    use crate::domain::LogId;

    fn entry(base: u64, first: u64) -> SegmentEntry {
        let header = SegmentHeader {
            format: PayloadFormat::Cbor,
            contents: Contents::Commands,
            log: LogId::from_uuid(Uuid::nil()),
            first: Sequence::new(first),
            salt: Salt([0; 4]),
        };
        SegmentEntry { path: base.to_string().into(), header, base }
    }

    fn mark(seq: u64, start: u64) -> Mark {
        Mark { seq: Sequence::new(seq), start }
    }

    #[test]
    fn a_command_is_found_behind_the_last_mark_before_it() {
        let mut index = Index::new(Sequence::FIRST);
        index.push_segment(entry(0, 5));
        index.note(mark(6, 100));
        index.note(mark(700, 44 + STRIDE_BYTES));
        index.push_segment(entry(100_000, 900));
        assert_eq!(index.first(), Sequence::new(5));
        assert_eq!(index.before(Sequence::new(4)), None);
        assert_eq!(index.before(Sequence::new(699)), Some(mark(5, 44)));
        assert_eq!(index.before(Sequence::new(700)), Some(mark(700, 44 + STRIDE_BYTES)));
        assert_eq!(index.before(Sequence::new(5000)), Some(mark(900, 100_044)));
        assert_eq!(index.before_byte(43), None);
        assert_eq!(index.before_byte(100_043), Some(mark(700, 44 + STRIDE_BYTES)));
        assert_eq!(index.segment_at(99_999), Some((entry(0, 5), Some(100_000))));
        assert_eq!(index.segment_at(100_000), Some((entry(100_000, 900), None)));
        index.drop_before(Sequence::new(900));
        assert_eq!((index.first(), index.start()), (Sequence::new(900), 100_000));
        assert_eq!((index.before(Sequence::new(899)), index.segment_at(99_999)), (None, None));
        assert_eq!(index.before(Sequence::new(900)), Some(mark(900, 100_044)));
    }

    #[test]
    fn an_empty_segment_is_replaced() {
        let mut index = Index::new(Sequence::FIRST);
        index.push_segment(entry(0, 1));
        index.push_segment(entry(500, 9));
        index.push_segment(entry(500, 9));
        assert_eq!(index.segment_at(600), Some((entry(500, 9), None)));
        assert_eq!(index.before(Sequence::new(9)), Some(mark(9, 544)));
        assert_eq!(index.segment_at(0), Some((entry(0, 1), Some(500))));
    }
}
