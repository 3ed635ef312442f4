//! Requests that end late, and services that cannot answer.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Request;
use axum::routing::any;
use rstest::rstest;
use tokio::time::{Instant, sleep};

use super::harness::{Answer, NOTES, Service, a_note, request};
use super::pieces::sent_in_pieces;
use crate::adapters::http::Options;
use crate::adapters::http::router::surround;
use crate::app;

fn post(body: Body) -> Request<Body> {
    Request::post(NOTES).header("content-type", "application/json").body(body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_a_timeout() {
    let service = Service::started().await;
    let started = Instant::now();
    let (_sender, body) = sent_in_pieces();
    let answer = service.send(post(body)).await;
    answer.assert_problem(408, "request-timeout");
    assert_eq!(answer.header("connection"), "close");
    assert!(started.elapsed() < Options::default().request_timeout());
    assert_eq!(service.logged(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_a_timeout() {
    let service = Service::started().await;
    let (sender, body) = sent_in_pieces();
    let sending = tokio::spawn(async move {
        while sender.send(Ok(Bytes::from_static(b" "))).await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    service.send(post(body)).await.assert_problem(408, "request-timeout");
    sending.await.unwrap();
    assert_eq!(service.logged(), 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_malformed() {
    let service = Service::started().await;
    let (sender, body) = sent_in_pieces();
    sender.send(Ok(Bytes::from_static(b"{\"title\":"))).await.unwrap();
    sender.send(Err(std::io::Error::other("gone"))).await.unwrap();
    service.send(post(body)).await.assert_problem(400, "malformed-request");
    assert_eq!(service.logged(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_without_end_is_too_large() {
    let service = Service::started().await;
    let (sender, body) = sent_in_pieces();
    let sending = tokio::spawn(async move {
        let mut sent = 0_usize;
        while sender.send(Ok(Bytes::from_static(&[b' '; 8192]))).await.is_ok() {
            sent += 8192;
        }
        sent
    });
    service.send(post(body)).await.assert_problem(413, "content-too-large");
    let sent = sending.await.unwrap();
    assert!(sent < 10 * 1024 * 1024, "{sent} bytes were taken");
    assert_eq!(service.logged(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_application_answers_before_the_last_deadline() {
    let service = Service::stopped(app::Options::default());
    let started = Instant::now();
    assert_eq!(service.post(&a_note()).await.status, 202);
    let took = started.elapsed();
    let limit = Options::default().request_timeout();
    assert!(took < limit && took > limit / 2, "{took:?}");
}

#[rstest]
#[case("GET", 503, "reads-unavailable")]
#[case("POST", 504, "outcome-unknown")]
#[case("DELETE", 504, "outcome-unknown")]
#[tokio::test(start_paused = true)]
async fn what_hangs_is_given_up(#[case] method: &str, #[case] status: u16, #[case] slug: &str) {
    let hangs = Router::new().route("/hangs", any(std::future::pending::<()>));
    let options = Options::default().with_request_timeout(Duration::from_secs(3)).unwrap();
    let started = Instant::now();
    let hanging = request(method, "/hangs", &[], &a_note());
    let answer = Answer::of(surround(hangs, options), hanging).await;
    answer.assert_problem(status, slug);
    assert_eq!(answer.header("retry-after").is_empty(), status == 504);
    assert_eq!(started.elapsed().as_secs(), 3);
}

#[rstest]
#[case("/v1/notes/a")]
#[case(NOTES)]
#[tokio::test]
async fn reads_need_the_database(#[case] path: &str) {
    let service = Service::stopped(app::Options::default());
    let answer = service.get(path).await;
    answer.assert_problem(503, "reads-unavailable");
    let retry_after: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&retry_after), "{retry_after}");
}

#[tokio::test]
async fn writes_are_refused_while_the_disk_fails() {
    let service = Service::started().await;
    service.log.set_outage(Some("no space left on /secret/disk"));
    let answer = service.post(&a_note()).await;
    answer.assert_problem(503, "writes-refused");
    assert_eq!(answer.header("retry-after"), "5");
    assert!(!answer.body.to_string().contains("secret"), "{answer:?}");
    assert_eq!(service.logged(), 0);
}

#[tokio::test]
async fn writes_are_refused_while_the_database_is_away_for_too_long() {
    let options = app::Options { unavailable_after: Some(Duration::ZERO), ..Default::default() };
    let service = Service::stopped(options);
    let answer = service.post(&a_note()).await;
    answer.assert_problem(503, "writes-refused");
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(service.logged(), 0);
}
