//! Answers that are not errors.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::etag;
use super::precondition::{ReadConditions, Verdict};
use super::problem::{Kind, Problem};
use crate::app::{Consistency, ReadNote, Submitted};
use crate::domain::{Change, Note};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a note has as JSON beside its longest texts, when it has few tags.
const BODY_OVERHEAD: usize = 512;

const CONSISTENCY: HeaderName = HeaderName::from_static("daybook-consistency");

/// A note on the wire. Its times are RFC 3339, in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct NoteBody {
    id: String,
    title: String,
    content: String,
    author: String,
    tags: Vec<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: u64,
}

impl From<Note> for NoteBody {
    fn from(note: Note) -> Self {
        let Note { id, title, content, author, tags, created_at, updated_at, version } = note;
        Self {
            id: id.to_string(),
            title,
            content,
            author,
            tags,
            created_at,
            updated_at,
            version: version.get(),
        }
    }
}

/// A write that is in the log and not yet in the database.
#[derive(Serialize)]
struct PendingBody {
    id: String,
    command_id: String,
    seq: u64,
    status: &'static str,
}

/// The answer to a write that was recorded.
pub(super) fn written(submitted: Submitted) -> Response {
    match submitted.outcome {
        Some(Ok(Change::Created(note))) => {
            let location = location(format!("/v1/notes/{}", note.id.key()));
            (StatusCode::CREATED, [(LOCATION, location)], with_etag(note)).into_response()
        }
        Some(Ok(Change::Updated(note))) => with_etag(note).into_response(),
        Some(Ok(Change::Deleted)) => StatusCode::NO_CONTENT.into_response(),
        Some(Err(rejection)) => Problem::from(rejection).into_response(),
        None => {
            let Submitted { command_id, note_id, .. } = submitted;
            let body = PendingBody {
                id: note_id.to_string(),
                command_id: command_id.to_string(),
                seq: command_id.seq.get(),
                status: "pending",
            };
            let location = location(format!("/v1/commands/{command_id}"));
            (StatusCode::ACCEPTED, [(LOCATION, location)], Json(body)).into_response()
        }
    }
}

/// The answer to a read, with every change that was acknowledged before.
pub(super) fn read(found: ReadNote, conditions: &ReadConditions) -> Response {
    let consistency = HeaderValue::from_static(match found.consistency {
        Consistency::Current => "current",
        Consistency::Pending => "pending",
        Consistency::Stale => "stale",
    });
    let Some(note) = found.note else {
        let problem = Problem::new(Kind::NoteNotFound, "There is no such note.");
        return problem.with_header(CONSISTENCY, consistency).into_response();
    };
    let consistency = [(CONSISTENCY, consistency)];
    // A version that may turn out to be another is no entity tag.
    let version = (!found.assumed).then_some(note.version);
    match conditions.judge(version) {
        Verdict::Send if found.assumed => (consistency, body_of(note)).into_response(),
        Verdict::Send => (consistency, with_etag(note)).into_response(),
        Verdict::NotModified => {
            let etag = version.map(|version| [(ETAG, etag::of(version))]);
            (
                StatusCode::NOT_MODIFIED,
                consistency,
                etag.into_iter().flatten().collect::<HeaderMap>(),
            )
                .into_response()
        }
        Verdict::Failed => {
            let detail = format!("The note is at version {}.", note.version);
            Problem::new(Kind::PreconditionFailed, detail).into_response()
        }
    }
}

fn with_etag(note: Note) -> impl IntoResponse {
    ([(ETAG, etag::of(note.version))], body_of(note))
}

/// A note as JSON, in one piece of memory: a buffer that grows as it is written
/// copies most notes four times.
fn body_of(note: Note) -> Response {
    let length = note.title.len() + note.content.len() + BODY_OVERHEAD;
    let mut body = Vec::with_capacity(length);
    match serde_json::to_writer(&mut body, &NoteBody::from(note)) {
        Ok(()) => ([(CONTENT_TYPE, JSON)], body).into_response(),
        Err(_) => Problem::internal().into_response(),
    }
}

/// A path of ids, which hold no character that a URI or a header would not.
fn location(path: String) -> HeaderValue {
    HeaderValue::try_from(path).unwrap_or_else(|_| HeaderValue::from_static("/"))
}
