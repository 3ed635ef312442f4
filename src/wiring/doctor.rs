//! Looking at everything that the service needs, before it does.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::ServiceError;
use super::database::{database_name, make_store};
use crate::adapters::cli::{Check, holder};
use crate::adapters::file_log::disk::OsDisk;
use crate::adapters::file_log::{LOG_FOLDER, SyncCost};
use crate::adapters::service_client::ServiceClient;
use crate::adapters::settings::{Endpoint, LogSync, Settings};
use crate::ports::StoreError;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// The least room that is not worth a word, in segments.
const SEGMENTS_OF_ROOM: u64 = 8;

/// Looks at the data folder, its disk, the log, the database and a running
/// service. Nothing that is there is changed, but for what the service itself
/// defines in a database when it connects.
pub async fn doctor(settings: Settings) -> Vec<Check> {
    let dir = settings.data_dir.clone();
    let mut checks =
        vec![Check::good("settings", "every value is accepted"), sync_policy(&settings)];
    checks.push(folder(&dir));
    let is_there = dir.is_dir();
    if is_there {
        checks.extend([room(&dir, settings.command_log_segment_bytes.get()), sync(&dir)]);
    }
    let holder = if is_there { holder(&dir.join(LOG_FOLDER)) } else { None };
    let is_held = holder.is_some();
    checks.push(log(&dir, holder));
    if is_held {
        checks.push(service(&settings).await);
    }
    checks.push(database(&settings, is_held).await);
    if cfg!(feature = "surreal") {
        checks.push(Check::good(
            "licence",
            "SurrealDB is under the Business Source License 1.1: free inside a service such as \
             this one, not for offering a database service",
        ));
    }
    checks
}

fn sync_policy(settings: &Settings) -> Check {
    let policy = settings.command_log_sync;
    match policy {
        LogSync::Always => Check::good("policy", "every acknowledged write is synced before"),
        LogSync::Interval(_) | LogSync::Never => Check::warning(
            "policy",
            format!(
                "COMMAND_LOG_SYNC is {policy}: a power loss may take writes that were acknowledged"
            ),
        ),
    }
}

fn folder(dir: &Path) -> Check {
    let shown = dir.display();
    let denied = |error: &io::Error| error.kind() == ErrorKind::PermissionDenied;
    match fs::metadata(dir) {
        Ok(found) if !found.is_dir() => Check::bad("folder", format!("{shown} is no folder")),
        Ok(_) => {
            let probe = dir.join(format!("doctor-{}.tmp", std::process::id()));
            match fs::write(&probe, "").and_then(|()| fs::remove_file(&probe)) {
                Ok(()) => Check::good("folder", format!("{shown} can be read and written")),
                Err(error) if denied(&error) => {
                    Check::bad("folder", format!("{shown} may not be written by this user"))
                }
                Err(error) => Check::bad("folder", format!("{shown} cannot be written: {error}")),
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Check::good("folder", format!("{shown} is not there; the first start makes it"))
        }
        Err(error) => Check::bad("folder", format!("{shown} cannot be looked at: {error}")),
    }
}

fn room(dir: &Path, segment_bytes: u64) -> Check {
    match rustix::fs::statvfs(dir) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let mebibytes = free >> 20;
            if free < segment_bytes.saturating_mul(SEGMENTS_OF_ROOM) {
                let least = segment_bytes.saturating_mul(SEGMENTS_OF_ROOM) >> 20;
                let found = format!("{mebibytes} MiB are free; the log wants {least} MiB and more");
                return Check::warning("room", found);
            }
            Check::good("room", format!("{mebibytes} MiB are free"))
        }
        Err(error) => Check::warning("room", format!("the system does not tell: {error}")),
    }
}

fn sync(dir: &Path) -> Check {
    match SyncCost::measure(&OsDisk, dir) {
        Ok(cost) => {
            let SyncCost { median, longest } = cost;
            let took = format!("half of the syncs took up to {median:?}, the longest {longest:?}");
            if cost.is_suspicious() {
                let why = "too fast for a disk: a file system in memory, or a disk that does not \
                           wait until a write is kept. A power loss may take acknowledged writes";
                return Check::warning("sync", format!("{took}; {why}"));
            }
            Check::good("sync", took)
        }
        Err(error) => Check::bad("sync", format!("a file cannot be synced: {error}")),
    }
}

fn log(dir: &Path, holder: Option<String>) -> Check {
    if let Some(holder) = holder {
        return Check::good("log", format!("{holder} has it open"));
    }
    if dir.join(LOG_FOLDER).is_dir() {
        let found = "no process has it open; `daybook log verify` checks every byte of it";
        return Check::good("log", found);
    }
    Check::good("log", "there is none yet; the first start makes it")
}

async fn service(settings: &Settings) -> Check {
    let health = match ServiceClient::at(settings.bind_address.as_str()) {
        Ok(service) => service.health().await,
        Err(error) => Err(error),
    };
    match health {
        Ok(health) => match health.state() {
            "healthy" => Check::good("service", health.to_string()),
            "unhealthy" => Check::bad("service", health.to_string()),
            _ => Check::warning("service", health.to_string()),
        },
        Err(error) => Check::warning("service", error.to_string()),
    }
}

async fn database(settings: &Settings, is_held: bool) -> Check {
    let name = database_name(settings);
    let embedded = match &settings.db_endpoint {
        Endpoint::UnderDataDir => Some(settings.data_dir.join("database")),
        Endpoint::SurrealKv(folder) => Some(folder.clone()),
        Endpoint::Server(_) | Endpoint::Memory => None,
    };
    match embedded {
        Some(_) if is_held => {
            return Check::good("database", format!("{name} is part of the running service"));
        }
        Some(folder) if !folder.exists() => {
            return Check::good(
                "database",
                format!("{name} is not there; the first start makes it"),
            );
        }
        _ => {}
    }
    match version(settings).await {
        Ok(version) => Check::good("database", format!("{name} answers, version {version}")),
        Err(error) => Check::bad("database", format!("{name}: {error}")),
    }
}

async fn version(settings: &Settings) -> Result<String, ServiceError> {
    let store = make_store(settings)?;
    let asked = async {
        let continuity = store.connect().await?;
        let version = store.version().await;
        // Nothing was written, so it is as it was found.
        store.close(continuity).await?;
        version
    };
    let late = || StoreError::Timeout { operation: "connect", after: PATIENCE };
    Ok(timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late()))?)
}
