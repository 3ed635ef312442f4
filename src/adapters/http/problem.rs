//! Errors as clients see them: RFC 9457 problem details.
//!
//! The `type` of a problem is stable; clients match on it and never on a text.
//!
//! | type `urn:daybook:problem:…` | status | when |
//! | --- | --- | --- |
//! | `malformed-request` | 400 | the request cannot be read: JSON syntax, a field that is unknown, missing, repeated or of the wrong type, a bad id, query parameter, cursor or header |
//! | `no-such-resource` | 404 | the path names nothing that this service has |
//! | `note-not-found` | 404 | there is no such note |
//! | `command-not-found` | 404 | there is no such command |
//! | `command-not-parked` | 404 | no command of that id is parked |
//! | `method-not-allowed` | 405 | the resource has no such method; `Allow` lists those it has |
//! | `request-timeout` | 408 | the body did not arrive in time; nothing was recorded |
//! | `note-exists` | 409 | there is a note with this id already |
//! | `command-discarded` | 409 | the command could not be applied, and an operator gave it up |
//! | `command-lost` | 500 | the log was damaged and repaired, and what the command was is not known |
//! | `precondition-failed` | 412 | `If-Match` or `If-None-Match` does not hold |
//! | `content-too-large` | 413 | the body has more than 256 KiB, or the command does not fit the log |
//! | `unsupported-media-type` | 415 | the body is not JSON, or it is compressed |
//! | `invalid-note` | 422 | the fields can be read, but break a rule of the notes domain |
//! | `internal-error` | 500 | a defect of the service |
//! | `writes-refused` | 503 | the write was not recorded and never takes effect; `Retry-After` tells when to repeat it |
//! | `reads-unavailable` | 503 | the read cannot be answered now; `Retry-After` tells when to repeat it |
//! | `outcome-unknown` | 504 | it is not known whether the write was recorded: it may take effect |
//!
//! Members beside those of the RFC: `trace_id`, on every problem; and `errors`,
//! for bad input. Each entry of `errors` holds a `reason` and one of `pointer`
//! (RFC 6901, into the body), `parameter` (of the path or the query) and
//! `header`.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::{ReadError, SubmitError};
use crate::domain::{FieldError, Invalid, Rejection};
use crate::ports::Refusal;

/// More entries than this are left out of `errors`; the detail says so. A body
/// of 256 KiB can hold a hundred thousand wrong tags.
const MAX_ERRORS: usize = 64;

/// The kinds of problem; see the table in the module documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    MalformedRequest,
    NoSuchResource,
    NoteNotFound,
    CommandNotFound,
    CommandParked,
    CommandNotParked,
    CommandDiscarded,
    CommandLost,
    MethodNotAllowed,
    RequestTimeout,
    NoteExists,
    PreconditionFailed,
    ContentTooLarge,
    UnsupportedMediaType,
    InvalidNote,
    InternalError,
    WritesRefused,
    ReadsUnavailable,
    OutcomeUnknown,
}

