//! Whether two logs hold the same commands.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use sha2::{Digest, Sha256};

use super::log_outcome::LogCommandError;
use super::log_owner::{Look, look};
use super::log_record::LogRecord;
use super::progress::Progress;
use crate::adapters::file_log::Fault;
use crate::adapters::file_log::disk::OsDisk;
use crate::adapters::file_log::survey::{Segment, Survey, Tail, Visit, survey};
use crate::domain::{Sequence, Submission};

/// So many commands wait to be compared, each of a frame at most.
const WAITING: usize = 16;

/// What comparing two logs found.
pub(super) enum Compared {
    /// The same commands, with the same sequences, of the same log; and so one
    /// digest, that of the lines that `cat` prints, which each side came to.
    Equal { source_sha256: String, target: Survey },
    /// This command is another one, or on one side only.
    Different(Sequence),
    /// The source is damaged.
    Damaged(Fault),
}

type Command = (Sequence, Submission);

/// Compares the part of the log in `dir` that was surveyed with all of the log
/// in `copy`, reading both anew and at the same time.
pub(super) fn compare(
    dir: &Path,
    copy: &Path,
    surveyed: &Survey,
) -> Result<Compared, LogCommandError> {
    let last = surveyed.segments.last().map_or(Sequence::ZERO, Segment::last);
    let (sender, copied) = sync_channel(WAITING);
    thread::scope(|scope| {
        let reading = scope.spawn(move || read_copy(copy, &sender));
        let source = read_source(dir, surveyed.frames, last, copied)?;
        let target = reading
            .join()
            .unwrap_or_else(|_| Err("reading it ended by a defect".to_owned()))
            .map_err(|detail| LogCommandError::Target { folder: copy.to_owned(), detail })?;
        let (target, target_sha256) = target;
        Ok(match source {
            Source::Damaged(fault) => Compared::Damaged(fault),
            Source::Different(sequence) => Compared::Different(sequence),
            Source::Same { sha256 } if sha256 == target_sha256 && target.tail == Tail::Clean => {
                Compared::Equal { source_sha256: sha256, target }
            }
            Source::Same { .. } => Compared::Different(last),
        })
    })
}

enum Source {
    Same { sha256: String },
    Different(Sequence),
    Damaged(Fault),
}

fn read_source(
    dir: &Path,
    commands: u64,
    last: Sequence,
    copied: Receiver<Command>,
) -> Result<Source, LogCommandError> {
    let mut progress = Progress::new("comparing", Some(commands));
    let mut lines = Lines::default();
    let mut next = Sequence::ZERO;
    let mut stopped = None;
    let look = look(dir, Sequence::FIRST, &mut |visit| {
        let sequence = visit.sequence();
        if sequence > last || stopped.is_some() {
            return ControlFlow::Break(());
        }
        if sequence < next {
            return ControlFlow::Continue(());
        }
        next = sequence.next();
        progress.step();
        stopped = match lines.take(&visit) {
            Ok(submission)
                if copied.recv().is_ok_and(|(s, copy)| s == sequence && copy == submission) =>
            {
                None
            }
            Ok(_) => Some(Ok(Source::Different(sequence))),
            Err(Unread::Damaged(fault)) => Some(Ok(Source::Damaged(fault))),
            Err(Unread::Line(error)) => Some(Err(error.into())),
        };
        if stopped.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    match (stopped, look) {
        (Some(stopped), _) => stopped,
        (None, Look::Damaged(fault)) => Ok(Source::Damaged(fault)),
        // Something is on one side only.
        (None, _) if commands > 0 && next <= last => Ok(Source::Different(next)),
        (None, _) => Ok(match copied.recv() {
            Ok((sequence, _)) => Source::Different(sequence),
            Err(_ended) => Source::Same { sha256: lines.sha256() },
        }),
    }
}

/// Reads all of a log that nobody else knows, and hands its commands on. The
/// error says what failed.
fn read_copy(dir: &Path, commands: &SyncSender<Command>) -> Result<(Survey, String), String> {
    let mut lines = Lines::default();
    let mut failed = None;
    let read = survey(&OsDisk, dir, Sequence::FIRST, &mut |visit| {
        let sent = match lines.take(&visit) {
            // Nobody waits for it after a difference.
            Ok(submission) => commands.send((visit.sequence(), submission)).is_ok(),
            Err(Unread::Damaged(fault)) => {
                failed = Some(fault.to_string());
                false
            }
            Err(Unread::Line(error)) => {
                failed = Some(error.to_string());
                false
            }
        };
        if sent { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    match (failed, read) {
        (Some(detail), _) => Err(detail),
        (None, read) => Ok((read.map_err(|fault| fault.to_string())?, lines.sha256())),
    }
}

/// The digest of what `cat` prints.
#[derive(Default)]
struct Lines(Sha256);

/// Why a command has no line.
enum Unread {
    Damaged(Fault),
    Line(io::Error),
}

impl Lines {
    fn take(&mut self, visit: &Visit<'_>) -> Result<Submission, Unread> {
        let submission = visit.submission().map_err(Unread::Damaged)?;
        let record =
            LogRecord::new(visit.segment.log(), visit.first(), visit.sequence(), &submission);
        self.0.update(record.line().map_err(Unread::Line)?);
        Ok(submission)
    }

    fn sha256(self) -> String {
        format!("{:x}", self.0.finalize())
    }
}
