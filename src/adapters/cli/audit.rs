//! `daybook log audit`: whether the database is what the log amounts to.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::app::{Audit, AuditedNote};
use crate::domain::{Note, NoteId};

/// How it is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct AuditCommand {
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What is found while both sides are compared.
#[derive(Default)]
pub struct Comparison {
    log: Side,
    database: Side,
    of_other_logs: u64,
    differences: Vec<Difference>,
}

/// The notes of one side.
#[derive(Default)]
struct Side {
    notes: u64,
    digest: Sha256,
}

impl Side {
    fn take(&mut self, note: Option<&Note>) -> io::Result<()> {
        let Some(note) = note else { return Ok(()) };
        self.notes += 1;
        self.digest.update(serde_json::to_vec(note)?);
        self.digest.update(b"\n");
        Ok(())
    }

    fn audited(self) -> AuditedSide {
        AuditedSide { notes: self.notes, sha256: format!("{:x}", self.digest.finalize()) }
    }
}

impl Comparison {
    /// Compares one note; they come by id ascending.
    ///
    /// # Errors
    /// When it has no JSON.
    pub fn take(&mut self, note: AuditedNote<'_>) -> io::Result<()> {
        let AuditedNote { id, log, database, of_other_logs } = note;
        if of_other_logs {
            self.of_other_logs += 1;
            return Ok(());
        }
        self.log.take(log)?;
        self.database.take(database)?;
        let difference = match (log, database) {
            (Some(_), None) => Kind::Missing,
            (None, Some(_)) => Kind::Unexpected,
            (Some(log), Some(database)) if log != database => {
                Kind::Differs { fields: differing(log, database) }
            }
            (Some(_), Some(_)) | (None, None) => return Ok(()),
        };
        self.differences.push(Difference { id: id.clone(), kind: difference });
        Ok(())
    }

    /// What the audit came to. `may_be_healed` says that the database was not
    /// closed cleanly and not compared since.
    #[must_use]
    pub fn audited(self, audit: &Audit, may_be_healed: bool) -> Audited {
        Audited {
            commands: audit.commands(),
            unapplied: audit.unapplied(),
            parked: audit.parked(),
            lost: audit.lost(),
            of_other_logs: self.of_other_logs,
            may_be_healed: may_be_healed && !self.differences.is_empty(),
            log: self.log.audited(),
            database: self.database.audited(),
            differences: self.differences,
        }
    }
}

/// What an audit came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// How many commands were judged.
    commands: u64,
    /// How many commands the database has not applied yet.
    unapplied: u64,
    /// How many commands the database has parked.
    parked: u64,
    /// How many of the judged commands the log has lost.
    lost: u64,
    /// How many notes other logs have changed.
    of_other_logs: u64,
    /// Whether the differences may be what the next start would heal.
    may_be_healed: bool,
    log: AuditedSide,
    database: AuditedSide,
    differences: Vec<Difference>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct AuditedSide {
    notes: u64,
    sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Difference {
    id: NoteId,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "difference", rename_all = "snake_case")]
enum Kind {
    /// Only the log has it.
    Missing,
    /// Only the database has it.
    Unexpected,
    /// Both have it.
    Differs { fields: Vec<Field> },
}

/// A field that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Field {
    field: &'static str,
    log: Shown,
    database: Shown,
}

/// As much of a value as may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Shown {
    /// What a client wrote: only its size and digest.
    Text {
        bytes: usize,
        sha256: String,
    },
    Number(u64),
    #[serde(serialize_with = "time")]
    Time(DateTime<Utc>),
}

fn time<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Nanos, true))
}

impl Shown {
    fn text(text: &str) -> Self {
        let sha256 = format!("{:x}", Sha256::digest(text.as_bytes()));
        Self::Text { bytes: text.len(), sha256 }
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // Enough of it to tell one from another.
            Self::Text { bytes, sha256 } => write!(f, "{bytes} bytes {sha256:.12}"),
            Self::Number(number) => number.fmt(f),
            Self::Time(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Nanos, true)),
        }
    }
}

/// The fields that are not the same.
fn differing(log: &Note, database: &Note) -> Vec<Field> {
    let shown = |note: &Note| {
        let Note { id: _, title, content, author, tags, created_at, updated_at, version } = note;
        [
            ("title", Shown::text(title)),
            ("content", Shown::text(content)),
            ("author", Shown::text(author)),
            // As JSON: where one ends and the next begins counts.
            ("tags", Shown::text(&json!(tags).to_string())),
            ("created_at", Shown::Time(*created_at)),
            ("updated_at", Shown::Time(*updated_at)),
            ("version", Shown::Number(version.get())),
        ]
    };
    let both = shown(log).into_iter().zip(shown(database));
    both.filter(|(log, database)| log != database)
        .map(|((field, log), (_, database))| Field { field, log, database })
        .collect()
}

impl Audited {
    /// Whether both sides are the same.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }

    /// Whether both sides are the same, and no note was left out.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_equal() && self.of_other_logs == 0
    }

    fn count(&self, wanted: fn(&Kind) -> bool) -> usize {
        self.differences.iter().filter(|difference| wanted(&difference.kind)).count()
    }

    /// Prints it for a person, or as one JSON object.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self, json: bool, out: &mut dyn Write) -> io::Result<()> {
        let finding = if self.is_equal() { "equal" } else { "different" };
        let missing = self.count(|kind| matches!(kind, Kind::Missing));
        let unexpected = self.count(|kind| matches!(kind, Kind::Unexpected));
        let differing = self.count(|kind| matches!(kind, Kind::Differs { .. }));
        if json {
            let mut told = json!({
                "finding": finding,
                "missing": missing, "unexpected": unexpected, "differing": differing,
            });
            if let (Some(told), serde_json::Value::Object(all)) =
                (told.as_object_mut(), serde_json::to_value(self)?)
            {
                told.extend(all);
            }
            return writeln!(out, "{told}");
        }
        for Difference { id, kind } in &self.differences {
            match kind {
                Kind::Missing => writeln!(out, "missing     {id}")?,
                Kind::Unexpected => writeln!(out, "unexpected  {id}")?,
                Kind::Differs { fields } => {
                    writeln!(out, "differs     {id}")?;
                    for Field { field, log, database } in fields {
                        writeln!(out, "            {field}: log {log}, database {database}")?;
                    }
                }
            }
        }
        let Self { commands, unapplied, parked, of_other_logs, log, database, .. } = self;
        writeln!(out, "finding     {finding}")?;
        if !self.is_equal() {
            writeln!(
                out,
                "differences {missing} missing, {unexpected} unexpected, {differing} differing"
            )?;
        }
        writeln!(out, "log         {} notes, sha256 {}", log.notes, log.sha256)?;
        writeln!(out, "database    {} notes, sha256 {}", database.notes, database.sha256)?;
        writeln!(
            out,
            "commands    {commands} judged, {unapplied} not applied yet, {parked} parked"
        )?;
        if self.lost > 0 {
            writeln!(
                out,
                "lost        {} commands by the log: what they had changed is a difference",
                self.lost
            )?;
        }
        if *of_other_logs > 0 {
            writeln!(out, "left out    {of_other_logs} notes of other logs")?;
        }
        if self.may_be_healed {
            writeln!(
                out,
                "note        the database was not closed cleanly, or is a server: differences may \
                 be what a crash took; `daybook log replay` heals that, then audit again"
            )?;
        }
        Ok(())
    }
}
