//! A collector on a socket, and what it is sent.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use serde_json::json;
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::registry;
use uuid::Uuid;

use super::{Export, ExportError, Traces};
use crate::adapters::http;
use crate::adapters::memory::{
    ManualClock, MemoryLog, MemoryMetrics, MemoryStore, SequentialNoteIds,
};
use crate::app::{self, Applier, Daybook, Ports, Step};
use crate::domain::LogId;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// What a collector was sent.
type Sent = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

async fn collector() -> (String, Sent) {
    async fn take(State(sent): State<Sent>, headers: HeaderMap, body: Bytes) -> StatusCode {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        sent.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
        StatusCode::OK
    }
    let sent = Sent::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&sent));
    tokio::spawn(
        async move { http::serve(listener, router, std::future::pending(), PATIENCE).await },
    );
    (url, sent)
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Traces of this thread, on their way to that collector.
fn traced(url: &str) -> (Export, DefaultGuard) {
    let traces = Traces::default();
    let guard = tracing::subscriber::set_default(traces.clone().over(registry()));
    (traces.export_to(url).unwrap(), guard)
}

fn service(log: &Arc<MemoryLog>, store: &Arc<MemoryStore>) -> (Router, Applier) {
    let ports = Ports {
        log: log.clone(),
        store: store.clone(),
        clock: Arc::new(ManualClock::default()),
        note_ids: Arc::new(SequentialNoteIds::default()),
        metrics: Arc::new(MemoryMetrics::default()),
    };
    let (daybook, applier) = Daybook::new(ports, app::Options::default());
    (http::router(Arc::new(daybook), http::Options::default()), applier)
}

async fn put(router: &Router, key: &str, header: (&str, &str)) -> u16 {
    let note = json!({ "title": "secret", "content": "secret", "author": "secret" });
    let request = Request::put(format!("/v1/notes/{key}?"))
        .header("content-type", "application/json")
        .header(header.0, header.1)
        .body(Body::from(note.to_string()))
        .unwrap();
    router.clone().oneshot(request).await.unwrap().status().as_u16()
}

/// The spans by name, in the order in which they ended.
fn spans(sent: &Sent, name: &str) -> Vec<Span> {
    let sent = sent.lock().unwrap();
    let resources = sent.iter().flat_map(|sent| &sent.resource_spans);
    let spans = resources.flat_map(|of| &of.scope_spans).flat_map(|of| &of.spans);
    spans.filter(|span| span.name == name).cloned().collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attribute(span: &Span, key: &str) -> Option<Value> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.clone()?.value
}

fn text(text: &str) -> Option<Value> {
    Some(Value::StringValue(text.to_owned()))
}

#[tokio::test]
async fn a_request_and_its_command_are_in_one_trace_over_a_restart() {
    let (url, sent) = collector().await;
    let (export, _guard) = traced(&url);
    let log = Arc::new(MemoryLog::new(LogId::from_uuid(Uuid::from_u128(7))));
    let store = Arc::new(MemoryStore::new());
    store.set_outage(true);
    let (router, mut applier) = service(&log, &store);
    assert!(matches!(applier.apply_next().await.unwrap(), Step::Blocked { .. }));
    let traceparent = format!("00-{TRACE}-{PARENT}-00");
    assert_eq!(put(&router, "secret-key", ("traceparent", &traceparent)).await, 202);
    let uuid = "7f0cdde2-8661-4448-9502-c91751673e26";
    assert_eq!(put(&router, "secret-too", ("x-request-id", uuid)).await, 202);
    drop((router, applier));

    store.set_outage(false);
    let (router, mut applier) = service(&log, &store);
    while applier.apply_next().await.unwrap() != Step::CaughtUp {}
    let nothing = Request::get("/secret-path").body(Body::empty()).unwrap();
    assert_eq!(router.oneshot(nothing).await.unwrap().status(), StatusCode::NOT_FOUND);
    export.stop().await;

    let requests = spans(&sent, "PUT /v1/notes/{id}");
    let commands = spans(&sent, "apply command");
    let [first, second] = &requests[..] else { panic!("{requests:?}") };
    let [applied, applied_too] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!((hex(&first.trace_id), hex(&first.parent_span_id)), (TRACE.into(), PARENT.into()));
    assert_eq!(first.kind, SpanKind::Server as i32);
    assert_eq!(attribute(first, "http.request.method"), text("PUT"));
    assert_eq!(attribute(first, "http.route"), text("/v1/notes/{id}"));
    assert_eq!(attribute(first, "http.response.status_code"), Some(Value::IntValue(202)));
    assert!(first.start_time_unix_nano <= first.end_time_unix_nano);

    assert_eq!(hex(&applied.trace_id), TRACE);
    assert_eq!(applied.kind, SpanKind::Internal as i32);
    assert!(applied.parent_span_id.is_empty(), "the log does not keep it");
    assert_eq!(attribute(applied, "daybook.command.seq"), Some(Value::IntValue(1)));
    assert_eq!(attribute(applied, "daybook.command.outcome"), text("created"));
    assert!(applied.start_time_unix_nano >= first.end_time_unix_nano);

    assert!(second.parent_span_id.is_empty());
    assert_eq!(hex(&second.trace_id), uuid.replace('-', ""));
    assert_eq!(applied_too.trace_id, second.trace_id);
    assert_eq!(spans(&sent, "GET").len(), 1, "no route, no name of one");
    let sent = format!("{:?}", sent.lock().unwrap());
    assert!(!sent.contains("secret") && sent.contains("service.version"), "{sent}");
}

#[tokio::test]
async fn a_collector_that_is_away_changes_nothing() {
    // Nobody listens there once it is dropped.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    drop(listener);
    let (export, _guard) = traced(&url);
    let log = Arc::new(MemoryLog::new(LogId::from_uuid(Uuid::from_u128(7))));
    let (router, mut applier) = service(&log, &Arc::new(MemoryStore::new()));
    applier.apply_next().await.unwrap();
    let started = Instant::now();
    for _ in 0..5000 {
        let nothing = Request::get("/health/live").body(Body::empty()).unwrap();
        assert_eq!(router.clone().oneshot(nothing).await.unwrap().status(), StatusCode::OK);
    }
    export.stop().await;
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_collector_that_does_not_answer_holds_the_end_up_for_seconds_only() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let (export, _guard) = traced(&url);
    tracing::debug!(target: crate::app::COMMANDS, seq = 1_u64, outcome = "created", "told");
    let started = Instant::now();
    export.stop().await;
    let took = started.elapsed();
    assert!(Duration::from_secs(4) < took && took < Duration::from_secs(9), "{took:?}");
    drop(listener);
}

#[tokio::test]
async fn there_is_one_collector() {
    let traces = Traces::default();
    let export = traces.export_to("http://127.0.0.1:9/v1/traces").unwrap();
    let another = traces.export_to("http://127.0.0.1:9/v1/traces");
    assert!(matches!(another, Err(ExportError::Twice)), "{another:?}");
    export.stop().await;
}
