//! `daybook log status | cat | verify | convert | repair`: looking at the log, and
//! mending it.
//!
//! None of these but `repair` writes to the folder of the log or keeps its lock (to ask
//! whether it is held, it is taken for an instant), so they work beside a running
//! service, and on a read-only copy.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::log_cat::CatCommand;
use super::log_convert::convert;
use super::log_outcome::{Finding, LogCommandError, unless_closed};
use super::log_owner::{Look, look};
use super::log_pause::Pause;
use super::log_repair::repair;
use super::log_report::{TailState, report_damage, tail_json, tail_text};
use super::log_status::{DatabaseAnswer, StatusCommand};
use crate::adapters::file_log::{LOG_FOLDER, PayloadFormat};
use crate::adapters::system::SystemClock;
use crate::domain::Sequence;
use crate::ports::Clock;

const EXIT_CODES: &str = "\
Exit codes: 0 the log is sound, 1 it is damaged or ends with an unfinished write, \
2 it could not be read.";

const CAT_EXIT_CODES: &str = "\
Exit codes: 0 everything up to the last complete command was printed, 1 the log is damaged, \
2 it could not be read. An unfinished write at the end is no damage; `verify` tells of it. \
Ctrl-C ends --follow as it ends any program (130 in a shell).";

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
    /// Tells also how far the database of the settings is behind: the checkpoint,
    /// how many commands are not applied yet and for how long the oldest of them
    /// waits, and how many are parked. A database that a running process has
    /// embedded is left alone; the service at BIND_ADDRESS is asked instead, which
    /// does not tell the checkpoint. An embedded database that nobody has is opened
    /// for that, and closed again. Where nothing is to be had, `database` says why,
    /// and the exit code stays that of the log.
    ///
    /// Example: daybook log status --json | jq '.last, .checkpoint, .unapplied'
    #[command(after_help = EXIT_CODES)]
    Status(StatusCommand),
    /// Print the commands of the log as JSON Lines.
    ///
    /// Each line holds sequence, command_id, accepted_at, kind, note_id, fields,
    /// precondition, idempotency, principal and trace_id. Works beside a running
    /// service; ends at the last complete command, or with --follow goes on with what
    /// is logged from then on. The last lines may be commands whose sync is still
    /// under way, and which are not acknowledged; should such a write fail, --follow
    /// says so and prints what takes their place. The filters --since and --note read
    /// every command of the stretch: clocks are set back at times.
    ///
    /// Example: daybook log cat --from 100 | jq 'select(.kind == "delete") | .note_id'
    /// Example: daybook log cat --note my-note --since 2026-11-26T03:00:00Z --follow
    #[command(after_help = CAT_EXIT_CODES)]
    Cat(CatCommand),
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
        unless_closed(match self {
            Self::Status(status) => {
                // Who knows more asks for it by itself.
                let ask = &mut |_| DatabaseAnswer::Unknown("it was not asked".to_owned());
                status.run(data_dir, None, SystemClock.now(), ask, out)
            }
            Self::Cat(cat) => print(cat, &dir, out, err),
            Self::Convert { to, into, json } => convert(&dir, *to, into, *json, out, err),
            Self::Repair { apply, json } => repair(&dir, *apply, *json, out),
            Self::Verify { json } => verify(&dir, *json, out),
        })
    }
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

fn print(
    cat: &CatCommand,
    dir: &Path,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Finding, LogCommandError> {
    if !cat.follows() {
        return cat.run(dir, out, err, &mut || ControlFlow::Break(()));
    }
    let pause = Pause::new(&io::stdout())?;
    cat.run(dir, out, err, &mut || pause.wait())
}
