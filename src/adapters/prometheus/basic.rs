//! The families of `metrics-basic`.

use prometheus::{Error, Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::table;
use crate::app::{Gauges, State};
use crate::ports::{Measurement, PoolState, Refusal};

/// What the files of the log tell, beside the port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogFiles {
    /// How many segments there are.
    pub segments: u64,
    /// The room that is left on their disk, in bytes, where the system tells.
    pub available_bytes: Option<u64>,
}

pub(super) struct Basic {
    state: IntGaugeVec,
    pool: IntGaugeVec,
    unavailable_since: IntGauge,
    accepted_until: IntGauge,
    queue: IntGauge,
    fill: Gauge,
    last_appended: IntGauge,
    last_applied: IntGauge,
    oldest_unapplied: IntGauge,
    log_bytes: IntGauge,
    segments: IntGauge,
    available: IntGauge,
    parked: IntGauge,
    corrupt_reads: IntCounter,
    healed: IntCounter,
    refused: IntCounterVec,
}

impl Basic {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        table::BUILD_INFO.gauges(registry)?.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let refused = table::REFUSED.counters(registry)?;
        for refusal in Refusal::ALL {
            refused.with_label_values(&[refusal.code()]).reset();
        }
        Ok(Self {
            state: table::CONNECTION_STATE.gauges(registry)?,
            pool: table::POOL_SIZE.gauges(registry)?,
            unavailable_since: table::UNAVAILABLE_SINCE.gauge(registry)?,
            accepted_until: table::ACCEPTED_UNTIL.gauge(registry)?,
            queue: table::QUEUE_SIZE.gauge(registry)?,
            fill: table::QUEUE_FILL.fraction(registry)?,
            last_appended: table::LAST_APPENDED.gauge(registry)?,
            last_applied: table::LAST_APPLIED.gauge(registry)?,
            oldest_unapplied: table::OLDEST_UNAPPLIED.gauge(registry)?,
            log_bytes: table::LOG_BYTES.gauge(registry)?,
            segments: table::LOG_SEGMENTS.gauge(registry)?,
            available: table::DISK_AVAILABLE.gauge(registry)?,
            parked: table::PARKED.gauge(registry)?,
            corrupt_reads: table::CORRUPT_READS.counter(registry)?,
            healed: table::HEALED.counter(registry)?,
            refused,
        })
    }

    pub(super) fn record(&self, measurement: &Measurement) {
        match measurement {
            Measurement::Healed { batches } => self.healed.inc_by(*batches),
            Measurement::Refused(refusal) => {
                self.refused.with_label_values(&[refusal.code()]).inc();
            }
            Measurement::CorruptRead => self.corrupt_reads.inc(),
            _ => {}
        }
    }

    /// What is the case, which nobody records.
    pub(super) fn set(&self, gauges: &Gauges, files: LogFiles) {
        let health = &gauges.health;
        for name in State::NAMES {
            let is_it = health.state.name() == name;
            self.state.with_label_values(&[name]).set(i64::from(is_it));
        }
        let PoolState { active, idle, total } = health.database.pool.unwrap_or_default();
        for (name, count) in [("active", active), ("idle", idle), ("total", total)] {
            self.pool.with_label_values(&[name]).set(i64::from(count));
        }
        let moments = [
            (&self.unavailable_since, gauges.unavailable_since),
            (&self.accepted_until, gauges.accepted_until),
            (&self.oldest_unapplied, gauges.oldest_unapplied),
        ];
        for (gauge, moment) in moments {
            gauge.set(moment.map_or(0, |moment| moment.timestamp()));
        }
        self.queue.set(whole(health.queue.commands));
        self.fill.set(health.queue.fill());
        self.parked.set(whole(health.queue.parked));
        self.last_appended.set(whole(gauges.last_appended.get()));
        self.last_applied.set(whole(gauges.last_applied.map_or(0, |seq| seq.get())));
        self.log_bytes.set(whole(gauges.log_bytes));
        self.segments.set(whole(files.segments));
        self.available.set(files.available_bytes.map_or(-1, whole));
    }
}

/// A number that a gauge can show.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
