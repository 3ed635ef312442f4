//! `daybook log status`: what the log consists of, and how far the database is
//! behind it.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::log_outcome::{Finding, LogCommandError, unless_closed};
use super::log_owner::{Look, holder, look};
use super::log_report::{TailState, report_damage, segment_json, tail_json, tail_text};
use crate::adapters::file_log::survey::{Segment, Survey};
use crate::adapters::file_log::{LOG_FOLDER, PayloadFormat};
use crate::domain::{LogId, Sequence};

/// Tells what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct StatusCommand {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What the settings say of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The sync policy.
    pub sync: String,
    /// The payload format of new segments.
    pub format: PayloadFormat,
}

/// The log that the database is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedLog {
    /// Its identity.
    pub id: LogId,
    /// Its first command, if it has any.
    pub first: Option<Sequence>,
    /// The process that has its folder, for a message; none where none has.
    pub holder: Option<String>,
}

impl AskedLog {
    /// The one that was found in that folder, if it has a segment.
    pub(super) fn of(survey: &Survey, dir: &Path) -> Option<Self> {
        let (first, last) = (survey.segments.first()?, survey.segments.last()?);
        let has_commands = first.first() < last.next;
        let first = has_commands.then_some(first.first());
        Some(Self { id: survey.log()?, first, holder: holder(dir) })
    }
}

/// What is known of how far a log was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseAnswer {
    /// The database told.
    Asked {
        /// The last command that was applied, if the database knows the log.
        checkpoint: Option<Sequence>,
        /// How many commands are parked.
        parked: u64,
    },
    /// The service that has the database told.
    Served {
        /// How many commands are not applied yet.
        unapplied: u64,
        /// How many commands are parked.
        parked: u64,
        /// Why the database was not asked, and how the service is.
        note: String,
    },
    /// Nobody told, for this reason.
    Unknown(String),
}

impl StatusCommand {
    /// Tells about the log below a data folder at the time `now`. The database is
    /// asked once the log is known.
    ///
    /// # Errors
    /// When the log is not there or cannot be read.
    pub fn run(
        self,
        data_dir: &Path,
        settings: Option<&LogSettings>,
        now: DateTime<Utc>,
        ask: &mut dyn FnMut(AskedLog) -> DatabaseAnswer,
        out: &mut dyn Write,
    ) -> Result<Finding, LogCommandError> {
        unless_closed(self.tell(&data_dir.join(LOG_FOLDER), settings, now, ask, out))
    }

    fn tell(
        self,
        dir: &Path,
        settings: Option<&LogSettings>,
        now: DateTime<Utc>,
        ask: &mut dyn FnMut(AskedLog) -> DatabaseAnswer,
        out: &mut dyn Write,
    ) -> Result<Finding, LogCommandError> {
        let last_segment_only = Sequence::new(u64::MAX);
        let (survey, state) =
            match look(dir, last_segment_only, &mut |_| ControlFlow::Continue(()))? {
                Look::Read { survey, state } => (survey, state),
                Look::Damaged(fault) => return report_damage(&fault, self.json, out),
            };
        let first = survey.segments.first().map_or(Sequence::FIRST, Segment::first);
        let last = survey.segments.last().map_or(Sequence::ZERO, Segment::last);
        let answer = AskedLog::of(&survey, dir)
            .map_or_else(|| DatabaseAnswer::Unknown("the log has no segment yet".to_owned()), ask);
        let newest = accepted_at(dir, last)?;
        let applied = Applied::new(answer, first, last);
        let oldest = match applied.oldest {
            Some(oldest) => accepted_at(dir, oldest)?,
            None => None,
        };
        let age = oldest.map(|oldest| (now - oldest).num_seconds().max(0));
        let status = Status { survey, state, first, last, newest, applied, age, settings };
        if self.json {
            status.print_json(out)?
        } else {
            status.print_text(out)?
        }
        Ok(state.finding())
    }
}

