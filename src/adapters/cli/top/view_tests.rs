//! What is shown of a service, and on which screen.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rstest::rstest;
use serde_json::{Value, json};

use super::sample::Sample;
use super::scrape::Scrape;
use super::screen::Screen;
use super::view::View;

/// Any moment will do.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn at() -> DateTime<Utc> {
    "2026-11-26T12:00:00Z".parse().unwrap()
}

fn sample(seconds: u64, state: &str, health: &Value, metrics: &str) -> Sample {
    let mut body = json!({
        "state": state,
        "reason": null,
        "database": {"version": "3.3.5", "latency_ms": 1.25, "last_check": null, "pool": null},
        "queue": {"commands": 0, "max_commands": 100_000, "parked": 0, "bytes": 0, "max_bytes": 1},
    });
    for (path, value) in health.as_object().unwrap() {
        *body.pointer_mut(path).unwrap() = value.clone();
    }
    let after = Duration::from_secs(seconds);
    let taken = *START + after;
    Sample { taken, at: at() + after, health: body, scrape: Scrape::parse(metrics) }
}

const HEALTHY: &str = r#"
daybook_build_info{version="0.1.0"} 1
command_log_last_appended_sequence 1000
command_log_last_applied_sequence 1000
command_log_bytes 3145728
command_log_segments 2
command_log_disk_available_bytes 1073741824
database_write_queue_fill_ratio 0
writes_refused_total{reason="disk"} 0
writes_refused_total{reason="unavailable"} 5
database_unavailable_since_timestamp_seconds 0
"#;

/// As `HEALTHY`, with other values.
fn but(changes: &[(&str, &str)]) -> String {
    let line =
        |line: &str| match changes.iter().find(|(name, _)| line.starts_with(&format!("{name} "))) {
            Some((name, value)) => format!("{name} {value}\n"),
            None => format!("{line}\n"),
        };
    let mut text: String = HEALTHY.lines().map(line).collect();
    for (name, value) in changes.iter().filter(|(name, _)| !HEALTHY.contains(&format!("\n{name} ")))
    {
        text.push_str(&format!("{name} {value}\n"));
    }
    text
}

fn outage() -> View {
    let refused = "writes_refused_total{reason=\"unavailable\"}";
    let metrics = but(&[
        ("command_log_last_appended_sequence", "1050"),
        ("database_write_queue_fill_ratio", "0.9"),
        ("database_unavailable_since_timestamp_seconds", "1795694370"),
        ("writes_accepted_until_timestamp_seconds", "1795694412"),
        ("command_log_oldest_unapplied_timestamp_seconds", "1795694380"),
        (refused, "15"),
    ]);
    let health = json!({
        "/reason": "the database cannot be used: timeout",
        "/queue/commands": 90_000,
        "/queue/parked": 2,
        "/database/pool": {"active": 1, "idle": 3, "total": 4},
    });
    let before = sample(0, "healthy", &json!({}), HEALTHY);
    View::new(&sample(5, "degraded", &health, &metrics), &before)
}

fn healthy() -> View {
    let detailed = |count: u64| {
        format!(
            "{HEALTHY}command_log_sync_duration_seconds_bucket{{le=\"0.001\"}} {count}\n\
             command_log_sync_duration_seconds_bucket{{le=\"+Inf\"}} {count}\n\
             command_log_sync_duration_seconds_count {count}\n\
             http_request_duration_seconds_count{{route=\"a\"}} {count}\n"
        )
    };
    let before = sample(0, "healthy", &json!({}), &detailed(10));
    View::new(&sample(2, "healthy", &json!({}), &detailed(30)), &before)
}

