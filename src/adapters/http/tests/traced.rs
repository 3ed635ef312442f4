//! From a request to the line of its command, over an outage and a restart; and
//! what an outage may write.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use serde_json::json;
use tokio::time::Duration;

use super::harness::{Answer, NOTES, Service, request};
use super::observed::Captured;
use crate::adapters::file_log::disk::OsDisk;
use crate::adapters::file_log::{FileLog, FileLogOptions, PayloadFormat};
use crate::adapters::http::{Options, router};
use crate::adapters::memory::{ManualClock, MemoryMetrics, MemoryStore, SequentialNoteIds};
use crate::app::{self, Applier, Daybook, Ports, Step};
use crate::domain::NoteId;
use crate::ports::CommandLog;

/// One run of the service on a log in files.
struct Process {
    router: Router,
    applier: Applier,
    log: Arc<FileLog>,
}

impl Process {
    fn start(folder: &Path, format: PayloadFormat, store: &Arc<MemoryStore>) -> Self {
        let options = FileLogOptions { format, reserve_bytes: 0, ..FileLogOptions::default() };
        let log = Arc::new(FileLog::open(Arc::new(OsDisk), folder, options).unwrap());
        let ports = Ports {
            log: log.clone(),
            store: store.clone(),
            clock: Arc::new(ManualClock::default()),
            note_ids: Arc::new(SequentialNoteIds::default()),
            metrics: Arc::new(MemoryMetrics::default()),
        };
        let (daybook, applier) = Daybook::new(ports, app::Options::default());
        Self { router: router(Arc::new(daybook), Options::default()), applier, log }
    }

    /// The next run on the same log.
    async fn again(self, format: PayloadFormat, store: &Arc<MemoryStore>) -> Self {
        self.log.close().await.unwrap();
        let folder = self.log.dir().to_owned();
        drop(self);
        Self::start(&folder, format, store)
    }

    /// Meets a database that is away, so that nobody waits for it.
    async fn finds_it_away(&mut self) {
        assert!(matches!(self.applier.apply_next().await.unwrap(), Step::Blocked { .. }));
    }

    async fn catches_up(&mut self) {
        while self.applier.apply_next().await.unwrap() != Step::CaughtUp {}
    }

    /// Sends it in the trace that ends in this digit, and tells the status.
    async fn put(&self, key: &str, trace: u8, headers: &[(&str, &str)]) -> u16 {
        let traceparent = format!("00-{}-00f067aa0ba902b7-01", trace_id(trace));
        let headers = [headers, &[("traceparent", traceparent.as_str())]].concat();
        let note = json!({ "title": "secret", "content": "secret", "author": "ann" });
        let put = request("PUT", &format!("{NOTES}/{key}"), &headers, &note);
        Answer::of(self.router.clone(), put).await.status.as_u16()
    }
}

fn trace_id(last: u8) -> String {
    format!("4bf92f3577b34da6a3ce929d0e0e473{last}")
}

#[tokio::test]
async fn what_became_of_a_command_has_the_trace_of_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new());
    store.set_outage(true);
    store.refuse([NoteId::from_key("poison").unwrap()]);
    let mut process = Process::start(folder.path(), PayloadFormat::Cbor, &store);
    process.finds_it_away().await;
    let only_new = [("if-none-match", "*")];
    assert_eq!(process.put("a", 1, &[]).await, 202);

    store.set_outage(false);
    let captured = Captured::start();
    process.catches_up().await;
    let expected = |seq: u64, key: &str, outcome: &str, trace: u8| {
        let trace = trace_id(trace);
        [
            format!("seq={seq}"),
            format!("note=notes:{key}"),
            format!("outcome=\"{outcome}\""),
            format!("trace_id=\"{trace}\""),
        ]
    };
    let assert_told = |captured: &Captured, message: &str, expected: [String; 4]| {
        let lines = captured.lines_with(message);
        let [line] = &lines[..] else { panic!("{message}: {lines:?}") };
        assert!(line.contains("daybook::commands"), "{line}");
        for words in expected {
            assert!(line.contains(&words), "{words}: {line}");
        }
    };
    assert_told(&captured, "a command was applied", expected(1, "a", "created", 1));
    drop(captured);

    store.set_outage(true);
    let mut process = process.again(PayloadFormat::Cbor, &store).await;
    process.finds_it_away().await;
    assert_eq!(process.put("b", 2, &[]).await, 202);
    assert_eq!(process.put("a", 3, &only_new).await, 202);
    assert_eq!(process.put("poison", 4, &[]).await, 202);
    assert_eq!(process.put("poison", 5, &[]).await, 202);

    store.set_outage(false);
    let captured = Captured::start();
    let mut next = process.again(PayloadFormat::Json, &store).await;
    let rolled = captured.lines_with("a segment of the command log was sealed");
    assert_eq!(rolled.len(), 1, "{rolled:?}");
    assert!(rolled[0].contains("00000000000000000001.log") && rolled[0].contains("first=6"));
    next.catches_up().await;
    assert_told(&captured, "a command was applied", expected(2, "b", "created", 2));
    let rejected = captured.lines_with("a command was rejected");
    assert!(rejected.len() == 1 && rejected[0].contains(&trace_id(3)), "{rejected:?}");
    let parked = "a command cannot be applied and is parked";
    assert_told(&captured, parked, expected(4, "poison", "parked", 4));
    let behind = "a command waits behind a parked one";
    assert_told(&captured, behind, expected(5, "poison", "parked", 5));
    assert!(!captured.text().contains("secret"), "{}", captured.text());
}

#[tokio::test(start_paused = true)]
async fn reads_that_fail_have_one_line_in_ten_seconds() {
    let service = Service::started().await;
    let captured = Captured::start();
    // Before the probe has noticed.
    service.store.set_outage(true);
    for _ in 0..30 {
        assert_eq!(service.get(NOTES).await.status, 503);
    }
    let lines = captured.lines_with("a read failed");
    assert!(lines.len() == 1 && lines[0].contains("suppressed=0"), "{lines:?}");
    assert_eq!(captured.lines_with("request answered").len(), 30);
}

#[tokio::test(start_paused = true)]
async fn an_outage_has_a_line_for_each_change_and_each_attempt() {
    let service = Service::started().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let captured = Captured::start();
    service.store.set_outage(true);
    tokio::time::sleep(Duration::from_secs(180)).await;
    let changes = captured.lines_with("the service changed its state");
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(changes[0].contains("from=\"healthy\" to=\"degraded\""), "{changes:?}");
    assert!(changes[1].contains("from=\"degraded\" to=\"unhealthy\""), "{changes:?}");
    // 1, 2, 4 ... 60 s, and up to one more each.
    let attempts = captured.lines_with("commands cannot be applied at the moment");
    assert!((7..=9).contains(&attempts.len()), "{attempts:?}");
    assert!(attempts.iter().all(|line| line.contains("retry_after_ms=")), "{attempts:?}");
    let all = captured.lines_with(" WARN ").len() + captured.lines_with(" INFO ").len();
    assert_eq!(all, changes.len() + attempts.len() + 1, "one probe: {}", captured.text());
}
