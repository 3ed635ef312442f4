//! The families that `metrics-all` adds.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::{Error, Gauge, HistogramVec, IntCounter, IntGaugeVec, Registry};

use super::table;
use crate::app::Gauges;
use crate::ports::{ConnectionEnding, Measurement};

pub(super) struct Further {
    connection_lifetime: HistogramVec,
    retries: IntCounter,
    cache_hits: Gauge,
    version: IntGaugeVec,
    found: AtomicU64,
    missed: AtomicU64,
}

impl Further {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let connection_lifetime = table::CONNECTION_LIFETIME.histograms(registry)?;
        for ending in ConnectionEnding::ALL {
            let _made = connection_lifetime.with_label_values(&[ending.name()]);
        }
        Ok(Self {
            connection_lifetime,
            retries: table::RETRIES.counter(registry)?,
            cache_hits: table::CACHE_HITS.fraction(registry)?,
            version: table::VERSION_INFO.gauges(registry)?,
            found: AtomicU64::new(0),
            missed: AtomicU64::new(0),
        })
    }

    pub(super) fn record(&self, measurement: &Measurement) {
        match measurement {
            Measurement::ConnectionClosed { ending, lived } => {
                let lifetime = self.connection_lifetime.with_label_values(&[ending.name()]);
                lifetime.observe(lived.as_secs_f64());
            }
            Measurement::Retrying { .. } => self.retries.inc(),
            Measurement::Recalled { found } => {
                let count = if *found { &self.found } else { &self.missed };
                count.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// What is the case, which nobody records.
    pub(super) fn set(&self, gauges: &Gauges) {
        let found = self.found.load(Ordering::Relaxed) as f64;
        let missed = self.missed.load(Ordering::Relaxed) as f64;
        self.cache_hits.set(found / (found + missed).max(1.0));
        // A server that is brought up to date has one version at a time.
        self.version.reset();
        if let Some(version) = &gauges.health.database.version {
            self.version.with_label_values(&[version]).set(1);
        }
    }
}
