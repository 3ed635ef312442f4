//! `/v1/commands/{command_id}`: how far a command has come.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::call::Call;
use super::problem::{InputError, Kind, Problem, Summary};
use crate::app::CommandState;
use crate::domain::{CommandId, Version};

/// The command that a path names.
pub(super) struct CommandParameter(pub(super) CommandId);

impl<S: Send + Sync> FromRequestParts<S> for CommandParameter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused =
            |reason: String| Problem::malformed([InputError::parameter("command_id", reason)]);
        let text: Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        let Path(text) = text.map_err(|_| refused("is not percent-encoded UTF-8".to_owned()))?;
        text.parse()
            .map(Self)
            .map_err(|error: crate::domain::ParseCommandIdError| refused(error.to_string()))
    }
}

/// A command on the wire.
#[derive(Serialize)]
pub struct CommandBody {
    command_id: String,
    seq: u64,
    status: &'static str,
    /// The version that it gave to its note, as long as that is remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// Why it was rejected, or is parked.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Summary>,
}

/// `GET /v1/commands/{command_id}`
pub(super) async fn read(
    call: Call,
    CommandParameter(id): CommandParameter,
) -> Result<Response, Problem> {
    let state = call.daybook.command(id, call.deadline).await?;
    let state =
        state.ok_or_else(|| Problem::new(Kind::CommandNotFound, "There is no such command."))?;
    Ok(Json(CommandBody::new(id, state)).into_response())
}

impl CommandBody {
    /// How far that command has come.
    #[must_use]
    pub fn new(id: CommandId, state: CommandState) -> Self {
        let (status, version, problem) = match state {
            CommandState::Pending => ("pending", None, None),
            CommandState::Applied(version) => ("applied", version.map(Version::get), None),
            CommandState::Rejected(rejection) => ("rejected", None, Some(Problem::from(rejection))),
            CommandState::Parked => ("parked", None, Some(Problem::parked())),
        };
        let problem = problem.map(|problem| problem.summary());
        let seq = id.seq.get();
        Self { command_id: id.to_string(), seq, status, version, problem }
    }
}
