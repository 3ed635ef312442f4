//! Measurements kept as they came.

use std::sync::{Mutex, PoisonError};

use crate::ports::{Measurement, Metrics};

/// How many measurements are kept; older ones are forgotten.
const KEPT: usize = 100_000;

/// Keeps the latest measurements for a test to look at.
#[derive(Debug, Default)]
pub struct MemoryMetrics {
    taken: Mutex<Vec<Measurement>>,
}

impl MemoryMetrics {
    /// Everything that was measured, oldest first.
    #[must_use]
    pub fn taken(&self) -> Vec<Measurement> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Metrics for MemoryMetrics {
    fn record(&self, measurement: Measurement) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= KEPT {
            taken.drain(..KEPT / 2);
        }
        taken.push(measurement);
    }
}
