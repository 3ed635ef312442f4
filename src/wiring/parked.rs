//! Parked commands, by a running service or without one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::database::make_store;
use super::offline::finish;
use super::{ServiceError, app_options, open_log, ports};
use crate::adapters::cli::CommandName;
use crate::adapters::file_log::OpenError;
use crate::adapters::service_client::{ParkedRecord, ServiceClient};
use crate::adapters::settings::Settings;
use crate::app::{CommandState, Release, ReleaseError, Replay, ReplayError};
use crate::domain::{CommandId, LogId};
use crate::ports::{CommandLog, NoteStore, Parked};

/// Who can do something about parked commands.
enum Desk {
    /// The process that has the log open.
    Service(ServiceClient),
    /// This one.
    Own { log: Arc<dyn CommandLog>, store: Arc<dyn NoteStore>, replay: Box<Replay> },
}

/// The parked commands, in the order of the log.
///
/// # Errors
/// When neither a service answers nor log and database can be opened.
pub async fn list_parked(settings: Settings) -> Result<Vec<ParkedRecord>, ServiceError> {
    match open(&settings).await? {
        Desk::Service(service) => Ok(service.parked().await?),
        Desk::Own { log, store, mut replay } => {
            let listed = async {
                replay.connect().await?;
                replay.list_parked().await
            };
            let parked = finish(listed.await, replay.vouches(), &*log, &*store).await?;
            Ok(parked.into_iter().map(|parked| record(log.id(), parked)).collect())
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
        Desk::Service(service) => {
            let log = match command {
                CommandName::Id(id) => id.log,
                CommandName::Sequence(seq) => {
                    let parked = service.parked().await?;
                    let parked = parked.into_iter().find(|parked| parked.seq == seq.get());
                    let id = parked.and_then(|parked| parked.command_id.parse().ok());
                    let id: CommandId = id.ok_or(ReleaseError::NotParked)?;
                    id.log
                }
            };
            let id = command.id(log);
            Ok(match how {
                Release::Retry => service.retry(id).await?,
                Release::Discard => service.discard(id).await?,
            })
        }
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
            Ok(told(id, released?))
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
            Ok(Desk::Service(ServiceClient::at(settings.bind_address.as_str())?))
        }
        Err(error) => Err(error),
    }
}

fn record(log: LogId, parked: Parked) -> ParkedRecord {
    let Parked { seq, note, attempts, reason, since } = parked;
    let command_id = CommandId { log, seq }.to_string();
    let (seq, note_id, since) = (seq.get(), note.to_string(), since.to_rfc3339());
    ParkedRecord { command_id, seq, note_id, attempts, reason, since }
}

fn told(id: CommandId, state: CommandState) -> Value {
    let (status, why) = match state {
        CommandState::Pending => ("pending", None),
        CommandState::Applied(_) => ("applied", None),
        CommandState::Rejected(rejection) => ("rejected", Some(rejection.to_string())),
        CommandState::Parked => ("parked", None),
    };
    let problem = why.map(|detail| json!({ "detail": detail }));
    json!({ "command_id": id.to_string(), "seq": id.seq.get(), "status": status, "problem": problem })
}
