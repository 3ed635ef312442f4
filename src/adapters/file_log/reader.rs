//! Reading acknowledged commands by sequence, in bounded memory.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::Disk;
use super::fault::{Fault, FrameDamage, ReadFault};
use super::index::{Mark, SegmentEntry};
use super::segment::{Record, Scan, Scanner};
use super::shared::Shared;
use super::survey::corrupt;
use crate::domain::{Entry, Position, Sequence};
use crate::ports::{LogError, ReadLimit};

/// Looks at one command, and says whether it has seen enough.
type Visitor<'a> = dyn FnMut(&SegmentEntry, Record<'_>) -> Result<ControlFlow<()>, Fault> + 'a;

/// Reads a log up to what its writer has published, checking every frame.
#[derive(Debug)]
pub(super) struct Reader {
    disk: Arc<dyn Disk>,
    shared: Arc<Shared>,
    /// Where the last read ended, since the next one mostly goes on there.
    cursor: Mutex<Option<Mark>>,
}

impl Reader {
    pub(super) fn new(disk: Arc<dyn Disk>, shared: Arc<Shared>) -> Self {
        Self { disk, shared, cursor: Mutex::new(None) }
    }

    /// As [`CommandLog::read`](crate::ports::CommandLog::read), blocking. What
    /// lies before a fault is returned; the read that starts with it fails.
    pub(super) fn read(&self, from: Sequence, limit: ReadLimit) -> Result<Vec<Entry>, LogError> {
        self.check_retained(from)?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut start = 0;
        let mut next = None;
        let scanned = self.scan(from, &mut |segment, record| {
            let position = position(segment, &record);
            if entries.is_empty() {
                start = segment.base + record.start;
            } else if entries.len() >= limit.max_commands || position.end - start > limit.max_bytes
            {
                return Ok(ControlFlow::Break(()));
            }
            let submission = segment.header.format.decode(record.payload).map_err(|error| {
                Fault { file: segment.path.clone(), offset: record.start, damage: error.into() }
            })?;
            entries.push(Entry { position, first: record.first, submission });
            next = Some(Mark { seq: position.seq.next(), start: position.end });
            Ok(ControlFlow::Continue(()))
        });
        if entries.is_empty() {
            // It may have been given up meanwhile, which is no end of the log.
            self.check_retained(from)?;
            scanned?;
        }
        if next.is_some() {
            *self.cursor.lock().unwrap_or_else(PoisonError::into_inner) = next;
        }
        Ok(entries)
    }

    fn check_retained(&self, from: Sequence) -> Result<(), LogError> {
        let first = self.shared.index().first();
        if from < first { Err(LogError::BeforeFirst { asked: from, first }) } else { Ok(()) }
    }

    /// As [`CommandLog::locate`](crate::ports::CommandLog::locate), blocking.
    pub(super) fn locate(&self, seq: Sequence) -> Result<Position, LogError> {
        let first = self.shared.index().first();
        let last = self.shared.published().last;
        if seq < first.previous() {
            return Err(LogError::BeforeFirst { asked: seq, first });
        }
        if seq > last.seq {
            return Err(LogError::PastEnd { asked: seq, last: last.seq });
        }
        if seq == last.seq {
            return Ok(last);
        }
        // The position before the first command is where the log starts.
        let mut found = Position { seq, end: self.shared.index().start() };
        if seq >= first {
            self.scan(seq, &mut |segment, record| {
                found = position(segment, &record);
                Ok(ControlFlow::Break(()))
            })?;
        }
        if found.seq == seq {
            return Ok(found);
        }
        Err(LogError::Compacted { asked: seq, through: self.shared.index().compacted() })
    }

    /// As [`CommandLog::floor`](crate::ports::CommandLog::floor), blocking.
    pub(super) fn floor(&self, upto: Sequence, bytes: u64) -> Result<Sequence, LogError> {
        let needed_from = self.locate(upto)?.end.saturating_sub(bytes);
        let index = self.shared.index();
        let mark = index.before_byte(needed_from);
        Ok(mark.map_or(index.first(), |mark| mark.seq.min(upto)).max(index.first()))
    }

    /// Shows every published command from `from` on, until the visitor has seen
    /// enough.
    fn scan(&self, from: Sequence, visit: &mut Visitor<'_>) -> Result<(), LogError> {
        let last = self.shared.published().last;
        let Some(mut mark) = self.nearest(from).filter(|_| from <= last.seq) else {
            return Ok(());
        };
        while mark.seq <= last.seq {
            let Some((segment, next)) = self.shared.index().segment_at(mark.start) else {
                return Ok(());
            };
            let io = || ReadFault::io(&segment.path);
            let file = self.disk.open_read(&segment.path).map_err(io())?;
            let end = next.map_or(last.end, |next| next.min(last.end)) - segment.base;
            let offset = mark.start - segment.base;
            let mut scanner = Scanner::new(file, &segment.header, end, offset, mark.seq);
            loop {
                match scanner.step().map_err(io())? {
                    Scan::Record(record) => {
                        let after = position(&segment, &record);
                        mark = Mark { seq: after.seq.next(), start: after.end };
                        if record.sequence >= from && visit(&segment, record)?.is_break() {
                            return Ok(());
                        }
                    }
                    Scan::End if mark.seq > last.seq || next == Some(mark.start) => break,
                    Scan::End => return Err(missing(&segment, mark, FrameDamage::CutShort)),
                    Scan::Damaged { damage, .. } => return Err(missing(&segment, mark, damage)),
                }
            }
        }
        Ok(())
    }

    /// The known place nearest to that command, not behind it.
    fn nearest(&self, seq: Sequence) -> Option<Mark> {
        let cursor = *self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = self.shared.index().before(seq);
        cursor
            .filter(|cursor| cursor.seq <= seq)
            .into_iter()
            .chain(mark)
            .max_by_key(|mark| mark.start)
    }
}

fn position(segment: &SegmentEntry, record: &Record<'_>) -> Position {
    Position { seq: record.sequence, end: segment.base + record.end }
}

fn missing(segment: &SegmentEntry, mark: Mark, damage: FrameDamage) -> LogError {
    corrupt(segment.path.clone(), mark.start - segment.base, mark.seq, damage).into()
}

impl From<Fault> for LogError {
    fn from(fault: Fault) -> Self {
        let place = format!("{}, byte {}", fault.file.display(), fault.offset);
        Self::Corrupt { place, detail: fault.damage.to_string() }
    }
}

impl From<ReadFault> for LogError {
    fn from(fault: ReadFault) -> Self {
        match fault {
            ReadFault::Damaged(fault) => fault.into(),
            ReadFault::Io { path, source } => {
                Self::Io { place: path.display().to_string(), source }
            }
        }
    }
}
