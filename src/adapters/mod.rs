//! The outside world: HTTP, files, the database, the command line.

pub mod cli;
pub mod file_log;
pub mod http;
#[cfg(feature = "metrics-detailed")]
pub mod measured;
pub mod memory;
pub mod no_metrics;
#[cfg(not(feature = "otlp"))]
pub mod no_traces;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(feature = "metrics-basic")]
pub mod prometheus;
pub mod service_client;
pub mod settings;
#[cfg(feature = "surreal")]
pub mod surreal;
pub mod system;
pub mod telemetry;
