//! What the service says of a request: its ids, its line in the log, and what
//! it keeps to itself.

use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use rstest::rstest;
use serde_json::json;
use tracing::subscriber::DefaultGuard;

use super::harness::{Answer, NOTES, Service, a_note, request};
use crate::adapters::http::Options;
use crate::adapters::http::router::surround;
use crate::adapters::telemetry::REJECTIONS;

/// Everything that is logged on this thread while it lives.
pub(super) struct Captured {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Captured {
    pub(super) fn start() -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(format!("trace,{REJECTIONS}=off"))
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }

    pub(super) fn lines_with(&self, words: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn a_request_has_one_line_without_what_clients_wrote() {
    let captured = Captured::start();
    let service = Service::started().await;
    let note = json!({
        "title": "secret-title", "content": "secret-content", "author": "secret-author",
        "tags": ["secret-tag"],
    });
    let headers = [("x-request-id", "req-1")];
    let put = request("PUT", "/v1/notes/secret-key", &headers, &note);
    assert_eq!(service.send(put).await.status, 201);
    service.get("/v1/notes?tag=secret-tag&author=secret-author").await;
    service.get("/secret-path").await.assert_problem(404, "no-such-resource");
    service.post(&json!({"title": "secret-title", "secret-field": 1})).await;

    let lines = captured.lines_with("request answered");
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (line, words) in lines.iter().zip([
        &["method=PUT", "route=\"/v1/notes/{id}\"", "status=201", "request_id=req-1"][..],
        &["method=GET", "route=\"/v1/notes\"", "status=200", "duration_ms="],
        &["method=GET", "route=\"none\"", "status=404"],
        &["method=POST", "route=\"/v1/notes\"", "status=400"],
    ]) {
        assert!(line.contains("INFO"), "{line}");
        for word in words {
            assert!(line.contains(word), "{word}: {line}");
        }
    }
    // Only a line about a single command names its note.
    let text = captured.text();
    let (about, others): (Vec<_>, Vec<_>) =
        text.lines().partition(|line| line.contains("daybook::commands"));
    assert!(!others.concat().contains("secret"), "{text}");
    assert!(!about.concat().replace("notes:secret-key", "").contains("secret"), "{text}");
}

#[rstest]
#[case(&[("x-request-id", "req-1")], "req-1", "req-1")]
#[case(
    &[("x-request-id", "req-1"), ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")],
    "req-1",
    "4bf92f3577b34da6a3ce929d0e0e4736"
)]
#[tokio::test]
async fn the_ids_of_the_client_are_kept(
    #[case] headers: &[(&str, &str)],
    #[case] request_id: &str,
    #[case] trace_id: &str,
) {
    let service = Service::started().await;
    let answer = service.send(request("POST", NOTES, headers, &json!({}))).await;
    assert_eq!(answer.header("x-request-id"), request_id);
    assert_eq!(answer.body["trace_id"], trace_id);
}

#[tokio::test]
async fn a_strange_request_id_is_replaced() {
    let service = Service::started().await;
    let headers = [("x-request-id", "a b")];
    let answer = service.send(request("POST", NOTES, &headers, &a_note())).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("x-request-id").len(), 36);
}

/// The routes of a service whose handlers fail in every way there is.
fn failing() -> Router {
    async fn panics() -> StatusCode {
        panic!("secret-reason")
    }
    async fn bare() -> impl IntoResponse {
        (StatusCode::BAD_GATEWAY, [(CONTENT_LENGTH, "13")], "secret-reason")
    }
    async fn rejects(number: axum::extract::Path<u8>) -> String {
        number.to_string()
    }
    let routes = Router::new().route("/panics", get(panics)).route("/bare", get(bare));
    surround(routes.route("/rejects/{number}", get(rejects)), Options::default())
}

#[rstest]
#[case::panic("/panics", 500, "internal-error")]
#[case::text("/bare", 502, "internal-error")]
#[case::rejection("/rejects/secret-reason", 400, "malformed-request")]
#[tokio::test]
async fn no_failure_escapes_as_it_is(#[case] path: &str, #[case] status: u16, #[case] slug: &str) {
    let captured = Captured::start();
    let answer = Answer::of(failing(), Request::get(path).body(Body::empty()).unwrap()).await;
    answer.assert_problem(status, slug);
    assert_ne!(answer.header("content-length"), "13");
    assert!(!answer.body.to_string().contains("secret"), "{answer:?}");
    assert_eq!(captured.lines_with("ERROR").len(), usize::from(path == "/panics"));
    assert!(!captured.text().contains("secret"), "{}", captured.text());
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_a_line_too() {
    let captured = Captured::start();
    let service = Service::stopped(crate::app::Options::default());
    let note = a_note();
    {
        let mut sending = std::pin::pin!(service.post(&note));
        // One look starts the request; nobody will ever look again.
        let looked = std::future::poll_fn(|context| {
            std::task::Poll::Ready(sending.as_mut().poll(context).is_ready())
        });
        assert!(!looked.await);
    }
    assert_eq!(captured.lines_with("request given up by the client").len(), 1);
}
