//! `daybook parked list | show | retry | discard`.

use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use clap::Subcommand;
use serde_json::{Value, json};

use super::LogCommand;
use super::log_cat::CatCommand;
use crate::adapters::file_log::LOG_FOLDER;
use crate::adapters::http::ParkedBody;
use crate::domain::{CommandId, LogId, Sequence};

const EXIT_CODES: &str = "\
Exit codes: 0 it was done; for retry and discard, the command is no longer parked, 1 it was not, \
and the message says why, or the command is parked still, 2 the arguments or settings cannot be \
used.";

/// Commands about parked commands: those that the database refuses for good, and
/// those of the same notes behind them.
///
/// Beside a running service they ask it, at BIND_ADDRESS; without one they open
/// log and database themselves.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum ParkedCommand {
    /// List them, in the order of the log.
    ///
    /// Example: daybook parked list --json | jq '.[] | .reason'
    #[command(after_help = EXIT_CODES)]
    List {
        /// Print one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Show one of them: why it is parked, and what was logged.
    ///
    /// Example: daybook parked show 1234
    #[command(after_help = EXIT_CODES)]
    Show {
        /// Its sequence or its command id.
        command: CommandName,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Attempt one of them again, after what is in its way was mended.
    ///
    /// Those of the same note are attempted in order, up to the first that is still refused.
    ///
    /// Example: daybook parked retry 1234
    #[command(after_help = EXIT_CODES)]
    Retry {
        /// Its sequence or its command id.
        command: CommandName,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Give one of them up: it never takes effect in this database.
    ///
    /// Whoever asks for it is told that it was rejected, and those behind it are attempted. The
    /// log keeps it: a database that is made from the log anew attempts it again.
    ///
    /// Example: daybook parked discard 1234
    #[command(after_help = EXIT_CODES)]
    Discard {
        /// Its sequence or its command id.
        command: CommandName,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// A command, as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandName {
    /// The one of this log with that sequence.
    Sequence(Sequence),
    /// The one with that id.
    Id(CommandId),
}

impl CommandName {
    /// The id of the command in that log.
    #[must_use]
    pub fn id(self, log: LogId) -> CommandId {
        match self {
            Self::Sequence(seq) => CommandId { log, seq },
            Self::Id(id) => id,
        }
    }

    /// Its sequence.
    #[must_use]
    pub fn seq(self) -> Sequence {
        match self {
            Self::Sequence(seq) | Self::Id(CommandId { seq, .. }) => seq,
        }
    }
}

impl FromStr for CommandName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(seq) = text.parse() {
            return Ok(Self::Sequence(Sequence::new(seq)));
        }
        let id = text.parse();
        id.map(Self::Id).map_err(|_| "it must be a sequence, such as 1234, or a command id".into())
    }
}

fn text(parked: &ParkedBody) -> String {
    let ParkedBody { seq, note_id, attempts, reason, since, .. } = parked;
    format!("{seq}  {note_id}  since {since}  attempts {attempts}  {reason}")
}

/// Prints a list.
///
/// # Errors
/// When it cannot be written.
pub fn print_parked(parked: &[ParkedBody], json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        return writeln!(out, "{}", json!(parked));
    }
    if parked.is_empty() {
        return writeln!(out, "no command is parked");
    }
    parked.iter().try_for_each(|parked| writeln!(out, "{}", text(parked)))
}

/// Prints one, with what the log below that data folder holds of it.
///
/// # Errors
/// When it cannot be written, or the log cannot be read.
pub fn print_one(
    parked: &ParkedBody,
    data_dir: &Path,
    json: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (mut line, mut why) = (Vec::new(), Vec::new());
    let only = LogCommand::Cat(CatCommand::only(parked.seq));
    if let Err(error) = only.run(data_dir, &mut line, &mut why) {
        return Err(io::Error::other(error.to_string()));
    }
    let command: Value = serde_json::from_slice(&line).map_err(|_| {
        let log = data_dir.join(LOG_FOLDER);
        io::Error::other(format!("{} does not hold the command", log.display()))
    })?;
    if json {
        return writeln!(out, "{}", json!({ "parked": parked, "command": command }));
    }
    writeln!(out, "{}", text(parked))?;
    writeln!(out, "{}", serde_json::to_string_pretty(&command)?)
}

/// Prints what became of one. Tells whether it is parked no longer.
///
/// # Errors
/// When it cannot be written.
pub fn print_released(state: &Value, json: bool, out: &mut dyn Write) -> io::Result<bool> {
    let status = state.get("status").and_then(Value::as_str).unwrap_or_default();
    if json {
        writeln!(out, "{state}")?;
    } else {
        let seq = state.get("seq").map(Value::to_string).unwrap_or_default();
        match status {
            "applied" => writeln!(out, "command {seq} was applied")?,
            "parked" => writeln!(out, "command {seq} was refused again, and is parked still")?,
            _ => {
                let detail = state.pointer("/problem/detail").and_then(Value::as_str);
                writeln!(out, "command {seq} is {status}: {}", detail.unwrap_or_default())?;
            }
        }
    }
    Ok(status != "parked")
}
