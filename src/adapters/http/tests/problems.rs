//! What a client is told of each error of the application.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use http_body_util::BodyExt as _;
use rstest::rstest;
use serde_json::Value;

use crate::adapters::http::problem::{Kind, Problem, render};
use crate::app::{ReadError, SubmitError};
use crate::domain::{Rejection, Version};
use crate::ports::Refusal;

fn refused(refusal: Refusal) -> SubmitError {
    SubmitError::Refused { refusal, retry_after_seconds: 7 }
}

#[rstest]
#[case(Rejection::NotFound.into(), 404, "note-not-found", "")]
#[case(Rejection::AlreadyExists { current: Version::FIRST }.into(), 409, "note-exists", "")]
#[case(
    Rejection::PreconditionFailed { current: Some(Version::FIRST) }.into(),
    412,
    "precondition-failed",
    ""
)]
#[case(Rejection::Lost.into(), 500, "command-lost", "")]
#[case(Rejection::Discarded.into(), 409, "command-discarded", "")]
#[case(refused(Refusal::QueueFull).into(), 503, "writes-refused", "too many writes wait")]
#[case(refused(Refusal::Unavailable).into(), 503, "writes-refused", "taken nothing for too long")]
#[case(refused(Refusal::Disk).into(), 503, "writes-refused", "the disk cannot take the write")]
#[case(refused(Refusal::ShuttingDown).into(), 503, "writes-refused", "shutting down")]
#[case(
    SubmitError::TooLarge { bytes: 9, max_bytes: 8 }.into(),
    413,
    "content-too-large",
    "takes 9 bytes of log, the limit is 8"
)]
#[case(SubmitError::Unclear.into(), 504, "outcome-unknown", "Read the note before repeating it")]
#[case(
    ReadError::Unavailable { retry_after_seconds: 7 }.into(),
    503,
    "reads-unavailable",
    "Repeat the request later"
)]
#[case(ReadError::Internal.into(), 500, "internal-error", "failed to answer")]
#[case(Problem::parked(), 500, "command-parked", "until an operator steps in")]
#[case(Problem::new(Kind::CommandNotParked, "It is not."), 404, "command-not-parked", "")]
#[tokio::test]
async fn each_error_has_its_answer(
    #[case] problem: Problem,
    #[case] status: u16,
    #[case] slug: &str,
    #[case] detail: &str,
) {
    let response = render(problem.into_response(), "4bf9");
    assert_eq!(response.status().as_u16(), status);
    let is_to_be_repeated = response.status() == StatusCode::SERVICE_UNAVAILABLE;
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap());
    assert_eq!(retry_after, is_to_be_repeated.then_some("7"));
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["type"], format!("urn:daybook:problem:{slug}"));
    assert_eq!((&body["status"], &body["trace_id"]), (&status.into(), &"4bf9".into()));
    assert!(body["detail"].as_str().unwrap().contains(detail), "{body}");
    assert!(!body["title"].as_str().unwrap().is_empty());
}
