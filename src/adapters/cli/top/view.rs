//! What two samples amount to.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::sample::Sample;

/// What is shown of a service. What it did not tell is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    /// When it was looked at.
    pub at: DateTime<Utc>,
    /// Its state, in one word.
    pub state: String,
    /// Why it is in that state.
    pub reason: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The version of the database.
    pub database_version: Option<String>,
    /// How long the last ping that was answered took, in milliseconds.
    pub ping_ms: Option<f64>,
    /// The connections in use, and all of them, where there is a pool.
    pub pool: Option<(u64, u64)>,
    /// Since when the database does not answer.
    pub unavailable_since: Option<DateTime<Utc>>,
    /// Until when writes are accepted if it stays away.
    pub accepted_until: Option<DateTime<Utc>>,
    /// How many commands wait.
    pub queue: Option<u64>,
    /// How many may.
    pub queue_limit: Option<u64>,
    /// How full the queue is, from 0 to 1.
    pub queue_fill: Option<f64>,
    /// For how many seconds the oldest command has waited; `None` when none waits.
    pub oldest_seconds: Option<f64>,
    /// How many commands are parked.
    pub parked: Option<u64>,
    /// The last command that is durable.
    pub last_appended: Option<u64>,
    /// The last command that is applied.
    pub last_applied: Option<u64>,
    /// The size of the log.
    pub log_bytes: Option<u64>,
    /// How many segments it has.
    pub segments: Option<u64>,
    /// The room on its disk.
    pub disk_available_bytes: Option<u64>,
    /// How often a read met damage of the log.
    pub corrupt_reads: Option<u64>,
    /// What happens in a second.
    pub rates: Rates,
    /// How long things took since the earlier sample; empty in a build that does not
    /// measure it.
    pub latencies: Vec<Latency>,
}

/// What happens in a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Commands that became durable.
    pub appended: Option<f64>,
    /// Commands that were applied.
    pub applied: Option<f64>,
    /// Requests that were answered.
    pub requests: Option<f64>,
    /// Writes that were refused, by reason, where there were any.
    pub refused: Vec<(String, f64)>,
}

/// How long something took, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// What.
    pub what: &'static str,
    /// Half of them took at most so long; `None` when there was none.
    pub p50_ms: Option<f64>,
    /// 99 of 100 took at most so long.
    pub p99_ms: Option<f64>,
}

/// What is measured: how it is called here, its family, and its labels.
type Measured = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const QUERIES: &str = "database_query_duration_seconds";

const LATENCIES: [Measured; 6] = [
    ("append", "command_log_append_duration_seconds", &[]),
    ("sync", "command_log_sync_duration_seconds", &[]),
    ("load", QUERIES, &[("operation", "load")]),
    ("commit", QUERIES, &[("operation", "commit")]),
    ("list", QUERIES, &[("operation", "query")]),
    ("request", "http_request_duration_seconds", &[]),
];

impl View {
    /// What is to be told after `now`, rates and latencies since `earlier`.
    pub(super) fn new(now: &Sample, earlier: &Sample) -> Self {
        let scrape = &now.scrape;
        let told = |path: &str| now.health.pointer(path).filter(|value| !value.is_null());
        let text = |path| told(path).and_then(Value::as_str).map(str::to_owned);
        let number = |path| told(path).and_then(Value::as_u64);
        let moment = |name| {
            let seconds = scrape.count(name).filter(|seconds| *seconds > 0)?;
            DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
        };
        let age = |at: DateTime<Utc>| (now.at - at).as_seconds_f64().max(0.0);
        let build = scrape.by_label("daybook_build_info", "version");
        Self {
            at: now.at,
            state: text("/state").unwrap_or_else(|| "unknown".to_owned()),
            reason: text("/reason"),
            version: build.into_iter().next().map(|(version, _)| version),
            database_version: text("/database/version"),
            ping_ms: told("/database/latency_ms").and_then(Value::as_f64),
            pool: number("/database/pool/active").zip(number("/database/pool/total")),
            unavailable_since: moment("database_unavailable_since_timestamp_seconds"),
            accepted_until: moment("writes_accepted_until_timestamp_seconds"),
            queue: number("/queue/commands"),
            queue_limit: number("/queue/max_commands"),
            queue_fill: scrape.sum("database_write_queue_fill_ratio", &[]),
            oldest_seconds: moment("command_log_oldest_unapplied_timestamp_seconds").map(age),
            parked: number("/queue/parked"),
            last_appended: scrape.count("command_log_last_appended_sequence"),
            last_applied: scrape.count("command_log_last_applied_sequence"),
            log_bytes: scrape.count("command_log_bytes"),
            segments: scrape.count("command_log_segments"),
            disk_available_bytes: scrape.count("command_log_disk_available_bytes"),
            corrupt_reads: scrape.count("command_log_corrupt_reads_total"),
            rates: Rates::new(now, earlier),
            latencies: LATENCIES.iter().filter_map(|of| Latency::new(of, now, earlier)).collect(),
        }
    }
}

impl Rates {
    fn new(now: &Sample, earlier: &Sample) -> Self {
        const APPENDED: &str = "command_log_last_appended_sequence";
        const APPLIED: &str = "command_log_last_applied_sequence";
        // A sequence goes back where another log took the place of the old one.
        let grew = |name| now.scrape.count(name) >= earlier.scrape.count(name);
        let rate = |name| now.rate(earlier, name, &[]).filter(|_| grew(name));
        let refused = earlier.scrape.by_label("writes_refused_total", "reason");
        let refused = refused.into_iter().filter_map(|(reason, _)| {
            let rate = now.rate(earlier, "writes_refused_total", &[("reason", &reason)])?;
            (rate > 0.0).then_some((reason, rate))
        });
        Self {
            appended: rate(APPENDED),
            // Until the database was asked it is 0, and then all at once what it is.
            applied: rate(APPLIED)
                .filter(|_| earlier.scrape.count(APPLIED).is_some_and(|seq| seq > 0)),
            requests: now.rate(earlier, "http_request_duration_seconds_count", &[]),
            refused: refused.collect(),
        }
    }
}

impl Latency {
    fn new(of: &Measured, now: &Sample, earlier: &Sample) -> Option<Self> {
        let (what, family, labels) = of;
        now.scrape.sum(&format!("{family}_count"), labels)?;
        let spread = |sample: &Sample| sample.scrape.spread(family, labels);
        let since = spread(now).since(&spread(earlier));
        let quantile = |share| since.quantile(share).map(|seconds| seconds * 1000.0);
        Some(Self { what, p50_ms: quantile(0.5), p99_ms: quantile(0.99) })
    }
}
