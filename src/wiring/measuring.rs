//! Where measurements go, and where they are asked for.

#[cfg(feature = "metrics-basic")]
use std::path::Path;
use std::sync::Arc;

use axum::Router;

use super::ServiceError;
use crate::adapters::file_log::FileLog;
use crate::adapters::file_log::disk::{Disk, OsDisk};
use crate::app::Daybook;
use crate::ports::{Metrics, NoteStore};

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

    /// The way to them, beside the routes of the service.
    pub(super) fn routes(&self, daybook: &Arc<Daybook>, log: &Arc<FileLog>) -> Router {
        let log = Arc::clone(log);
        let look = move || files(&log);
        crate::adapters::prometheus::routes(Arc::clone(&self.0), Arc::clone(daybook), look)
    }
}

#[cfg(feature = "metrics-basic")]
fn files(log: &FileLog) -> crate::adapters::prometheus::LogFiles {
    crate::adapters::prometheus::LogFiles {
        segments: log.segments() as u64,
        available_bytes: available_bytes(log.dir()),
    }
}

/// What this user may still write on the disk of that folder.
#[cfg(feature = "metrics-basic")]
fn available_bytes(dir: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(dir).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
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

    pub(super) fn routes(&self, _daybook: &Arc<Daybook>, _log: &Arc<FileLog>) -> Router {
        Router::new()
    }
}

/// What is measured where it happens.
#[cfg(feature = "metrics-detailed")]
impl Measuring {
    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(crate::adapters::measured::MeasuredDisk::new(Arc::new(OsDisk), self.port()))
    }

    pub(super) fn store(&self, store: Arc<dyn NoteStore>) -> Arc<dyn NoteStore> {
        Arc::new(crate::adapters::measured::MeasuredStore::new(store, self.port()))
    }

    pub(super) fn requests(&self, router: Router) -> Router {
        crate::adapters::prometheus::measured(router, Arc::clone(&self.0))
    }
}

#[cfg(not(feature = "metrics-detailed"))]
impl Measuring {
    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(OsDisk)
    }

    pub(super) fn store(&self, store: Arc<dyn NoteStore>) -> Arc<dyn NoteStore> {
        store
    }

    pub(super) fn requests(&self, router: Router) -> Router {
        router
    }
}
