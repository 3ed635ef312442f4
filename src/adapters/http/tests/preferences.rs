//! Writes whose clients do not wait for the outcome, or not for long.

use std::time::Duration;

use rstest::rstest;
use tokio::time::Instant;

use super::harness::{Answer, NOTES, Service, a_note, request};
use crate::adapters::http::Options;
use crate::app;

async fn post(service: &Service, prefer: &str) -> Answer {
    service.send(request("POST", NOTES, &[("prefer", prefer)], &a_note())).await
}

#[tokio::test]
async fn a_write_that_is_not_waited_for_is_answered_when_it_is_logged() {
    let mut service = Service::stopped(app::Options::default());
    service.apply().await;
    let answer = post(&service, "respond-async").await;
    assert_eq!((answer.status.as_u16(), service.logged()), (202, 1));
    assert_eq!(answer.header("preference-applied"), "respond-async");
    assert_eq!(answer.body["status"], "pending");
    let command = answer.header("location").to_owned();
    assert_eq!(service.get(&command).await.body["status"], "pending");
    service.apply().await;
    assert_eq!(service.get(&command).await.body["status"], "applied");
}

#[rstest]
#[case::alone("wait=2", "wait=2")]
#[case::with_the_other("respond-async, wait=2", "respond-async, wait=2")]
#[tokio::test(start_paused = true)]
async fn the_wait_has_the_bound_that_was_asked_for(#[case] prefer: &str, #[case] applied: &str) {
    // The database answers and nobody applies.
    let mut service = Service::stopped(app::Options::default());
    service.apply().await;
    let started = Instant::now();
    let answer = post(&service, prefer).await;
    assert_eq!(answer.status, 202);
    assert_eq!(started.elapsed().as_secs(), 2);
    assert_eq!(answer.header("preference-applied"), applied);
}

#[tokio::test(start_paused = true)]
async fn no_wait_is_longer_than_the_request_may_take() {
    let mut service = Service::stopped(app::Options::default());
    service.apply().await;
    let started = Instant::now();
    assert_eq!(post(&service, "wait=4000000").await.status, 202);
    let limit = Options::default().request_timeout();
    assert!((limit - Duration::from_secs(1)..limit).contains(&started.elapsed()));
}

#[tokio::test]
async fn an_outcome_that_comes_in_time_is_told() {
    let service = Service::started().await;
    let answer = post(&service, "respond-async, wait=20").await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("preference-applied"), "wait=20");
    let answer = service.post(&a_note()).await;
    assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (201, ""));
}

/// An error is not put off.
#[tokio::test]
async fn bad_input_is_told_all_the_same() {
    let service = Service::started().await;
    let bad = serde_json::json!({"title": "", "content": "c", "author": "a"});
    let answer = service.send(request("POST", NOTES, &[("prefer", "respond-async")], &bad)).await;
    assert_eq!((answer.status.as_u16(), service.logged()), (422, 0));
}
