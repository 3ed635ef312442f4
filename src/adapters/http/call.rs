//! One request's use of the application.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use tokio::time::Instant;

use super::answer;
use super::options::Deadlines;
use super::prefer::Preferences;
use super::problem::Problem;
use super::trace::TraceId;
use crate::app::{Daybook, WriteRequest};
use crate::domain::{Command, Precondition};

/// The application, with what the request brings to each call of it.
pub(super) struct Call {
    pub(super) daybook: Arc<Daybook>,
    /// Until when the application must answer.
    pub(super) deadline: Instant,
    trace_id: String,
    preferences: Preferences,
    came_in: Instant,
}

impl FromRequestParts<Arc<Daybook>> for Call {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        daybook: &Arc<Daybook>,
    ) -> Result<Self, Problem> {
        let deadlines = parts.extensions.get::<Deadlines>().ok_or_else(Problem::internal)?;
        let TraceId(trace_id) = parts.extensions.get().cloned().ok_or_else(Problem::internal)?;
        Ok(Self {
            daybook: Arc::clone(daybook),
            deadline: deadlines.app,
            trace_id,
            preferences: Preferences::read(&parts.headers),
            came_in: Instant::now(),
        })
    }
}

impl Call {
    /// Submits a command and answers with what became of it. When the client
    /// goes away meanwhile, the command is not taken back.
    pub(super) async fn submit(
        self,
        command: Command,
        precondition: Precondition,
    ) -> Result<Response, Problem> {
        let Self { daybook, deadline, trace_id, preferences, came_in } = self;
        let (trace_id, wait) = (Some(trace_id), preferences.wait(came_in));
        let request = WriteRequest { command, precondition, trace_id, wait };
        let submitted = daybook.submit(request, deadline).await?;
        let applied = preferences.applied(submitted.outcome.is_some());
        let mut response = answer::written(submitted);
        response.headers_mut().extend(applied);
        Ok(response)
    }
}
