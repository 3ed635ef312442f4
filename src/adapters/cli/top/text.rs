//! A view as lines of text.

use std::fmt::Display;

use indicatif::{BinaryBytes, HumanCount};

use super::view::{Latency, View};

/// What is not known.
const UNKNOWN: &str = "-";

/// One line: what it is about, and what is told.
pub(super) type Line = (&'static str, String);

impl View {
    /// The first line: which service, and how it is.
    pub(super) fn title(&self, address: &str) -> String {
        let version = self.version.as_deref().map(|version| format!(" {version}"));
        format!("daybook{} at {address}: {}", version.unwrap_or_default(), self.state)
    }

    /// What is told of each part, in order.
    pub(super) fn lines(&self) -> Vec<Line> {
        vec![
            ("reason", self.reason.clone().unwrap_or_default()),
            ("database", self.database()),
            ("queue", self.waiting()),
            ("log", self.log()),
            ("disk", self.disk()),
            ("rates", self.rates()),
        ]
    }

    /// What is told of latencies, one for each.
    pub(super) fn latency_lines(&self) -> Vec<String> {
        self.latencies.iter().map(Latency::line).collect()
    }

    fn database(&self) -> String {
        let version = self.database_version.as_deref().unwrap_or("not reached yet");
        if let Some(since) = self.unavailable_since {
            let seconds = (self.at - since).as_seconds_f64().max(0.0);
            let away = format!("{version}, away for {}", span(seconds));
            return match self.accepted_until {
                Some(until) if until > self.at => {
                    let left = span((until - self.at).as_seconds_f64());
                    format!("{away}, writes are accepted for {left} more")
                }
                Some(_) => format!("{away}, writes are refused"),
                None => away,
            };
        }
        let pool =
            self.pool.map(|(active, total)| format!(", {active} of {total} connections in use"));
        format!(
            "{version}, ping {}{}",
            or_unknown(self.ping_ms.map(milliseconds)),
            pool.unwrap_or_default()
        )
    }

    fn waiting(&self) -> String {
        let limit = or_unknown(self.queue_limit.map(HumanCount));
        let mut line = format!("{} of {limit} wait", or_unknown(self.queue.map(HumanCount)));
        if let Some(seconds) = self.oldest_seconds {
            line.push_str(&format!(", the oldest for {}", span(seconds)));
        }
        if let Some(parked @ 1..) = self.parked {
            line.push_str(&format!(", {} parked", HumanCount(parked)));
        }
        line
    }

    fn log(&self) -> String {
        let count = |value: Option<u64>| or_unknown(value.map(HumanCount));
        let mut line =
            format!("appended {}, applied {}", count(self.last_appended), count(self.last_applied));
        if let Some(reads @ 1..) = self.corrupt_reads {
            line.push_str(&format!(", damaged: {} reads failed", HumanCount(reads)));
        }
        line
    }

    fn disk(&self) -> String {
        let bytes = |value: Option<u64>| or_unknown(value.map(BinaryBytes));
        let segments = match self.segments {
            Some(1) => "1 segment".to_owned(),
            segments => format!("{} segments", or_unknown(segments.map(HumanCount))),
        };
        format!(
            "{} in {segments}, {} left",
            bytes(self.log_bytes),
            bytes(self.disk_available_bytes)
        )
    }

    fn rates(&self) -> String {
        let rate = |value: Option<f64>| or_unknown(value.map(|value| format!("{value:.1}/s")));
        let mut line =
            format!("appended {}, applied {}", rate(self.rates.appended), rate(self.rates.applied));
        if self.rates.requests.is_some() {
            line.push_str(&format!(", requests {}", rate(self.rates.requests)));
        }
        for (reason, refused) in &self.rates.refused {
            line.push_str(&format!(", refused {refused:.1}/s ({reason})"));
        }
        line
    }
}

impl Latency {
    fn line(&self) -> String {
        let of = |value: Option<f64>| or_unknown(value.map(milliseconds));
        format!("{:<8} p50 {:>9}   p99 {:>9}", self.what, of(self.p50_ms), of(self.p99_ms))
    }
}

fn or_unknown(value: Option<impl Display>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

fn milliseconds(value: f64) -> String {
    format!("{value:.1} ms")
}

/// About so long, for a person.
fn span(seconds: f64) -> String {
    // Negative and beyond its bounds it is the nearest.
    match seconds as u64 {
        whole @ 0..=119 => format!("{whole} s"),
        whole @ 120..=7199 => format!("{} min", whole / 60),
        whole => format!("{} h", whole / 3600),
    }
}