impl Kind {
    /// Its `type` after the common prefix, its status and its `title`.
    fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::MalformedRequest => {
                ("malformed-request", StatusCode::BAD_REQUEST, "The request cannot be read")
            }
            Self::NoSuchResource => {
                ("no-such-resource", StatusCode::NOT_FOUND, "There is no such resource")
            }
            Self::CommandNotFound => {
                ("command-not-found", StatusCode::NOT_FOUND, "There is no such command")
            }
            Self::CommandParked => (
                "command-parked",
                StatusCode::INTERNAL_SERVER_ERROR,
                "The command cannot be applied as things are",
            ),
            Self::CommandNotParked => {
                ("command-not-parked", StatusCode::NOT_FOUND, "The command is not parked")
            }
            Self::CommandLost => (
                "command-lost",
                StatusCode::INTERNAL_SERVER_ERROR,
                "The command was lost by the log",
            ),
            Self::CommandDiscarded => {
                ("command-discarded", StatusCode::CONFLICT, "The command was given up")
            }
            Self::NoteNotFound => {
                ("note-not-found", StatusCode::NOT_FOUND, "There is no such note")
            }
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The resource does not have this method",
            ),
            Self::RequestTimeout => {
                ("request-timeout", StatusCode::REQUEST_TIMEOUT, "The request took too long")
            }
            Self::NoteExists => ("note-exists", StatusCode::CONFLICT, "The note exists already"),
            Self::PreconditionFailed => (
                "precondition-failed",
                StatusCode::PRECONDITION_FAILED,
                "The note is not as the request expects",
            ),
            Self::ContentTooLarge => {
                ("content-too-large", StatusCode::PAYLOAD_TOO_LARGE, "The request is too large")
            }
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body has a media type that is not read here",
            ),
            Self::InvalidNote => {
                ("invalid-note", StatusCode::UNPROCESSABLE_ENTITY, "The note breaks a rule")
            }
            Self::InternalError => {
                ("internal-error", StatusCode::INTERNAL_SERVER_ERROR, "The service failed")
            }
            Self::WritesRefused => (
                "writes-refused",
                StatusCode::SERVICE_UNAVAILABLE,
                "Writes are refused at the moment",
            ),
            Self::ReadsUnavailable => (
                "reads-unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "Notes cannot be read at the moment",
            ),
            Self::OutcomeUnknown => (
                "outcome-unknown",
                StatusCode::GATEWAY_TIMEOUT,
                "It is not known whether the write was recorded",
            ),
        }
    }

    /// The kind of an error answer that was made without a [`Problem`].
    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NoSuchResource,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Self::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::ContentTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            status if status.is_client_error() => Self::MalformedRequest,
            _ => Self::InternalError,
        }
    }
}

