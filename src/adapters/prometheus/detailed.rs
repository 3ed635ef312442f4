//! The families that `metrics-detailed` adds.

use std::time::Duration;

use prometheus::{Error, Histogram, HistogramVec, IntCounter, IntCounterVec, Registry};

use super::table;
use crate::ports::{Measurement, Refusal, StoreCall, StoreError};

pub(super) struct Detailed {
    query_duration: HistogramVec,
    queries: IntCounterVec,
    errors: IntCounterVec,
    ping_duration: Histogram,
    queue_full: IntCounter,
    batch_commands: Histogram,
    append_duration: Histogram,
    sync_duration: Histogram,
    request_duration: HistogramVec,
}

impl Detailed {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let query_duration = table::QUERY_DURATION.histograms(registry)?;
        let queries = table::QUERIES.counters(registry)?;
        // A series that is there from the start has no first value that is lost.
        for call in StoreCall::ALL.into_iter().filter(|call| *call != StoreCall::Ping) {
            let labels = [call.name(), call.collection()];
            let _made = query_duration.with_label_values(&labels);
            queries.with_label_values(&labels).reset();
        }
        let errors = table::ERRORS.counters(registry)?;
        for code in StoreError::CODES {
            errors.with_label_values(&[code]).reset();
        }
        Ok(Self {
            query_duration,
            queries,
            errors,
            ping_duration: table::PING_DURATION.histogram(registry)?,
            queue_full: table::QUEUE_FULL.counter(registry)?,
            batch_commands: table::BATCH_COMMANDS.histogram(registry)?,
            append_duration: table::APPEND_DURATION.histogram(registry)?,
            sync_duration: table::SYNC_DURATION.histogram(registry)?,
            request_duration: table::REQUEST_DURATION.histograms(registry)?,
        })
    }

    pub(super) fn record(&self, measurement: &Measurement) {
        match measurement {
            Measurement::Called { call, took, failed } => self.called(*call, *took, *failed),
            Measurement::Refused(Refusal::QueueFull) => self.queue_full.inc(),
            Measurement::Applied { commands, .. } => {
                let commands = u32::try_from(*commands).unwrap_or(u32::MAX);
                self.batch_commands.observe(f64::from(commands));
            }
            Measurement::Appended { took, .. } => self.append_duration.observe(took.as_secs_f64()),
            Measurement::Synced { took } => self.sync_duration.observe(took.as_secs_f64()),
            _ => {}
        }
    }

    fn called(&self, call: StoreCall, took: Duration, failed: Option<&str>) {
        if let Some(code) = failed {
            self.errors.with_label_values(&[code]).inc();
        }
        let took = took.as_secs_f64();
        if call == StoreCall::Ping {
            return self.ping_duration.observe(took);
        }
        let labels = [call.name(), call.collection()];
        self.query_duration.with_label_values(&labels).observe(took);
        self.queries.with_label_values(&labels).inc();
    }

    /// A request was answered, or given up.
    pub(super) fn requested(&self, method: &str, route: &str, status: &str, took: Duration) {
        let labels = [method, route, status];
        self.request_duration.with_label_values(&labels).observe(took.as_secs_f64());
    }
}
