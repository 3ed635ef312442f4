//! A service to send requests to.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::adapters::http::{Options, router};
use crate::adapters::memory::{
    ManualClock, MemoryLog, MemoryMetrics, MemoryStore, SequentialNoteIds,
};
use crate::app::{self, Applier, Daybook, Ports, Step, Wait, WriteRequest};
use crate::domain::{Checked, Command, LogId, NoteDraft, Precondition, Sequence};
use crate::ports::CommandLog as _;

pub(super) const NOTES: &str = "/v1/notes";

/// The service, and what is behind it.
pub(super) struct Service {
    pub(super) router: Router,
    pub(super) log: Arc<MemoryLog>,
    pub(super) store: Arc<MemoryStore>,
    daybook: Arc<Daybook>,
    applier: Option<Applier>,
    stop: watch::Sender<bool>,
}

impl Service {
    /// A service whose database answers and whose commands are applied.
    pub(super) async fn started() -> Self {
        let mut service = Self::stopped(app::Options::default());
        service.apply().await;
        service.resume();
        service
    }

    /// A service whose database was never reached; commands are not applied.
    pub(super) fn stopped(options: app::Options) -> Self {
        let log = Arc::new(MemoryLog::new(LogId::from_uuid(Uuid::from_u128(7))));
        let store = Arc::new(MemoryStore::new());
        let ports = Ports {
            log: log.clone(),
            store: store.clone(),
            clock: Arc::new(ManualClock::default()),
            note_ids: Arc::new(SequentialNoteIds::default()),
            metrics: Arc::new(MemoryMetrics::default()),
        };
        let (daybook, applier) = Daybook::new(ports, options);
        let daybook = Arc::new(daybook);
        let router = router(Arc::clone(&daybook), Options::default());
        let stop = watch::Sender::new(false);
        Self { router, log, store, daybook, applier: Some(applier), stop }
    }

    /// Serves with these options from now on.
    pub(super) fn limit(&mut self, options: Options) {
        self.router = router(Arc::clone(&self.daybook), options);
    }

    /// Puts a command into the log without waiting for what becomes of it.
    pub(super) async fn log_a_write(&self) {
        let draft = NoteDraft {
            title: "t".to_owned(),
            content: "c".to_owned(),
            author: "a".to_owned(),
            tags: Vec::new(),
        };
        let draft = Checked::new(draft).unwrap();
        let request = WriteRequest {
            command: Command::Create { id: self.daybook.next_id(), draft },
            precondition: Precondition::None,
            trace_id: None,
            wait: Wait::ToDeadline,
        };
        drop(self.daybook.submit(request, Instant::now()).await);
        self.log.wait_past(Sequence::ZERO).await.unwrap();
    }

    /// Takes steps until there is nothing to apply or something is in the way.
    pub(super) async fn apply(&mut self) {
        let applier = self.applier.as_mut().unwrap();
        while let Step::Applied { .. } = applier.apply_next().await.unwrap() {}
    }

    /// Applies commands in the background from now on.
    pub(super) fn resume(&mut self) {
        tokio::spawn(self.applier.take().unwrap().run(self.stop.subscribe()));
    }

    /// How many commands reached the log.
    pub(super) fn logged(&self) -> u64 {
        self.log.positions().last.seq.get()
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.router.clone(), request).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post(&self, body: &Value) -> Answer {
        self.send(request("POST", NOTES, &[], body)).await
    }

    pub(super) async fn put(&self, key: &str, body: &Value) -> Answer {
        self.send(request("PUT", &format!("{NOTES}/{key}"), &[], body)).await
    }
}

/// A request with a JSON body.
pub(super) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    request = request.header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_string())).unwrap()
}

/// A note that keeps every rule.
pub(super) fn a_note() -> Value {
    json!({"title": "Milk", "content": "Two bottles", "author": "ann", "tags": ["shop"]})
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The body as JSON; `Value::Null` when it is empty.
    pub(super) body: Value,
}

impl Answer {
    pub(super) async fn of(router: Router, request: Request<Body>) -> Self {
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = match body.as_ref() {
            b"" => Value::Null,
            text => serde_json::from_slice(text).unwrap(),
        };
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that this is a problem of that type and status, complete.
    #[track_caller]
    pub(super) fn assert_problem(&self, status: u16, slug: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["type"], format!("urn:daybook:problem:{slug}"));
        assert_eq!(self.body["status"], status);
        for member in ["title", "detail", "trace_id"] {
            assert!(self.body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}");
        }
        assert_eq!(self.body["trace_id"], self.header("x-request-id"));
    }

    /// The places that the problem names: pointers, parameters and headers.
    pub(super) fn places(&self) -> Vec<String> {
        let place = |error: &Value| {
            assert!(error["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
            let mut places = ["pointer", "parameter", "header"].into_iter();
            places.find_map(|name| error[name].as_str()).unwrap().to_owned()
        };
        self.body["errors"].as_array().map_or(Vec::new(), |all| all.iter().map(place).collect())
    }
}

/// Long enough for anything that happens at all; tests never wait it out.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