/// One bad piece of input: where it is and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct InputError {
    #[serde(flatten)]
    place: Place,
    reason: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Pointer(String),
    Parameter(Cow<'static, str>),
    Header(&'static str),
}

impl InputError {
    /// In the body, at that JSON pointer.
    pub(super) fn body(pointer: impl Into<String>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { place: Place::Pointer(pointer.into()), reason: reason.into() }
    }

    /// In that parameter of the path or the query.
    pub(super) fn parameter(
        name: impl Into<Cow<'static, str>>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { place: Place::Parameter(name.into()), reason: reason.into() }
    }

    /// In that header.
    pub(super) fn header(name: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { place: Place::Header(name), reason: reason.into() }
    }
}

impl From<FieldError> for InputError {
    fn from(error: FieldError) -> Self {
        Self::body(error.pointer, error.reason)
    }
}

/// An error answer without its trace id, which [`render`] adds.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<InputError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of that kind. The detail is for the client: it holds nothing
    /// of the inside of the service.
    pub(super) fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), headers: Vec::new() }
    }

    /// A request that cannot be read, and why.
    pub(super) fn malformed(errors: impl Into<Vec<InputError>>) -> Self {
        Self::input(Kind::MalformedRequest, errors.into())
    }

    /// Fields that can be read but break a rule.
    pub(super) fn invalid(errors: impl Into<Vec<InputError>>) -> Self {
        Self::input(Kind::InvalidNote, errors.into())
    }

    /// A defect. What it was belongs into the service's own log.
    pub(super) fn internal() -> Self {
        Self::new(Kind::InternalError, "The service failed to answer this request.")
    }

    /// A command that stands aside.
    pub(super) fn parked() -> Self {
        Self::new(
            Kind::CommandParked,
            "The command is recorded and stands aside until an operator steps in.",
        )
    }

    /// A read that cannot be answered now.
    pub(super) fn reads_unavailable(retry_after_seconds: u64) -> Self {
        Self::new(Kind::ReadsUnavailable, "The database does not answer. Repeat the request later.")
            .with_header(RETRY_AFTER, HeaderValue::from(retry_after_seconds))
    }

    /// A write of which it is not known whether it was recorded.
    pub(super) fn outcome_unknown() -> Self {
        Self::new(
            Kind::OutcomeUnknown,
            "The write may or may not take effect. Read the note before repeating it.",
        )
    }

    /// The same with a header of that name and value, for example `Accept-Post`.
    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The problem without what belongs to one request.
    pub(super) fn summary(self) -> Summary {
        let (slug, status, title) = self.kind.parts();
        Summary { r#type: type_of(slug), title, status: status.as_u16(), detail: self.detail }
    }

    fn input(kind: Kind, mut errors: Vec<InputError>) -> Self {
        let detail = match errors.len().checked_sub(MAX_ERRORS) {
            Some(more @ 1..) => {
                Cow::from(format!("See errors for what is wrong; {more} more are left out."))
            }
            _ => Cow::from("See errors for what is wrong."),
        };
        errors.truncate(MAX_ERRORS);
        Self { errors, ..Self::new(kind, detail) }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        let errors: Vec<_> = invalid.fields.into_iter().map(InputError::from).collect();
        Self::invalid(errors)
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let kind = match rejection {
            Rejection::NotFound => Kind::NoteNotFound,
            Rejection::AlreadyExists { .. } => Kind::NoteExists,
            Rejection::PreconditionFailed { .. } => Kind::PreconditionFailed,
            Rejection::Lost => Kind::CommandLost,
            Rejection::Discarded => Kind::CommandDiscarded,
        };
        Self::new(kind, rejection.to_string())
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Refused { refusal, retry_after_seconds } => {
                let why = match refusal {
                    Refusal::QueueFull => "too many writes wait for the database",
                    Refusal::Unavailable => "the database has taken nothing for too long",
                    Refusal::Disk => "the disk cannot take the write",
                    Refusal::ShuttingDown => "the service is shutting down",
                };
                let detail = format!("The write was not recorded and never takes effect: {why}.");
                Self::new(Kind::WritesRefused, detail)
                    .with_header(RETRY_AFTER, HeaderValue::from(retry_after_seconds))
            }
            SubmitError::TooLarge { bytes, max_bytes } => Self::new(
                Kind::ContentTooLarge,
                format!("The write takes {bytes} bytes of log, the limit is {max_bytes}."),
            ),
            SubmitError::Unclear => Self::outcome_unknown(),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable { retry_after_seconds } => {
                Self::reads_unavailable(retry_after_seconds)
            }
            ReadError::Internal => Self::internal(),
        }
    }
}

impl IntoResponse for Problem {
    /// An answer whose body is still empty: [`render`] writes it.
    fn into_response(mut self) -> Response {
        let (_, status, _) = self.kind.parts();
        let mut response = status.into_response();
        response.headers_mut().extend(std::mem::take(&mut self.headers));
        response.extensions_mut().insert(self);
        response
    }
}

/// A problem as a part of another document.
#[derive(Serialize)]
pub(super) struct Summary {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: Cow<'static, str>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    trace_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [InputError],
}

/// Gives every error answer its problem document, also one that the framework
/// made. An error answer that carries JSON already is left as it is.
pub(super) fn render(mut response: Response, trace_id: &str) -> Response {
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if !(status.is_client_error() || status.is_server_error()) => return response,
        None if is_json(response.headers()) => return response,
        None => Problem::new(Kind::of_status(status), "The request cannot be answered."),
    };
    let (slug, _, title) = problem.kind.parts();
    let document = Document {
        r#type: type_of(slug),
        title,
        status: status.as_u16(),
        detail: &problem.detail,
        trace_id,
        errors: &problem.errors,
    };
    // Strings and numbers cannot fail to serialize; if they did, the status tells.
    let body = serde_json::to_vec(&document).unwrap_or_default();
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    Response::from_parts(parts, Body::from(body))
}

fn type_of(slug: &str) -> String {
    format!("urn:daybook:problem:{slug}")
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}
