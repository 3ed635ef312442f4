//! `/v1/notes` and `/v1/notes/{id}`, but for the list.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;

use super::answer;
use super::call::Call;
use super::precondition::{self, ReadConditions};
use super::problem::Problem;
use super::request::{self, IdParameter, Media};
use crate::domain::{Command, Precondition};

/// An id whose badness is told only after the body was read.
type Id = Result<IdParameter, Problem>;

/// `POST /v1/notes`
pub(super) async fn create(
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let content = request::read(Media::Post, &headers, body, call.deadline).await?;
    precondition::none(&headers)?;
    let draft = request::draft(&content)?;
    let command = Command::Create { id: call.daybook.next_id(), draft };
    call.submit(command, Precondition::None).await
}

/// `GET /v1/notes/{id}`
pub(super) async fn read(call: Call, id: Id, headers: HeaderMap) -> Result<Response, Problem> {
    let IdParameter(id) = id?;
    let conditions = ReadConditions::read(&headers)?;
    let found = call.daybook.get(&id, call.deadline).await?;
    Ok(answer::read(found, &conditions))
}

/// `PUT /v1/notes/{id}`
pub(super) async fn put(
    call: Call,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let content = request::read(Media::Put, &headers, body, call.deadline).await?;
    let IdParameter(id) = id?;
    let precondition = precondition::of_write(&headers)?;
    let draft = request::draft(&content)?;
    call.submit(Command::Put { id, draft }, precondition).await
}

/// `PATCH /v1/notes/{id}`
pub(super) async fn patch(
    call: Call,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let content = request::read(Media::Patch, &headers, body, call.deadline).await?;
    let IdParameter(id) = id?;
    let precondition = precondition::of_write(&headers)?;
    let patch = request::patch(&content)?;
    call.submit(Command::Patch { id, patch }, precondition).await
}

/// `DELETE /v1/notes/{id}`
pub(super) async fn delete(call: Call, id: Id, headers: HeaderMap) -> Result<Response, Problem> {
    let IdParameter(id) = id?;
    let precondition = precondition::of_write(&headers)?;
    call.submit(Command::Delete { id }, precondition).await
}
