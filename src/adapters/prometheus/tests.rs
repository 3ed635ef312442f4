//! A scrape is what the table says, whatever clients send.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;
use uuid::Uuid;

use super::*;
use crate::adapters::http;
use crate::adapters::memory::{ManualClock, MemoryLog, MemoryStore, SequentialNoteIds};
use crate::app::{self, Applier, Daybook, Ports, Step};
use crate::domain::LogId;

/// The page that the table makes.
const PAGE: &str = include_str!("../../../docs/metrics.md");

fn service() -> (Router, Applier, Arc<MemoryStore>) {
    let metrics = Arc::new(PrometheusMetrics::new().unwrap());
    let store = Arc::new(MemoryStore::new());
    let ports = Ports {
        log: Arc::new(MemoryLog::new(LogId::from_uuid(Uuid::from_u128(7)))),
        store: store.clone(),
        clock: Arc::new(ManualClock::at("2026-11-26T03:00:00Z".parse().unwrap())),
        note_ids: Arc::new(SequentialNoteIds::default()),
        metrics: metrics.clone(),
    };
    let options = app::Options { unavailable_after: None, ..app::Options::default() };
    let (daybook, applier) = Daybook::new(ports, options);
    let daybook = Arc::new(daybook);
    let files = LogFiles { segments: 3, available_bytes: Some(1000) };
    let further = routes(Arc::clone(&metrics), Arc::clone(&daybook), move || files);
    let router = http::router_with(further, daybook, http::Options::default());
    #[cfg(feature = "metrics-detailed")]
    let router = measured(router, metrics);
    (router, applier, store)
}

