//! The registry, and what is in it.

use prometheus::core::Collector;
use prometheus::{
    Encoder as _, Error, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use super::table::{self, Family};
use crate::app::{Gauges, State};
use crate::ports::{Measurement, Metrics, PoolState, Refusal};

/// A number that a gauge can show.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Counts for Prometheus what the application records.
pub struct PrometheusMetrics {
    registry: Registry,
    healed: IntCounter,
    refused: IntCounterVec,
    state: IntGaugeVec,
    pool: IntGaugeVec,
    queue: IntGauge,
    last_appended: IntGauge,
    last_applied: IntGauge,
    oldest_unapplied: IntGauge,
    log_bytes: IntGauge,
    parked: IntGauge,
}

impl PrometheusMetrics {
    /// Metrics of a registry of their own, all at 0.
    ///
    /// # Errors
    /// When the table of families is not one that Prometheus takes.
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let build = vector(&registry, table::BUILD_INFO)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let refused = registered(
            &registry,
            IntCounterVec::new(options(table::REFUSED), table::REFUSED.labels)?,
        )?;
        for refusal in Refusal::ALL {
            refused.with_label_values(&[refusal.code()]).reset();
        }
        Ok(Self {
            healed: registered(&registry, IntCounter::with_opts(options(table::HEALED))?)?,
            refused,
            state: vector(&registry, table::CONNECTION_STATE)?,
            pool: vector(&registry, table::POOL_SIZE)?,
            queue: single(&registry, table::QUEUE_SIZE)?,
            last_appended: single(&registry, table::LAST_APPENDED)?,
            last_applied: single(&registry, table::LAST_APPLIED)?,
            oldest_unapplied: single(&registry, table::OLDEST_UNAPPLIED)?,
            log_bytes: single(&registry, table::LOG_BYTES)?,
            parked: single(&registry, table::PARKED)?,
            registry,
        })
    }

    /// Everything, in the text format of Prometheus, with the gauges as given.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn render(&self, gauges: &Gauges) -> Result<String, Error> {
        self.set(gauges);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| Error::Msg(error.to_string()))
    }

    fn set(&self, gauges: &Gauges) {
        for name in State::NAMES {
            let is_it = gauges.health.state.name() == name;
            self.state.with_label_values(&[name]).set(i64::from(is_it));
        }
        let PoolState { active, idle, total } = gauges.health.database.pool.unwrap_or_default();
        for (name, count) in [("active", active), ("idle", idle), ("total", total)] {
            self.pool.with_label_values(&[name]).set(i64::from(count));
        }
        self.queue.set(whole(gauges.health.queue.commands));
        self.parked.set(whole(gauges.health.queue.parked));
        self.last_appended.set(whole(gauges.last_appended.get()));
        self.last_applied.set(whole(gauges.last_applied.map_or(0, |seq| seq.get())));
        self.oldest_unapplied.set(gauges.oldest_unapplied.map_or(0, |at| at.timestamp()));
        self.log_bytes.set(whole(gauges.log_bytes));
    }
}

impl Metrics for PrometheusMetrics {
    fn record(&self, measurement: Measurement) {
        match measurement {
            Measurement::Healed { batches } => self.healed.inc_by(batches),
            Measurement::Refused(refusal) => {
                self.refused.with_label_values(&[refusal.code()]).inc();
            }
            // These are asked for when it is scraped.
            Measurement::Appended { .. }
            | Measurement::Applied { .. }
            | Measurement::Queued { .. }
            | Measurement::StoreFailed { .. } => {}
        }
    }
}

fn options(family: Family) -> Opts {
    Opts::new(family.name, family.help)
}

fn registered<T: Collector + Clone + 'static>(registry: &Registry, family: T) -> Result<T, Error> {
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn single(registry: &Registry, family: Family) -> Result<IntGauge, Error> {
    registered(registry, IntGauge::with_opts(options(family))?)
}

fn vector(registry: &Registry, family: Family) -> Result<IntGaugeVec, Error> {
    registered(registry, IntGaugeVec::new(options(family), family.labels)?)
}
