//! Measurements for a service that keeps none.

use crate::ports::{Measurement, Metrics};

/// Takes every measurement and keeps none of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMetrics;

impl Metrics for NoMetrics {
    fn record(&self, _measurement: Measurement) {}
}
