//! Whether traces are sent, and where.

use super::ServiceError;
#[cfg(feature = "otlp")]
use crate::adapters::otlp::Export;
use crate::adapters::settings::Settings;
use crate::adapters::telemetry::Traces;

/// Traces on their way to a collector, if the settings name one.
pub struct Exporting {
    #[cfg(feature = "otlp")]
    export: Option<Export>,
}

#[cfg(feature = "otlp")]
impl Exporting {
    /// Sends traces from now on. The collector need not be there. It must be
    /// called on the runtime of the service.
    ///
    /// # Errors
    /// When no client can be made for it.
    pub fn start(settings: &Settings, traces: &Traces) -> Result<Self, ServiceError> {
        let endpoint = settings.otlp_endpoint.get();
        let export = endpoint.map(|endpoint| traces.export_to(&endpoint.traces_url()));
        let export = export.transpose().map_err(|error| ServiceError::Traces(error.to_string()))?;
        Ok(Self { export })
    }

    /// Sends what is left, for some seconds at most.
    pub async fn stop(self) {
        if let Some(export) = self.export {
            export.stop().await;
        }
    }
}

/// In a build that sends none, no settings name a collector.
#[cfg(not(feature = "otlp"))]
impl Exporting {
    /// Sends nothing.
    ///
    /// # Errors
    /// Never.
    pub fn start(_settings: &Settings, _traces: &Traces) -> Result<Self, ServiceError> {
        Ok(Self {})
    }

    /// Nothing is left.
    pub async fn stop(self) {}
}
