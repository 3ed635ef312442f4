//! One command of the log as `daybook log cat` prints it.

use std::io;

use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::domain::{Command, CommandId, LogId, Precondition, Sequence, Submission};

/// A command, with everything that was logged of it. The names are those of the
/// HTTP interface, independent of how the segment is encoded.
#[derive(Serialize)]
pub(super) struct LogRecord<'a> {
    sequence: u64,
    /// In a snapshot, where it stands for earlier commands too.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_sequence: Option<u64>,
    command_id: String,
    accepted_at: String,
    kind: &'static str,
    note_id: String,
    /// The given fields of the note; none for a deletion.
    fields: Value,
    precondition: Value,
    idempotency: Value,
    principal: Option<&'a str>,
    trace_id: Option<&'a str>,
}

impl<'a> LogRecord<'a> {
    pub(super) fn new(
        log: LogId,
        first: Sequence,
        seq: Sequence,
        submission: &'a Submission,
    ) -> Self {
        let Submission { accepted_at, command, precondition, idempotency, principal, trace_id } =
            submission;
        Self {
            sequence: seq.get(),
            first_sequence: (first < seq).then_some(first.get()),
            command_id: CommandId { log, seq }.to_string(),
            accepted_at: accepted_at.to_rfc3339_opts(SecondsFormat::Nanos, true),
            kind: command.kind(),
            note_id: command.note_id().to_string(),
            fields: fields(command),
            precondition: conditions(precondition),
            idempotency: idempotency.as_ref().map_or(
                Value::Null,
                |given| json!({ "key": given.key, "fingerprint": given.fingerprint }),
            ),
            principal: principal.as_deref(),
            trace_id: trace_id.as_deref(),
        }
    }
}

impl LogRecord<'_> {
    /// Its line of JSON, with the end of the line.
    pub(super) fn line(&self) -> io::Result<String> {
        let mut line = serde_json::to_string(self)?;
        line.push('\n');
        Ok(line)
    }
}

fn fields(command: &Command) -> Value {
    let mut fields = Map::new();
    match command {
        Command::Create { draft, .. } | Command::Put { draft, .. } => {
            let draft = draft.get();
            fields.insert("title".to_owned(), json!(draft.title));
            fields.insert("content".to_owned(), json!(draft.content));
            fields.insert("author".to_owned(), json!(draft.author));
            fields.insert("tags".to_owned(), json!(draft.tags));
        }
        Command::Patch { patch, .. } => {
            let patch = patch.get();
            let given = [
                ("title", patch.title.as_ref().map(|title| json!(title))),
                ("content", patch.content.as_ref().map(|content| json!(content))),
                ("author", patch.author.as_ref().map(|author| json!(author))),
                ("tags", patch.tags.as_ref().map(|tags| json!(tags))),
            ];
            fields.extend(
                given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))),
            );
        }
        // The whole note, with what the log would otherwise tell of it.
        Command::Restate { note, .. } => {
            fields.insert("note".to_owned(), json!(note));
        }
        Command::Refuse { rejection, .. } => {
            fields.insert("rejection".to_owned(), json!(rejection.code()));
            fields.insert("current".to_owned(), json!(rejection.current()));
        }
        Command::Delete { .. } | Command::Lost => {}
    }
    Value::Object(fields)
}

fn conditions(precondition: &Precondition) -> Value {
    match precondition {
        Precondition::None => Value::Null,
        Precondition::MustNotExist => json!({ "must_exist": false }),
        Precondition::MustExist => json!({ "must_exist": true }),
        Precondition::VersionIn(versions) => {
            let versions: Vec<u64> = versions.iter().map(|version| version.get()).collect();
            json!({ "must_exist": true, "version_in": versions })
        }
    }
}