#[test]
fn an_outage_is_told_with_its_numbers() {
    let view = outage();
    assert_eq!((view.rates.appended, view.rates.applied), (Some(10.0), Some(0.0)));
    assert_eq!(view.rates.refused, [("unavailable".to_owned(), 2.0)]);
    assert_eq!(view.oldest_seconds, Some(25.0));
    assert_eq!(view.pool, Some((1, 4)));
    assert!(view.latencies.is_empty());
    let lines: Vec<String> = view.lines().into_iter().map(|(_, told)| told).collect();
    let expected = [
        "the database cannot be used: timeout",
        "3.3.5, away for 35 s, writes are accepted for 7 s more",
        "90,000 of 100,000 wait, the oldest for 25 s, 2 parked",
        "appended 1,050, applied 1,000",
        "3.00 MiB in 2 segments, 1.00 GiB left",
        "appended 10.0/s, applied 0.0/s, refused 2.0/s (unavailable)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn what_is_measured_is_told_since_the_earlier_look() {
    let view = healthy();
    assert_eq!(view.rates.requests, Some(10.0));
    let [sync, request] = view.latencies.as_slice() else { panic!("{:?}", view.latencies) };
    assert_eq!((sync.what, sync.p50_ms), ("sync", Some(0.5)));
    assert_eq!((request.what, request.p50_ms), ("request", None));
    assert_eq!(view.lines()[1].1, "3.3.5, ping 1.2 ms");
    let json = serde_json::to_value(&view).unwrap();
    assert_eq!(json["rates"]["requests"], 10.0);
    assert_eq!(json["latencies"][0]["what"], "sync");
}

/// The applied sequence is 0 until the database was asked, and the counters of a
/// service that was started again begin anew.
#[test]
fn a_restart_is_no_burst() {
    let fresh = but(&[
        ("command_log_last_applied_sequence", "0"),
        ("writes_refused_total{reason=\"unavailable\"}", "0"),
    ]);
    let before = sample(0, "healthy", &json!({}), HEALTHY);
    let restarted = sample(1, "starting", &json!({}), &fresh);
    let after = sample(2, "healthy", &json!({}), HEALTHY);
    let view = View::new(&restarted, &before);
    assert_eq!((view.rates.applied, view.rates.refused.len()), (None, 0));
    assert_eq!(View::new(&after, &restarted).rates.applied, None);
}

/// A build without metrics has its health.
#[test]
fn what_is_not_told_is_not_made_up() {
    let bare = sample(0, "healthy", &json!({}), "");
    let view = View::new(&bare, &bare);
    assert_eq!((view.queue, view.last_appended, view.rates.appended), (Some(0), None, None));
    assert_eq!(view.title("a:1"), "daybook at a:1: healthy");
    assert_eq!(view.lines()[3].1, "appended -, applied -");
}

fn drawn(screen: &Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let rows = buffer.content().chunks(usize::from(width.max(1)));
    let rows = rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>());
    rows.map(|row| format!("{}\n", row.trim_end())).collect()
}

#[test]
fn a_terminal_of_80_by_24_has_room_for_all() {
    let mut screen = Screen::new("127.0.0.1:8080");
    assert!(drawn(&screen, 80, 24).starts_with("asking 127.0.0.1:8080 ..."));
    screen.show(healthy());
    let drawn_healthy = drawn(&screen, 80, 24);
    for told in ["daybook 0.1.0 at 127.0.0.1:8080: healthy", "p99", "waiting, peak 0", "q quits"] {
        assert!(drawn_healthy.contains(told), "{told} in\n{drawn_healthy}");
    }
    screen.show(outage());
    let drawn_outage = drawn(&screen, 80, 24);
    for told in
        ["degraded", "queue 90 %", "away for 35 s", "metrics-detailed", "waiting, peak 90,000", "█"]
    {
        assert!(drawn_outage.contains(told), "{told} in\n{drawn_outage}");
    }
    screen.lost(at(), "no service answers".to_owned());
    screen.lost(at() + Duration::from_secs(9), "no service answers".to_owned());
    let lost = drawn(&screen, 80, 24);
    assert!(lost.starts_with("unreachable since 12:00:00 UTC: no service answers\n"), "{lost}");
    assert!(lost.contains("90,000 of 100,000"), "the last values stay:\n{lost}");
    screen.show(healthy());
    assert!(drawn(&screen, 80, 24).contains(": healthy"));
}

#[rstest]
#[case(0, 0)]
#[case(1, 1)]
#[case(20, 5)]
#[case(80, 2)]
#[case(3, 80)]
#[case(500, 100)]
fn no_terminal_is_too_small_or_too_large(#[case] width: u16, #[case] height: u16) {
    let mut screen = Screen::new("127.0.0.1:8080");
    for _ in 0..600 {
        screen.show(outage());
    }
    let _drawn = drawn(&screen, width, height);
    screen.lost(at(), "gone".to_owned());
    let _drawn = drawn(&screen, width, height);
}
