//! Where in the log a command is, roughly: a sparse index in memory.

use std::path::PathBuf;

use super::PayloadFormat;
use super::frame::{HEADER_BYTES, Salt};
use crate::domain::Sequence;

/// How many bytes of log lie between two marks, about.
const STRIDE_BYTES: u64 = 64 << 10;

/// One retained segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentEntry {
    pub(super) path: PathBuf,
    pub(super) format: PayloadFormat,
    pub(super) salt: Salt,
    /// Where it starts, in bytes of log from the first retained segment on.
    pub(super) base: u64,
}

/// A command whose place is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) seq: Sequence,
    /// Where its frame starts, in bytes of log from the first retained segment
    /// on.
    pub(super) start: u64,
}

/// The segments and a mark about every 64 KiB; it only ever grows at its end.
#[derive(Debug)]
pub(super) struct Index {
    first: Sequence,
    segments: Vec<SegmentEntry>,
    marks: Vec<Mark>,
}

impl Index {
    /// The index of a log whose first retained command is `first`.
    pub(super) fn new(first: Sequence) -> Self {
        Self { first, segments: Vec::new(), marks: Vec::new() }
    }

    pub(super) fn first(&self) -> Sequence {
        self.first
    }

    /// Adds a segment behind the others. Its first frame starts with `first`.
    pub(super) fn push_segment(&mut self, entry: SegmentEntry, first: Sequence) {
        let start = entry.base + HEADER_BYTES;
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
    use super::*;

    fn entry(base: u64) -> SegmentEntry {
        let (path, salt) = (base.to_string().into(), Salt([0; 4]));
        SegmentEntry { path, format: PayloadFormat::Cbor, salt, base }
    }

    fn mark(seq: u64, start: u64) -> Mark {
        Mark { seq: Sequence::new(seq), start }
    }

    #[test]
    fn a_command_is_found_behind_the_last_mark_before_it() {
        let mut index = Index::new(Sequence::FIRST);
        index.push_segment(entry(0), Sequence::new(5));
        index.note(mark(6, 100));
        index.note(mark(700, 44 + STRIDE_BYTES));
        index.push_segment(entry(100_000), Sequence::new(900));
        assert_eq!(index.first(), Sequence::new(5));
        assert_eq!(index.before(Sequence::new(4)), None);
        assert_eq!(index.before(Sequence::new(699)), Some(mark(5, 44)));
        assert_eq!(index.before(Sequence::new(700)), Some(mark(700, 44 + STRIDE_BYTES)));
        assert_eq!(index.before(Sequence::new(5000)), Some(mark(900, 100_044)));
        assert_eq!(index.before_byte(43), None);
        assert_eq!(index.before_byte(100_043), Some(mark(700, 44 + STRIDE_BYTES)));
        assert_eq!(index.segment_at(99_999), Some((entry(0), Some(100_000))));
        assert_eq!(index.segment_at(100_000), Some((entry(100_000), None)));
    }

    #[test]
    fn an_empty_segment_is_replaced() {
        let mut index = Index::new(Sequence::FIRST);
        index.push_segment(entry(0), Sequence::FIRST);
        index.push_segment(entry(500), Sequence::new(9));
        index.push_segment(entry(500), Sequence::new(9));
        assert_eq!(index.segment_at(600), Some((entry(500), None)));
        assert_eq!(index.before(Sequence::new(9)), Some(mark(9, 544)));
        assert_eq!(index.segment_at(0), Some((entry(0), Some(500))));
    }
}
