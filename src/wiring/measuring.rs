//! Where measurements go, and where they are asked for.

use std::sync::Arc;

use axum::Router;

use super::ServiceError;
use crate::app::Daybook;
use crate::ports::Metrics;

/// The metrics of a service that is built with some.
#[cfg(feature = "metrics-basic")]
pub(super) struct Measuring(Arc<crate::adapters::prometheus::PrometheusMetrics>);

#[cfg(feature = "metrics-basic")]
impl Measuring {
    pub(super) fn new() -> Result<Self, ServiceError> {
        let metrics = crate::adapters::prometheus::PrometheusMetrics::new();
        Ok(Self(Arc::new(metrics.map_err(|error| ServiceError::Metrics(error.to_string()))?)))
    }

    pub(super) fn port(&self) -> Arc<dyn Metrics> {
        self.0.clone()
    }

    pub(super) fn routes(&self, daybook: &Arc<Daybook>) -> Router {
        crate::adapters::prometheus::routes(Arc::clone(&self.0), Arc::clone(daybook))
    }
}

/// A service that is built without.
#[cfg(not(feature = "metrics-basic"))]
pub(super) struct Measuring;

#[cfg(not(feature = "metrics-basic"))]
impl Measuring {
    pub(super) fn new() -> Result<Self, ServiceError> {
        Ok(Self)
    }

    pub(super) fn port(&self) -> Arc<dyn Metrics> {
        Arc::new(crate::adapters::no_metrics::NoMetrics)
    }

    pub(super) fn routes(&self, _daybook: &Arc<Daybook>) -> Router {
        Router::new()
    }
}
