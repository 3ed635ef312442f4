//! The registry, and what is in it.

use prometheus::{Encoder as _, Error, Registry, TextEncoder};

use super::basic::{Basic, LogFiles};
#[cfg(feature = "metrics-detailed")]
use super::detailed::Detailed;
#[cfg(feature = "metrics-all")]
use super::further::Further;
use crate::app::Gauges;
use crate::ports::{Measurement, Metrics};

/// Counts for Prometheus what the application records.
pub struct PrometheusMetrics {
    registry: Registry,
    basic: Basic,
    #[cfg(feature = "metrics-detailed")]
    pub(super) detailed: Detailed,
    #[cfg(feature = "metrics-all")]
    further: Further,
}

impl PrometheusMetrics {
    /// Metrics of a registry of their own, all at 0.
    ///
    /// # Errors
    /// When the table of families is not one that Prometheus takes.
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        Ok(Self {
            basic: Basic::new(&registry)?,
            #[cfg(feature = "metrics-detailed")]
            detailed: Detailed::new(&registry)?,
            #[cfg(feature = "metrics-all")]
            further: Further::new(&registry)?,
            registry,
        })
    }

    /// Everything, in the text format of Prometheus, with the gauges as given.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn render(&self, gauges: &Gauges, files: LogFiles) -> Result<String, Error> {
        self.basic.set(gauges, files);
        #[cfg(feature = "metrics-all")]
        self.further.set(gauges);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| Error::Msg(error.to_string()))
    }
}

impl Metrics for PrometheusMetrics {
    fn record(&self, measurement: Measurement) {
        self.basic.record(&measurement);
        #[cfg(feature = "metrics-detailed")]
        self.detailed.record(&measurement);
        #[cfg(feature = "metrics-all")]
        self.further.record(&measurement);
    }
}
