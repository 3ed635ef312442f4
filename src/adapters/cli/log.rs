//! `daybook log status | cat | verify | convert | repair`: looking at the log, and
//! mending it.
//!
//! None of these but `repair` writes to the folder of the log or keeps its lock (to ask
//! whether it is held, it is taken for an instant), so they work beside a running
//! service, and on a read-only copy.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::log_convert::convert;
use super::log_outcome::{Finding, LogCommandError};
use super::log_owner::{Look, look};
use super::log_record::LogRecord;
use super::log_repair::repair;
use super::log_report::{TailState, report_damage, segment_json, tail_json, tail_text};
use crate::adapters::file_log::survey::{Segment, Visit};
use crate::adapters::file_log::{Fault, LOG_FOLDER, PayloadFormat};
use crate::domain::Sequence;

const EXIT_CODES: &str = "\
Exit codes: 0 the log is sound, 1 it is damaged or ends with an unfinished write, \
2 it could not be read.";

const CAT_EXIT_CODES: &str = "\
Exit codes: 0 everything up to the last complete command was printed, 1 the log is damaged, \
2 it could not be read. An unfinished write at the end is no damage; `verify` tells of it.";

const CONVERT_EXIT_CODES: &str = "\
Exit codes: 0 the new log is there and equal, 1 the log is damaged, or changed while it was read: \
there is no new log, 2 the log could not be read or the new one not be written: there is none \
either.";

const REPAIR_EXIT_CODES: &str = "\
Exit codes: 0 nothing has to be repaired, or it was, 1 it has to be, and nothing was changed, \
2 it cannot be, or could not be done.";

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
    /// Write the log anew in another payload format, and prove the copy equal.
    ///
    /// The new log comes to be in the folder `log` of FOLDER, a data folder that is
    /// empty or not there yet. It has the log id, the sequences and the segments of the
    /// old one, which is not changed, and is synced. Then both are read and compared
    /// command by command, and the SHA-256 of each side is printed: that of the lines
    /// that `daybook log cat` prints of it. Only then it gets its name: until then it is
    /// in `log.unfinished`, which nothing takes for a log.
    ///
    /// Works beside a running service, which goes on with the old log: what it logs
    /// meanwhile is not in the new one. To change over, stop it first.
    ///
    /// Example: daybook log convert --to json --into /var/lib/daybook-json
    #[command(after_help = CONVERT_EXIT_CODES)]
    Convert {
        /// The payload format: json, cbor, bincode or messagepack.
        #[arg(long, value_name = "FORMAT")]
        to: PayloadFormat,
        /// The data folder for the new log.
        #[arg(long, value_name = "FOLDER")]
        into: PathBuf,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Mend a damaged log, keeping every byte.
    ///
    /// Shows what is damaged and which commands are lost, and changes nothing. With --apply the
    /// damaged files are first copied, whole, into a folder `quarantine-…` beside them; then they
    /// are written anew with every command that is intact, and in the place of each other one a
    /// word that it was lost. It can be stopped at any point and run again. The service must be
    /// stopped, since the log has one owner. An unfinished write at the end is no damage: the
    /// next start sees to it.
    ///
    /// Example: daybook log repair && daybook log repair --apply
    #[command(after_help = REPAIR_EXIT_CODES)]
    Repair {
        /// Do it.
        #[arg(long)]
        apply: bool,
        /// Print one JSON object.
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
            Self::Convert { to, into, json } => convert(&dir, *to, into, *json, out, err),
            Self::Repair { apply, json } => repair(&dir, *apply, *json, out),
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
    let line = LogRecord::new(visit.segment.log, visit.sequence(), &submission).line();
    line.and_then(|line| out.write_all(line.as_bytes())).map_err(CatEnd::Output)
}
