//! `daybook log status | cat | verify`: looking at the log without changing it.
//!
//! None of these writes to the folder of the log or keeps its lock (to ask
//! whether it is held, it is taken for an instant), so they work beside a running
//! service, and on a read-only copy.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::log_owner::{Owner, confirmed};
use super::log_record::LogRecord;
use super::log_report::{TailState, report_damage, segment_json, tail_json, tail_text};
use crate::adapters::file_log::disk::OsDisk;
use crate::adapters::file_log::survey::{Segment, Survey, Tail, Visit, survey};
use crate::adapters::file_log::{Fault, LOG_FOLDER, ReadFault};
use crate::domain::Sequence;

const EXIT_CODES: &str = "\
Exit codes: 0 the log is sound, 1 it is damaged or ends with an unfinished write, \
2 it could not be read.";

const CAT_EXIT_CODES: &str = "\
Exit codes: 0 everything up to the last complete command was printed, 1 the log is damaged, \
2 it could not be read. An unfinished write at the end is no damage; `verify` tells of it.";

/// Commands that look at the command log.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum LogCommand {
    /// Tell what the log consists of.
    ///
    /// Reads the headers of all segments and the whole last one; `verify` reads
    /// everything. Works beside a running service.
    ///
    /// Example: daybook log status --json | jq .last
    #[command(after_help = EXIT_CODES)]
    Status {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Print the commands of the log as JSON Lines.
    ///
    /// Each line holds sequence, command_id, accepted_at, kind, note_id, fields,
    /// precondition, idempotency, principal and trace_id. Works beside a running
    /// service; ends at the last complete command. The last lines may then be
    /// commands whose sync is still under way, and which are not acknowledged.
    ///
    /// Example: daybook log cat --from 100 | jq 'select(.kind == "delete") | .note_id'
    #[command(after_help = CAT_EXIT_CODES)]
    Cat {
        /// The first sequence to print. Default: the first that is retained.
        #[arg(long, value_name = "SEQ")]
        from: Option<u64>,
        /// The last sequence to print. Default: the last there is.
        #[arg(long, value_name = "SEQ")]
        to: Option<u64>,
        /// Accepted as with every command; the output is always JSON Lines.
        #[arg(long)]
        json: bool,
    },
    /// Check every byte of the log.
    ///
    /// Reads every frame of every segment, checks its checksum, its sequence and
    /// its contents, and that no command is missing. Tells what was checked, or
    /// the file, the offset and the nature of the first fault. Changes nothing.
    ///
    /// Example: daybook log verify && echo sound
    #[command(after_help = EXIT_CODES)]
    Verify {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// What a command found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The log is as it should be; exit code 0.
    Sound,
    /// The log is damaged, or ends with an unfinished write that nobody is
    /// working on; exit code 1. The command has said so.
    Damaged,
}

/// Why a command could not do its work; exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum LogCommandError {
    /// The folder is not there.
    #[error("there is no command log: the folder {} does not exist; is DATA_DIR right?", .0.display())]
    NoFolder(PathBuf),
    /// The folder holds no segment.
    #[error("there is no command log in {}: the folder holds no segment", .0.display())]
    NoSegment(PathBuf),
    /// The system could not read.
    #[error("the command log could not be read at {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The result could not be printed.
    #[error("the result could not be written: {0}")]
    Output(#[from] io::Error),
}

impl LogCommand {
    /// Runs the command on the log below a data folder. Results go to `out`;
    /// `err` gets what would spoil them: damage that ends the output of `cat`.
    ///
    /// A pipe that the reader closes ends the command quietly.
    ///
    /// # Errors
    /// When the log is not there or cannot be read.
    pub fn run(
        &self,
        data_dir: &Path,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<Finding, LogCommandError> {
        let dir = data_dir.join(LOG_FOLDER);
        let result = match self {
            Self::Status { json } => status(&dir, *json, out),
            Self::Cat { from, to, .. } => cat(&dir, *from, *to, out, err),
            Self::Verify { json } => verify(&dir, *json, out),
        };
        match result {
            Err(LogCommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                Ok(Finding::Sound)
            }
            result => result,
        }
    }
}

/// A log as it was read.
enum Look {
    Read { survey: Survey, state: TailState },
    Damaged(Fault),
}

fn look(
    dir: &Path,
    from: Sequence,
    visit: &mut dyn FnMut(Visit<'_>) -> ControlFlow<()>,
) -> Result<Look, LogCommandError> {
    if !dir.is_dir() {
        return Err(LogCommandError::NoFolder(dir.to_owned()));
    }
    let mut owner = Owner::of(dir);
    let read = confirmed(|| {
        let read = survey(&OsDisk, dir, from, visit);
        // Asked on both sides of reading: whoever holds it on either side may
        // have been writing in between.
        let before = std::mem::replace(&mut owner, Owner::of(dir));
        (read, before.max(owner))
    });
    let (survey, owner) = match read {
        (Ok(survey), owner) => (survey, owner),
        (Err(ReadFault::Damaged(fault)), _) => return Ok(Look::Damaged(fault)),
        (Err(ReadFault::Io { path, source }), _) => {
            return Err(LogCommandError::Io { path, source });
        }
    };
    let state = match (&survey.tail, owner) {
        (Tail::Clean | Tail::Unread, _) => TailState::Clean,
        (Tail::Torn { .. } | Tail::TornCreation { .. }, Owner::Nobody) => TailState::Torn,
        (Tail::Torn { .. } | Tail::TornCreation { .. }, Owner::Unknown) => TailState::Unknown,
        (Tail::Torn { .. } | Tail::TornCreation { .. }, Owner::Process) => TailState::InProgress,
    };
    if survey.segments.is_empty() && survey.tail == Tail::Clean {
        return Err(LogCommandError::NoSegment(dir.to_owned()));
    }
    Ok(Look::Read { survey, state })
}

fn status(dir: &Path, json: bool, out: &mut dyn Write) -> Result<Finding, LogCommandError> {
    let last_segment_only = Sequence::new(u64::MAX);
    let (survey, state) = match look(dir, last_segment_only, &mut |_| ControlFlow::Continue(()))? {
        Look::Read { survey, state } => (survey, state),
        Look::Damaged(fault) => return report_damage(&fault, json, out),
    };
    let first = survey.segments.first().map_or(Sequence::FIRST, |segment| segment.first);
    let last = survey.segments.last().map_or(Sequence::ZERO, Segment::last);
    let bytes: u64 = survey.segments.iter().map(|segment| segment.bytes).sum();
    if json {
        let segments: Vec<Value> = survey.segments.iter().map(segment_json).collect();
        let status = json!({
            "log_id": survey.log().map(|log| log.to_string()),
            "first": first.get(),
            "last": last.get(),
            "commands": last.next().since(first),
            "bytes": bytes,
            "proven_synced": survey.proven.get(),
            "tail": tail_json(&survey.tail, state),
            "segments": segments,
        });
        writeln!(out, "{status}")?;
        return Ok(state.finding());
    }
    let log = survey.log().map_or_else(|| "none yet".to_owned(), |log| log.to_string());
    writeln!(out, "log        {log}")?;
    writeln!(out, "commands   {} ({first} to {last})", last.next().since(first))?;
    writeln!(out, "bytes      {bytes}")?;
    writeln!(out, "tail       {}", tail_text(&survey, state))?;
    writeln!(out, "segments   {}", survey.segments.len())?;
    for segment in &survey.segments {
        let Segment { format, first, bytes, .. } = segment;
        let (file, last) = (segment.file_name(), segment.last());
        writeln!(out, "  {file}  {format}  {first} to {last}  {bytes} bytes")?;
    }
    Ok(state.finding())
}

fn verify(dir: &Path, json: bool, out: &mut dyn Write) -> Result<Finding, LogCommandError> {
    let mut bad_payload = None;
    let look = look(dir, Sequence::FIRST, &mut |visit| match visit.submission() {
        Ok(_) => ControlFlow::Continue(()),
        Err(fault) => {
            bad_payload = Some(fault);
            ControlFlow::Break(())
        }
    })?;
    let (survey, state) = match (bad_payload, look) {
        (Some(fault), _) | (None, Look::Damaged(fault)) => {
            return report_damage(&fault, json, out);
        }
        (None, Look::Read { survey, state }) => (survey, state),
    };
    let bytes: u64 = survey.segments.iter().map(|segment| segment.bytes).sum();
    let (segments, frames) = (survey.segments.len(), survey.frames);
    if json {
        let finding = match state {
            TailState::Clean | TailState::InProgress => "sound",
            TailState::Torn | TailState::Unknown => state.name(),
        };
        let tail = tail_json(&survey.tail, state);
        let checked = json!({
            "finding": finding, "segments": segments, "frames": frames, "bytes": bytes, "tail": tail,
        });
        writeln!(out, "{checked}")?;
    } else {
        writeln!(out, "checked {segments} segments, {frames} frames, {bytes} bytes")?;
        writeln!(out, "tail: {}", tail_text(&survey, state))?;
    }
    Ok(state.finding())
}

fn cat(
    dir: &Path,
    from: Option<u64>,
    to: Option<u64>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Finding, LogCommandError> {
    let mut from = from.map_or(Sequence::FIRST, Sequence::new);
    let to = to.map_or(Sequence::new(u64::MAX), Sequence::new);
    let mut out = BufWriter::new(out);
    let mut ended: Result<(), CatEnd> = Ok(());
    let look = look(dir, from, &mut |visit| {
        if visit.sequence() > to {
            return ControlFlow::Break(());
        }
        if visit.sequence() >= from {
            ended = print(&visit, &mut out);
            // The log may be read again, but is printed once.
            from = visit.sequence().next();
        }
        if ended.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    out.flush()?;
    match (ended, look) {
        (Err(CatEnd::Output(error)), _) => Err(error.into()),
        (Err(CatEnd::Damaged(fault)), _) | (Ok(()), Look::Damaged(fault)) => {
            writeln!(err, "the command log is damaged: {fault}")?;
            Ok(Finding::Damaged)
        }
        // An unfinished write is no part of the log; `verify` tells of it.
        (Ok(()), Look::Read { .. }) => Ok(Finding::Sound),
    }
}

/// Why `cat` stopped before the end.
enum CatEnd {
    Output(io::Error),
    Damaged(Fault),
}

fn print(visit: &Visit<'_>, out: &mut dyn Write) -> Result<(), CatEnd> {
    let submission = visit.submission().map_err(CatEnd::Damaged)?;
    let record = LogRecord::new(visit.segment.log, visit.sequence(), &submission);
    let line = serde_json::to_string(&record).map_err(|e| CatEnd::Output(e.into()))?;
    writeln!(out, "{line}").map_err(CatEnd::Output)
}
