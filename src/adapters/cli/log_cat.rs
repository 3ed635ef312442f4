//! `daybook log cat`: the commands of the log, as lines.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::log_outcome::{Finding, LogCommandError};
use super::log_owner::{Look, look};
use super::log_record::LogRecord;
use crate::adapters::file_log::disk::OsDisk;
use crate::adapters::file_log::follow::{Bookmark, Follower, ReadOn};
use crate::adapters::file_log::survey::Visit;
use crate::adapters::file_log::{Fault, ReadFault};
use crate::domain::{NoteId, Sequence};

/// Which commands to print.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct CatCommand {
    /// The first sequence to print. Default: the first that is retained.
    #[arg(long, value_name = "SEQ")]
    from: Option<u64>,
    /// The last sequence to print. Default: the last there is.
    #[arg(long, value_name = "SEQ")]
    to: Option<u64>,
    /// Only commands that were accepted at or after this time (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<DateTime<Utc>>,
    /// Only commands about this note: its key, or `notes:<key>`.
    #[arg(long, value_name = "ID", value_parser = note_id)]
    note: Option<NoteId>,
    /// Go on with the commands that are logged from now on, until --to, Ctrl-C, or
    /// the end of whoever reads the output.
    #[arg(long)]
    follow: bool,
    /// Accepted as with every command; the output is always JSON Lines.
    #[arg(long)]
    json: bool,
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|_| "it must be a time, such as 2026-11-26T03:00:00Z")?;
    Ok(time.to_utc())
}

fn note_id(text: &str) -> Result<NoteId, String> {
    let id = if text.contains(':') { text.parse() } else { NoteId::from_key(text) };
    id.map_err(|error| error.to_string())
}

impl CatCommand {
    /// That prints only this command.
    pub(super) fn only(seq: u64) -> Self {
        Self { from: Some(seq), to: Some(seq), ..Self::default() }
    }

    /// Whether it goes on after the last command.
    pub(super) fn follows(&self) -> bool {
        self.follow
    }

    /// Prints the commands of the log in `dir`. Where it follows the log, `wait`
    /// passes the time between two looks, and says when there is to be no other.
    pub(super) fn run(
        &self,
        dir: &Path,
        out: &mut dyn Write,
        err: &mut dyn Write,
        wait: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Finding, LogCommandError> {
        let mut printer = Printer::new(self, BufWriter::new(out));
        let mut last: Option<Bookmark> = None;
        let look = look(dir, printer.from, &mut |visit| {
            last = Some(visit.bookmark());
            printer.take(&visit)
        })?;
        printer.out.flush()?;
        let survey = match (printer.ended.take(), look) {
            (Some(CatEnd::Reached), _) => return Ok(Finding::Sound),
            (Some(CatEnd::Output(error)), _) => return Err(error.into()),
            (Some(CatEnd::Damaged(fault)), _) | (None, Look::Damaged(fault)) => {
                return damaged(&fault, err);
            }
            // An unfinished write is no part of the log; `verify` tells of it.
            (None, Look::Read { survey, .. }) => survey,
        };
        if !self.follow {
            return Ok(Finding::Sound);
        }
        printer.follow(Follower::behind(dir, &survey, last), err, wait)
    }
}

fn damaged(fault: &Fault, err: &mut dyn Write) -> Result<Finding, LogCommandError> {
    writeln!(err, "the command log is damaged: {fault}")?;
    Ok(Finding::Damaged)
}

/// Why nothing more is printed.
enum CatEnd {
    /// The last one that was asked for was seen.
    Reached,
    Output(io::Error),
    Damaged(Fault),
}

struct Printer<'a> {
    cat: &'a CatCommand,
    out: BufWriter<&'a mut dyn Write>,
    /// The next command to print: what is read again is printed once.
    from: Sequence,
    to: Sequence,
    ended: Option<CatEnd>,
}

impl<'a> Printer<'a> {
    fn new(cat: &'a CatCommand, out: BufWriter<&'a mut dyn Write>) -> Self {
        let from = cat.from.map_or(Sequence::FIRST, Sequence::new);
        let to = cat.to.map_or(Sequence::new(u64::MAX), Sequence::new);
        Self { cat, out, from, to, ended: None }
    }

    /// Prints a command if it is one of those that were asked for.
    fn take(&mut self, visit: &Visit<'_>) -> ControlFlow<()> {
        let sequence = visit.sequence();
        if sequence >= self.from && sequence <= self.to {
            self.from = sequence.next();
            self.ended = self.print(visit).err();
        }
        if self.ended.is_none() && sequence >= self.to {
            self.ended = Some(CatEnd::Reached);
        }
        if self.ended.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn print(&mut self, visit: &Visit<'_>) -> Result<(), CatEnd> {
        let submission = visit.submission().map_err(CatEnd::Damaged)?;
        let CatCommand { since, note, .. } = self.cat;
        let early = since.is_some_and(|since| submission.accepted_at < since);
        let other = note.as_ref().is_some_and(|note| note != submission.command.note_id());
        if early || other {
            return Ok(());
        }
        let line =
            LogRecord::new(visit.segment.log(), visit.first(), visit.sequence(), &submission)
                .line();
        line.and_then(|line| self.out.write_all(line.as_bytes())).map_err(CatEnd::Output)
    }

    fn follow(
        mut self,
        mut follower: Follower,
        err: &mut dyn Write,
        wait: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Finding, LogCommandError> {
        loop {
            let read = follower.read_on(&OsDisk, &mut |visit| self.take(&visit));
            self.out.flush()?;
            match self.ended.take() {
                None => {}
                Some(CatEnd::Reached) => return Ok(Finding::Sound),
                Some(CatEnd::Output(error)) => return Err(error.into()),
                Some(CatEnd::Damaged(fault)) => return damaged(&fault, err),
            }
            match read {
                Ok(ReadOn::TakenBack(first)) if first < self.from => {
                    writeln!(
                        err,
                        "what was printed from command {first} on was never acknowledged and is \
                         taken back; what is in its place follows"
                    )?;
                    self.from = first.max(self.cat.from.map_or(Sequence::FIRST, Sequence::new));
                }
                Ok(ReadOn::TakenBack(_) | ReadOn::Stopped) => {}
                Ok(ReadOn::CaughtUp) => {
                    if wait().is_break() {
                        return Ok(Finding::Sound);
                    }
                }
                Err(ReadFault::Damaged(fault)) => return damaged(&fault, err),
                Err(ReadFault::Io { path, source }) => {
                    return Err(LogCommandError::Io { path, source });
                }
            }
        }
    }
}
