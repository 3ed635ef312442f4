//! Parked commands, by a running service or without one.

use std::sync::Arc;

use serde_json::Value;

use super::database::make_store;
use super::offline::finish;
use super::status::is_of;
use super::{ServiceError, app_options, open_log, ports};
use crate::adapters::cli::{CommandName, log_in};
use crate::adapters::file_log::{LOG_FOLDER, OpenError};
use crate::adapters::http::{CommandBody, ParkedBody};
use crate::adapters::service_client::{ServiceClient, ServiceClientError};
use crate::adapters::settings::Settings;
use crate::app::{Release, ReleaseError, Replay, ReplayError};
use crate::domain::LogId;
use crate::ports::{CommandLog, NoteStore};

/// Who can do something about parked commands.
enum Desk {
    /// The process that has this log open.
    Service { client: ServiceClient, log: LogId },
    /// This one.
    Own { log: Arc<dyn CommandLog>, store: Arc<dyn NoteStore>, replay: Box<Replay> },
}

/// The parked commands, in the order of the log.
///
/// # Errors
/// When neither the service of the log answers nor log and database can be opened.
pub async fn list_parked(settings: Settings) -> Result<Vec<ParkedBody>, ServiceError> {
    match open(&settings).await? {
        Desk::Service { client, .. } => Ok(client.parked().await?),
        Desk::Own { log, store, mut replay } => {
            let listed = async {
                replay.connect().await?;
                replay.list_parked().await
            };
            let parked = finish(listed.await, replay.vouches(), &*log, &*store).await?;
            Ok(parked.into_iter().map(|parked| ParkedBody::new(log.id(), parked)).collect())
        }
    }
}

/// Attempts a parked command again, or gives it up, and tells how far it has come
/// as `GET /v1/commands/{command_id}` does.
///
/// # Errors
/// As for [`list_parked`]; when the command is not parked; when the database is
/// away.
pub async fn release(
    settings: Settings,
    command: CommandName,
    how: Release,
) -> Result<Value, ServiceError> {
    match open(&settings).await? {
        Desk::Service { client, log } => Ok(match how {
            Release::Retry => client.retry(command.id(log)).await?,
            Release::Discard => client.discard(command.id(log)).await?,
        }),
        Desk::Own { log, store, mut replay } => {
            let id = command.id(log.id());
            let released = async {
                if id.log != log.id() {
                    return Ok(Err(ReleaseError::NotParked));
                }
                replay.connect().await?;
                replay.release(id.seq, how).await
            };
            let released: Result<_, ReplayError> = released.await;
            let released = finish(released, replay.vouches(), &*log, &*store).await?;
            let told = serde_json::to_value(CommandBody::new(id, released?));
            told.map_err(|error| {
                ServiceError::Client(ServiceClientError::Refused(error.to_string()))
            })
        }
    }
}

/// A service that has the log open is asked; otherwise this process opens it.
async fn open(settings: &Settings) -> Result<Desk, ServiceError> {
    match open_log(settings).await {
        Ok(log) => {
            let store: Arc<dyn NoteStore> = make_store(settings)?;
            let replay = Replay::new(ports(&log, &store), app_options(settings));
            Ok(Desk::Own { log, store, replay: Box::new(replay) })
        }
        Err(ServiceError::Log(OpenError::InUse { .. })) => {
            let log = log_in(&settings.data_dir.join(LOG_FOLDER));
            let log = log.map_err(|error| ServiceClientError::Refused(error.to_string()))?;
            let address = settings.bind_address.as_str();
            let client = ServiceClient::at(address)?;
            client.health().await?;
            if !is_of(address, &log).await {
                let other = format!("the service at {address} has another log");
                return Err(ServiceClientError::Refused(other).into());
            }
            Ok(Desk::Service { client, log: log.id })
        }
        Err(error) => Err(error),
    }
}
