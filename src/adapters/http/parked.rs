//! `/v1/parked`: the commands that stand aside, for operators.
//!
//! Unlike every other answer these hold what the database said: an operator has
//! to know what to mend.

use axum::Json;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::commands::{CommandBody, CommandParameter};
use super::problem::{InputError, Kind, Problem};
use super::query_string;
use crate::app::{Release, ReleaseError};
use crate::domain::{CommandId, LogId, Sequence};
use crate::ports::Parked;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// A parked command on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedBody {
    /// The id of the command.
    pub command_id: String,
    /// Its sequence.
    pub seq: u64,
    /// The note that it is about.
    pub note_id: String,
    /// How often it was attempted; 0 when it only waits behind another command
    /// of its note.
    pub attempts: u32,
    /// What the last attempt ended with, or what it waits for.
    pub reason: String,
    /// When it was parked.
    pub since: DateTime<Utc>,
}

/// A part of the list of parked commands on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedPage {
    /// The commands, in the order of the log.
    pub items: Vec<ParkedBody>,
    /// What to give as `from` for more.
    pub next_from: Option<u64>,
}

impl ParkedBody {
    /// That of a command of that log.
    #[must_use]
    pub fn new(log: LogId, parked: Parked) -> Self {
        let Parked { seq, note, attempts, reason, since } = parked;
        let command_id = CommandId { log, seq }.to_string();
        Self { command_id, seq: seq.get(), note_id: note.to_string(), attempts, reason, since }
    }
}

/// `GET /v1/parked`: in the order of the log.
pub(super) async fn list(call: Call, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let (from, limit) =
        parse(query.as_deref().unwrap_or_default()).map_err(|error| Problem::malformed([error]))?;
    let log = call.daybook.log();
    let mut found = call.daybook.parked(from, limit + 1);
    let next_from = found.get(limit).map(|parked| parked.seq.get());
    found.truncate(limit);
    let items = found.into_iter().map(|parked| ParkedBody::new(log, parked)).collect();
    Ok(Json(ParkedPage { items, next_from }).into_response())
}

/// `GET /v1/parked/{command_id}`
pub(super) async fn read(
    call: Call,
    CommandParameter(id): CommandParameter,
) -> Result<Response, Problem> {
    own(&call, id)?;
    let mut found = call.daybook.parked(id.seq, 1);
    let parked = found.pop().filter(|parked| parked.seq == id.seq).ok_or_else(not_parked)?;
    Ok(Json(ParkedBody::new(id.log, parked)).into_response())
}

/// `POST /v1/parked/{command_id}/retry`
pub(super) async fn retry(
    call: Call,
    CommandParameter(id): CommandParameter,
) -> Result<Response, Problem> {
    release(&call, id, Release::Retry).await
}

/// `DELETE /v1/parked/{command_id}`
pub(super) async fn discard(
    call: Call,
    CommandParameter(id): CommandParameter,
) -> Result<Response, Problem> {
    release(&call, id, Release::Discard).await
}

/// The answer is that of `GET /v1/commands/{command_id}`.
async fn release(call: &Call, id: CommandId, how: Release) -> Result<Response, Problem> {
    own(call, id)?;
    let state = call.daybook.release(id.seq, how, call.deadline).await?;
    Ok(Json(CommandBody::new(id, state)).into_response())
}

/// Only the service of its log can do anything about a command.
fn own(call: &Call, id: CommandId) -> Result<(), Problem> {
    if id.log == call.daybook.log() { Ok(()) } else { Err(not_parked()) }
}

fn not_parked() -> Problem {
    Problem::new(Kind::CommandNotParked, "The command of that id is not parked here.")
}

fn parse(query: &str) -> Result<(Sequence, usize), InputError> {
    let (mut from, mut limit) = (None, None);
    let unreadable = |name: String| InputError::parameter(name, "is not percent-encoded UTF-8");
    for (name, value) in query_string::parse(query).map_err(unreadable)? {
        let place = match name.as_str() {
            "from" => &mut from,
            "limit" => &mut limit,
            _ => return Err(InputError::parameter("query", "takes only from and limit")),
        };
        if place.is_some() {
            return Err(InputError::parameter(name, "is given more than once"));
        }
        let number: Result<u64, _> = value.parse();
        *place = Some(number.map_err(|_| InputError::parameter(name, "must be a whole number"))?);
    }
    let limit = match limit {
        None => DEFAULT_LIMIT,
        Some(limit) => usize::try_from(limit)
            .ok()
            .filter(|limit| (1..=MAX_LIMIT).contains(limit))
            .ok_or_else(|| InputError::parameter("limit", "must be from 1 to 200"))?,
    };
    Ok((from.map_or(Sequence::ZERO, Sequence::new), limit))
}

impl From<ReleaseError> for Problem {
    fn from(error: ReleaseError) -> Self {
        match error {
            ReleaseError::NotParked => not_parked(),
            ReleaseError::Unavailable { retry_after_seconds } => {
                Self::reads_unavailable(retry_after_seconds)
            }
            ReleaseError::Unclear => Self::new(
                Kind::OutcomeUnknown,
                "It was begun and may take effect. Read the command before repeating it.",
            ),
        }
    }
}