/// When a command was accepted; `None` where it is not there.
fn accepted_at(dir: &Path, seq: Sequence) -> Result<Option<DateTime<Utc>>, LogCommandError> {
    let mut found = None;
    look(dir, seq, &mut |visit| {
        if visit.sequence() < seq {
            return ControlFlow::Continue(());
        }
        if visit.sequence() == seq {
            found = visit.submission().ok().map(|submission| submission.accepted_at);
        }
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// How far the log was applied, as far as that is known.
#[derive(Debug, PartialEq, Eq)]
struct Applied {
    checkpoint: Option<Sequence>,
    unapplied: Option<u64>,
    /// The oldest command that was not applied.
    oldest: Option<Sequence>,
    parked: Option<u64>,
    /// What else is to be said.
    note: Option<String>,
}

impl Applied {
    fn new(answer: DatabaseAnswer, first: Sequence, last: Sequence) -> Self {
        let all = last.next().since(first);
        match answer {
            DatabaseAnswer::Unknown(why) => {
                let (checkpoint, unapplied, oldest, parked) = (None, None, None, None);
                Self { checkpoint, unapplied, oldest, parked, note: Some(why) }
            }
            DatabaseAnswer::Asked { checkpoint, parked } => {
                let next = checkpoint.map_or(first, |applied| applied.next().max(first));
                let unapplied = if next > last { 0 } else { last.next().since(next) };
                let ahead = checkpoint.filter(|applied| *applied > last).map(|applied| {
                    format!("it has applied command {applied}, and the log ends at {last}")
                });
                Self {
                    checkpoint,
                    unapplied: Some(unapplied),
                    oldest: (unapplied > 0).then_some(next),
                    parked: Some(parked),
                    note: ahead,
                }
            }
            // The service may have logged more by now; what it counted ends no
            // earlier than here.
            DatabaseAnswer::Served { unapplied, parked, note } => Self {
                checkpoint: None,
                unapplied: Some(unapplied),
                oldest: (unapplied > 0)
                    .then(|| Sequence::new(last.next().get().saturating_sub(unapplied.min(all)))),
                parked: Some(parked),
                note: Some(note),
            },
        }
    }
}

struct Status<'a> {
    survey: Survey,
    state: TailState,
    first: Sequence,
    last: Sequence,
    newest: Option<DateTime<Utc>>,
    applied: Applied,
    /// Of the oldest command that was not applied, in seconds.
    age: Option<i64>,
    settings: Option<&'a LogSettings>,
}

impl Status<'_> {
    fn bytes(&self) -> u64 {
        self.survey.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn newest(&self) -> Option<String> {
        self.newest.map(|newest| newest.to_rfc3339_opts(SecondsFormat::Nanos, true))
    }

    fn print_json(&self, out: &mut dyn Write) -> Result<(), LogCommandError> {
        let Self { survey, first, last, applied, .. } = self;
        let segments: Vec<Value> = survey.segments.iter().map(segment_json).collect();
        let status = json!({
            "log_id": survey.log().map(|log| log.to_string()),
            "first": first.get(),
            "last": last.get(),
            "commands": last.next().since(*first),
            "newest_accepted_at": self.newest(),
            "bytes": self.bytes(),
            "proven_synced": survey.proven.get(),
            "tail": tail_json(&survey.tail, self.state),
            "sync": self.settings.map(|settings| &settings.sync),
            "format": self.settings.map(|settings| settings.format.to_string()),
            "checkpoint": applied.checkpoint.map(Sequence::get),
            "unapplied": applied.unapplied,
            "oldest_unapplied_seconds": self.age,
            "parked": applied.parked,
            "database": applied.note,
            "segments": segments,
        });
        writeln!(out, "{status}")?;
        Ok(())
    }

    fn print_text(&self, out: &mut dyn Write) -> Result<(), LogCommandError> {
        let Self { survey, first, last, applied, .. } = self;
        let log = survey.log().map_or_else(|| "none yet".to_owned(), |log| log.to_string());
        writeln!(out, "log        {log}")?;
        writeln!(out, "commands   {} ({first} to {last})", last.next().since(*first))?;
        if let Some(newest) = self.newest() {
            writeln!(out, "newest     accepted at {newest}")?;
        }
        writeln!(out, "bytes      {}", self.bytes())?;
        writeln!(out, "tail       {}", tail_text(survey, self.state))?;
        if let Some(LogSettings { sync, format }) = self.settings {
            writeln!(out, "sync       {sync}")?;
            writeln!(out, "format     {format} for new segments")?;
        }
        match (applied.checkpoint, &applied.note) {
            (Some(checkpoint), _) => writeln!(out, "checkpoint {checkpoint}")?,
            (None, None) => writeln!(out, "checkpoint none: the database has none of this log")?,
            (None, Some(_)) => {}
        }
        if let Some(unapplied) = applied.unapplied {
            let oldest =
                self.age.map(|age| format!(", the oldest for {age} s")).unwrap_or_default();
            writeln!(out, "unapplied  {unapplied}{oldest}")?;
        }
        if let Some(parked) = applied.parked {
            writeln!(out, "parked     {parked}")?;
        }
        if let Some(note) = &applied.note {
            writeln!(out, "database   {note}")?;
        }
        writeln!(out, "segments   {}", survey.segments.len())?;
        for segment in &survey.segments {
            let (file, format, bytes) = (segment.file_name(), segment.format(), segment.bytes);
            let (first, last) = (segment.first(), segment.last());
            let kind = if segment.is_snapshot() { "  snapshot" } else { "" };
            writeln!(out, "  {file}  {format}  {first} to {last}  {bytes} bytes{kind}")?;
        }
        Ok(())
    }
}
