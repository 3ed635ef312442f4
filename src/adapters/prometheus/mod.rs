//! Metrics for Prometheus, at `GET /metrics` in its text format.
//!
//! What happens is counted as the application [records](crate::ports::Metrics) it; what
//! is the case (the state, the queue, the ends of the log) is asked when it is scraped.
//! The names are one table ([`FAMILIES`]), from which `docs/metrics.md` is made. No
//! label has a value that a client chooses.

mod basic;
#[cfg(feature = "metrics-detailed")]
mod detailed;
#[cfg(feature = "metrics-all")]
mod further;
mod metrics;
mod registering;
#[cfg(feature = "metrics-detailed")]
mod requests;
mod routes;
mod table;

pub use basic::LogFiles;
pub use metrics::PrometheusMetrics;
#[cfg(feature = "metrics-detailed")]
pub use requests::measured;
pub use routes::routes;
pub use table::{FAMILIES, Family, Kind, Level};

#[cfg(test)]
mod tests;
