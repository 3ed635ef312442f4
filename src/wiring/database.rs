//! The database of the settings.

use std::sync::Arc;

#[cfg(not(feature = "surreal"))]
use crate::adapters::memory::MemoryStore;
use crate::adapters::no_metrics::NoMetrics;
use crate::adapters::settings::Settings;
#[cfg(feature = "surreal")]
use crate::adapters::settings::{self, Count, Endpoint};
#[cfg(feature = "surreal")]
use crate::adapters::surreal::{
    AuthLevel, Credentials, PoolOptions, SurrealOptions, SurrealStore, VersionPolicy,
    memtable_bytes,
};
use crate::ports::{Metrics, NoteStore, StoreError};

/// Who can read the database beside the process that posts to it.
#[cfg_attr(
    not(feature = "surreal"),
    expect(dead_code, reason = "the store in memory is that of one process")
)]
pub(super) enum Reach {
    /// Everyone: it is a server.
    Anyone,
    /// One process at a time: it is embedded, in a folder.
    Alone,
    /// No other process, for this reason.
    Nobody(String),
}

/// Who can read the database of the settings.
#[cfg(feature = "surreal")]
pub(super) fn reach(settings: &Settings) -> Reach {
    let folder = match &settings.db_endpoint {
        Endpoint::Server(_) => return Reach::Anyone,
        Endpoint::Memory => {
            return Reach::Nobody("mem:// keeps nothing while no service runs".to_owned());
        }
        Endpoint::UnderDataDir => settings.data_dir.join("database"),
        Endpoint::SurrealKv(folder) => folder.clone(),
    };
    // Connecting would make it.
    if folder.exists() {
        Reach::Alone
    } else {
        Reach::Nobody(format!("there is no database yet: {} does not exist", folder.display()))
    }
}

#[cfg(not(feature = "surreal"))]
pub(super) fn reach(_settings: &Settings) -> Reach {
    Reach::Nobody(
        "this build has no SurrealDB, and keeps notes in the memory of the service".to_owned(),
    )
}

/// The store, not connected, of which nobody measures anything.
pub(super) fn make_store(settings: &Settings) -> Result<Arc<dyn NoteStore>, StoreError> {
    make_measured_store(settings, Arc::new(NoMetrics))
}

/// The store, not connected.
#[cfg(feature = "surreal")]
pub(super) fn make_measured_store(
    settings: &Settings,
    metrics: Arc<dyn Metrics>,
) -> Result<Arc<dyn NoteStore>, StoreError> {
    if matches!(settings.db_endpoint, Endpoint::UnderDataDir | Endpoint::SurrealKv(_))
        && is_too_short(settings.heal_window.get(), memtable_bytes())
    {
        tracing::warn!(
            heal_window_bytes = settings.heal_window.get(),
            memtable_bytes = memtable_bytes(),
            "HEAL_WINDOW is smaller than what the database keeps in memory on this machine: a \
             batch that it loses in a crash may not be found"
        );
    }
    let options = SurrealOptions {
        namespace: settings.db_namespace.as_str().to_owned(),
        database: settings.db_database.as_str().to_owned(),
        operation_timeout: settings.db_operation_timeout.get(),
        credentials: credentials(settings)?,
        ca_file: settings.db_ca_file.get().cloned(),
        // Shorter than the probe waits, so that it ends by itself.
        ping_timeout: settings.db_detection_time.get() * 2 / 5,
        versions: VersionPolicy {
            accepted: settings.db_version_range.get().clone(),
            tested: settings.db_versions_tested.get().to_vec(),
        },
        pool: pool(settings)?,
        ..SurrealOptions::new(database_name(settings))
    };
    Ok(Arc::new(SurrealStore::new(options)?.with_metrics(metrics)))
}

#[cfg(feature = "surreal")]
fn pool(settings: &Settings) -> Result<PoolOptions, StoreError> {
    let count = |count: Count| u32::try_from(count.get()).unwrap_or(u32::MAX);
    let (min, max) = (count(settings.pool_min), count(settings.pool_max));
    if min > max {
        let why = format!("POOL_MIN: {min} is more than POOL_MAX, {max}");
        return Err(StoreError::Misconfigured(why));
    }
    Ok(PoolOptions {
        min,
        max,
        acquire_timeout: settings.pool_acquire_timeout.get(),
        idle_timeout: settings.pool_idle_timeout.get(),
        max_lifetime: settings.pool_max_lifetime.get(),
        health_interval: settings.pool_health_interval.get(),
    })
}

/// Who signs in. Half of it, or any of it for an embedded database, is refused.
#[cfg(feature = "surreal")]
fn credentials(settings: &Settings) -> Result<Option<Credentials>, StoreError> {
    let refused = |why: &str| Err(StoreError::Misconfigured(why.to_owned()));
    let password = match (settings.db_password.get(), settings.db_password_file.get()) {
        (Some(_), Some(_)) => {
            return refused("DB_PASSWORD_FILE: DB_PASSWORD is set, too; remove one of them");
        }
        (Some(password), None) => Some(password.reveal().to_owned()),
        (None, Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                return refused(&format!("DB_PASSWORD_FILE: {}: {error}", path.display()));
            }
        },
        (None, None) => None,
    };
    match (settings.db_username.get(), password) {
        (None, None) => Ok(None),
        (None, Some(_)) => refused("DB_USERNAME: it is missing beside the password"),
        (Some(_), None) => refused("DB_PASSWORD: it is missing beside DB_USERNAME"),
        (Some(_), Some(_)) if !matches!(settings.db_endpoint, Endpoint::Server(_)) => {
            refused("DB_USERNAME: nobody signs in to an embedded database; remove it")
        }
        (Some(username), Some(password)) => {
            let level = match settings.db_auth_level {
                settings::AuthLevel::Root => AuthLevel::Root,
                settings::AuthLevel::Namespace => AuthLevel::Namespace,
                settings::AuthLevel::Database => AuthLevel::Database,
            };
            Ok(Some(Credentials { level, username: username.clone(), password }))
        }
    }
}

/// Whether a window does not reach back over the memtable.
#[cfg(feature = "surreal")]
fn is_too_short(window: u64, memtable: u64) -> bool {
    window < memtable
}

/// The database, as the log names it.
#[cfg(feature = "surreal")]
pub(super) fn database_name(settings: &Settings) -> String {
    settings.db_endpoint.url(&settings.data_dir)
}

#[cfg(not(feature = "surreal"))]
pub(super) fn make_measured_store(
    _settings: &Settings,
    _metrics: Arc<dyn Metrics>,
) -> Result<Arc<dyn NoteStore>, StoreError> {
    tracing::warn!(
        "this build has no SurrealDB: DB_ENDPOINT has no effect, notes are kept in memory and \
         built anew from the command log at every start"
    );
    Ok(Arc::new(MemoryStore::new().exclusively()))
}

#[cfg(not(feature = "surreal"))]
pub(super) fn database_name(_settings: &Settings) -> String {
    "memory".to_owned()
}

#[cfg(all(test, feature = "surreal"))]
mod tests {
    use super::*;

    #[test]
    fn a_window_below_the_memtable_is_warned_about() {
        let memtable = 256 << 20;
        assert!(!is_too_short(memtable, memtable));
        assert!(is_too_short(memtable - 1, memtable));
    }
}
