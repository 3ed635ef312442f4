//! What the read-only log commands say, as text and as JSON.

use std::io::Write;

use serde_json::{Value, json};

use super::{Finding, LogCommandError};
use crate::adapters::file_log::Fault;
use crate::adapters::file_log::survey::{Segment, Survey, Tail};

/// What the end of the log means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TailState {
    Clean,
    /// A live process is writing it.
    InProgress,
    /// It was left unfinished.
    Torn,
    /// It is unfinished, and the system does not tell whether a process is
    /// writing it.
    Unknown,
}

impl TailState {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::InProgress => "in progress",
            Self::Torn => "torn",
            Self::Unknown => "unfinished",
        }
    }

    pub(super) fn finding(self) -> Finding {
        match self {
            Self::Clean | Self::InProgress => Finding::Sound,
            Self::Torn | Self::Unknown => Finding::Damaged,
        }
    }
}

pub(super) fn report_damage(
    fault: &Fault,
    json: bool,
    out: &mut dyn Write,
) -> Result<Finding, LogCommandError> {
    if json {
        let damage = json!({
            "finding": "damaged",
            "file": fault.file.display().to_string(),
            "offset": fault.offset,
            "damage": fault.damage.to_string(),
        });
        writeln!(out, "{damage}")?;
    } else {
        writeln!(out, "damaged: {fault}")?;
    }
    Ok(Finding::Damaged)
}

pub(super) fn segment_json(segment: &Segment) -> Value {
    json!({
        "file": segment.file_name(),
        "first": segment.first().get(),
        "last": segment.last().get(),
        "bytes": segment.bytes,
        "format": segment.format().to_string(),
        "snapshot": segment.is_snapshot(),
    })
}

pub(super) fn tail_json(tail: &Tail, state: TailState) -> Value {
    match tail {
        Tail::Clean | Tail::Unread => json!({ "state": state.name() }),
        Tail::Torn { path, offset, bytes } => json!({
            "state": state.name(), "file": path.display().to_string(), "offset": offset, "bytes": bytes,
        }),
        Tail::TornCreation { path, bytes } => json!({
            "state": state.name(), "file": path.display().to_string(), "offset": 0, "bytes": bytes,
        }),
    }
}

pub(super) fn tail_text(survey: &Survey, state: TailState) -> String {
    let (path, offset, bytes) = match &survey.tail {
        Tail::Clean | Tail::Unread => return state.name().to_owned(),
        Tail::Torn { path, offset, bytes } => (path, *offset, *bytes),
        Tail::TornCreation { path, bytes } => (path, 0, *bytes),
    };
    let place = format!("{bytes} bytes of {} from byte {offset} on", path.display());
    match state {
        TailState::Torn => format!(
            "torn: {place} were never finished; the next start keeps them aside and cuts them"
        ),
        TailState::Unknown => format!(
            "unfinished: {place}; whether a process is writing them is unknown: the lock file may \
             not be read"
        ),
        TailState::Clean | TailState::InProgress => format!("{}: {place}", state.name()),
    }
}
