//! `/health` in every state of the service.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::harness::{Service, a_note};
use crate::app::Options;

fn options(unavailable_after: Duration) -> Options {
    Options { unavailable_after: Some(unavailable_after), ..Options::default() }
}

const LONG: Duration = Duration::from_secs(3600);

#[rstest]
#[case::starting(LONG, false, false, "starting", 503)]
#[case::healthy(LONG, true, false, "healthy", 200)]
#[case::degraded(LONG, true, true, "degraded", 200)]
#[case::unhealthy(Duration::ZERO, true, true, "unhealthy", 503)]
#[tokio::test]
async fn the_state_decides(
    #[case] unavailable_after: Duration,
    #[case] reached: bool,
    #[case] lost: bool,
    #[case] state: &str,
    #[case] ready: u16,
) {
    let mut service = Service::stopped(options(unavailable_after));
    if reached {
        service.apply().await;
    }
    if lost {
        // An idle applier would find out by its probe; here a write does.
        service.log_a_write().await;
        service.store.set_outage(true);
        service.apply().await;
    }

    let answer = service.get("/health/ready").await;
    assert_eq!(answer.status, ready);
    assert_eq!(answer.header("retry-after").is_empty(), ready == 200);
    assert_eq!(answer.body["state"], state);
    assert_eq!(answer.body["reason"].is_string(), lost, "{}", answer.body);

    let health = service.get("/health").await;
    assert_eq!(health.status, 200);
    assert_eq!(health.body, answer.body);

    let live = service.get("/health/live").await;
    assert_eq!(live.status, 200);
    for answer in [answer, health, live] {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("content-type"), "application/json");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_applier_is_not_ready() {
    let mut service = Service::stopped(options(LONG));
    service.apply().await;
    service.log_a_write().await;
    assert_eq!(service.get("/health/ready").await.status, 200);
    // The database answers, and nobody applies.
    tokio::time::advance(Duration::from_secs(61)).await;
    let answer = service.get("/health/ready").await;
    assert_eq!((answer.status.as_u16(), &answer.body["state"]), (503, &json!("unhealthy")));
    let reason = answer.body["reason"].as_str().unwrap();
    assert!(reason.contains("none was applied for 60 s"), "{reason}");
    service.apply().await;
    assert_eq!(service.get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn health_tells_of_the_database_and_the_queue() {
    let service = Service::started().await;
    service.post(&a_note()).await;
    let body = service.get("/health").await.body;
    assert!(body["database"]["version"].is_string(), "{body}");
    assert!(body["database"]["latency_ms"].is_f64(), "{body}");
    assert!(body["database"]["last_check"].as_str().unwrap().ends_with('Z'), "{body}");
    let queue = json!({
        "commands": 0,
        "max_commands": 100_000,
        "parked": 0,
        "bytes": 0,
        "max_bytes": 256 * 1024 * 1024,
    });
    assert_eq!(body["queue"], queue);
}

#[tokio::test]
async fn what_was_never_measured_is_null() {
    let service = Service::stopped(options(LONG));
    let body = service.get("/health").await.body;
    let unknown = json!({"version": null, "latency_ms": null, "last_check": null, "pool": null});
    assert_eq!(body["database"], unknown);
}