async fn get(router: &Router, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn put(router: &Router, key: &str) -> StatusCode {
    let body = json!({ "title": "t", "content": "c", "author": format!("a{key}") });
    let request = Request::put(format!("/v1/notes/{key}"))
        .header("content-type", "application/json")
        .header("prefer", "respond-async")
        .body(Body::from(body.to_string()))
        .unwrap();
    router.clone().oneshot(request).await.unwrap().status()
}

/// A request with a method that nobody knows.
async fn odd(router: &Router, number: u32) -> StatusCode {
    let request = Request::builder().method(format!("ODD{number}").as_str()).uri("/v1/notes");
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
}

/// The value of each series.
async fn scraped(router: &Router) -> BTreeMap<String, f64> {
    let (status, text) = get(router, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let values = lines.map(|line| line.rsplit_once(' ').unwrap());
    values.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_scrape_has_the_families_of_the_table_and_no_other() {
    let (router, mut applier, _) = service();
    // Until then neither a request was measured nor the database's version known.
    get(&router, "/metrics").await;
    while applier.apply_next().await.unwrap() != Step::CaughtUp {}
    let (_, text) = get(&router, "/metrics").await;
    // For promtool to look at.
    if let Some(path) = std::env::var_os("DAYBOOK_WRITE_SCRAPE") {
        std::fs::write(path, &text).unwrap();
    }
    let mut found = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            found.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let labels =
                line.split_once('{').map_or("", |(_, rest)| rest.split_once('}').unwrap().0);
            let labels = labels.split(',').filter(|label| !label.is_empty());
            let labels = labels.map(|label| label.split('=').next().unwrap().to_owned());
            let labels = labels.filter(|label| label != "le");
            let of_histogram = ["_bucket", "_sum", "_count"];
            let of_histogram = of_histogram.iter().find_map(|end| name.strip_suffix(end));
            let name = of_histogram.filter(|name| found.contains_key(*name)).unwrap_or(name);
            found.get_mut(name).unwrap().1.extend(labels);
        }
    }
    let compiled: Vec<_> = FAMILIES.iter().filter(|family| family.level.is_compiled()).collect();
    let expected = compiled.iter().map(|family| {
        let labels = family.labels.iter().map(|label| (*label).to_owned()).collect();
        (family.name.to_owned(), (family.kind.name().to_owned(), labels))
    });
    assert_eq!(found, expected.collect());
    for family in compiled {
        assert!(text.contains(&format!("# HELP {} {}", family.name, family.help)), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_gauges_follow_the_service() {
    let (router, mut applier, store) = service();
    store.set_outage(true);
    for key in ["a", "b"] {
        assert_eq!(put(&router, key).await, StatusCode::ACCEPTED);
    }
    let waiting = scraped(&router).await;
    let is = |values: &BTreeMap<String, f64>, expected: &[(&str, f64)]| {
        for (series, value) in expected {
            assert_eq!(values.get(*series), Some(value), "{series} in {values:#?}");
        }
    };
    is(
        &waiting,
        &[
            ("database_connection_state{state=\"starting\"}", 1.0),
            ("database_connection_state{state=\"healthy\"}", 0.0),
            ("database_write_queue_size", 2.0),
            ("command_log_last_appended_sequence", 2.0),
            ("command_log_last_applied_sequence", 0.0),
            ("command_log_bytes", 200.0),
            ("command_log_segments", 3.0),
            ("command_log_disk_available_bytes", 1000.0),
            ("database_write_queue_fill_ratio", 0.000_02),
            ("writes_accepted_until_timestamp_seconds", 0.0),
            ("command_log_oldest_unapplied_timestamp_seconds", 1_795_662_000.0),
        ],
    );
    // The clock of the service stands still, the time that passed does not.
    let since = waiting.get("database_unavailable_since_timestamp_seconds").copied().unwrap();
    assert!((1_795_661_000.0..=1_795_662_000.0).contains(&since), "{since}");
    store.set_outage(false);
    while applier.apply_next().await.unwrap() != Step::CaughtUp {}
    is(
        &scraped(&router).await,
        &[
            ("database_connection_state{state=\"healthy\"}", 1.0),
            ("database_write_queue_size", 0.0),
            ("database_unavailable_since_timestamp_seconds", 0.0),
            ("command_log_last_applied_sequence", 2.0),
            ("command_log_oldest_unapplied_timestamp_seconds", 0.0),
            ("writes_refused_total{reason=\"disk\"}", 0.0),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn what_clients_send_makes_no_series() {
    let (router, mut applier, _) = service();
    while applier.apply_next().await.unwrap() != Step::CaughtUp {}
    // One of each, for the series that they have in common.
    put(&router, "first").await;
    get(&router, "/nowhere").await;
    odd(&router, 0).await;
    scraped(&router).await;
    let before: BTreeSet<String> = scraped(&router).await.into_keys().collect();
    for number in 0..10_000 {
        assert_eq!(put(&router, &format!("k{number}")).await, StatusCode::ACCEPTED);
        assert_eq!(get(&router, &format!("/nowhere/{number}")).await.0, StatusCode::NOT_FOUND);
        assert_eq!(odd(&router, number).await, StatusCode::METHOD_NOT_ALLOWED);
    }
    while applier.apply_next().await.unwrap() != Step::CaughtUp {}
    let after: BTreeSet<String> = scraped(&router).await.into_keys().collect();
    assert_eq!(before, after);
}

#[test]
fn the_page_of_metrics_is_the_table_of_families() {
    let mut expected = String::from("| name | kind | labels | with | what it tells |\n");
    expected.push_str("| --- | --- | --- | --- | --- |\n");
    for Family { name, kind, level, labels, help } in FAMILIES {
        let (kind, feature, labels) = (kind.name(), level.feature(), labels.join(", "));
        expected.push_str(&format!("| `{name}` | {kind} | {labels} | `{feature}` | {help} |\n"));
    }
    let (_, rest) = PAGE.split_once("<!-- families: begin -->\n").unwrap();
    let (found, _) = rest.split_once("<!-- families: end -->").unwrap();
    assert!(found == expected, "put this between the two marks of docs/metrics.md:\n{expected}");
}
