//! From a row of the table to a family in the registry.

use prometheus::core::Collector;
use prometheus::{Error, Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
#[cfg(feature = "metrics-detailed")]
use prometheus::{Histogram, HistogramOpts, HistogramVec};

use super::table::Family;
#[cfg(feature = "metrics-detailed")]
use super::table::Kind;

impl Family {
    fn options(&self) -> Opts {
        Opts::new(self.name, self.help)
    }

    pub(super) fn gauge(&self, registry: &Registry) -> Result<IntGauge, Error> {
        registered(registry, IntGauge::with_opts(self.options())?)
    }

    pub(super) fn fraction(&self, registry: &Registry) -> Result<Gauge, Error> {
        registered(registry, Gauge::with_opts(self.options())?)
    }

    pub(super) fn gauges(&self, registry: &Registry) -> Result<IntGaugeVec, Error> {
        registered(registry, IntGaugeVec::new(self.options(), self.labels)?)
    }

    pub(super) fn counter(&self, registry: &Registry) -> Result<IntCounter, Error> {
        registered(registry, IntCounter::with_opts(self.options())?)
    }

    pub(super) fn counters(&self, registry: &Registry) -> Result<IntCounterVec, Error> {
        registered(registry, IntCounterVec::new(self.options(), self.labels)?)
    }
}

#[cfg(feature = "metrics-detailed")]
impl Family {
    fn histogram_options(&self) -> HistogramOpts {
        let options = HistogramOpts::new(self.name, self.help);
        match self.kind {
            Kind::Histogram(bounds) => options.buckets(bounds.to_vec()),
            Kind::Counter | Kind::Gauge => options,
        }
    }

    pub(super) fn histogram(&self, registry: &Registry) -> Result<Histogram, Error> {
        registered(registry, Histogram::with_opts(self.histogram_options())?)
    }

    pub(super) fn histograms(&self, registry: &Registry) -> Result<HistogramVec, Error> {
        registered(registry, HistogramVec::new(self.histogram_options(), self.labels)?)
    }
}

fn registered<T: Collector + Clone + 'static>(registry: &Registry, family: T) -> Result<T, Error> {
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}
