//! What a service told at one moment.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::scrape::Scrape;
use crate::adapters::service_client::{ServiceClient, ServiceClientError};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a service told at one moment.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// For rates.
    pub(super) taken: Instant,
    /// For ages.
    pub(super) at: DateTime<Utc>,
    /// What `/health` answered.
    pub(super) health: Value,
    /// What `/metrics` did; empty in a build that has none.
    pub(super) scrape: Scrape,
}

impl Sample {
    /// Asks the service.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) async fn take(service: &ServiceClient) -> Result<Self, ServiceClientError> {
        let health = service.health_within(PATIENCE).await?.body;
        let metrics = service.metrics(PATIENCE).await?;
        let scrape = Scrape::parse(&metrics.unwrap_or_default());
        Ok(Self { taken: Instant::now(), at: Utc::now(), health, scrape })
    }

    /// How much a counter grew in a second since an earlier sample. One that is lower
    /// than it was started over with the service.
    pub(super) fn rate(&self, earlier: &Self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let (now, before) = (self.scrape.sum(name, labels)?, earlier.scrape.sum(name, labels)?);
        let seconds = self.taken.saturating_duration_since(earlier.taken).as_secs_f64();
        let grown = if now < before { now } else { now - before };
        (seconds > 0.0).then(|| grown / seconds)
    }
}
