//! What the database, or the service that has it, tells of a log.

use reqwest::StatusCode;
use serde_json::Value;

use super::database::{Reach, make_store, reach};
use super::payload_format;
use crate::adapters::cli::{AskedLog, DatabaseAnswer, LogSettings};
use crate::adapters::service_client::{ServiceClient, ServiceClientError};
use crate::adapters::settings::Settings;
use crate::app::{AppliedLog, State};
use crate::domain::{CommandId, Sequence};
use crate::ports::Continuity;

/// What the settings say of the log.
#[must_use]
pub fn log_settings(settings: &Settings) -> LogSettings {
    LogSettings {
        sync: settings.command_log_sync.to_string(),
        format: payload_format(settings.command_log_format),
    }
}

/// How far that log was applied to the database of the settings. An embedded
/// database is left to the process that has the log; its service is asked then.
pub async fn database_of(settings: Settings, log: AskedLog) -> DatabaseAnswer {
    let why = match (reach(&settings), &log.holder) {
        (Reach::Anyone, _) | (Reach::Alone, None) => match ask_database(&settings, &log).await {
            Ok(applied) => {
                let parked = applied.parked.len() as u64;
                return DatabaseAnswer::Asked { checkpoint: applied.checkpoint, parked };
            }
            Err(why) => format!("it cannot be reached: {why}"),
        },
        (Reach::Nobody(why), None) => why,
        (Reach::Alone | Reach::Nobody(_), Some(holder)) => {
            format!("the database is in use by {holder}")
        }
    };
    if log.holder.is_none() {
        return DatabaseAnswer::Unknown(why);
    }
    ask_service(settings.bind_address.as_str(), &log, &why).await
}

async fn ask_database(settings: &Settings, log: &AskedLog) -> Result<AppliedLog, String> {
    let store = make_store(settings).map_err(|error| error.to_string())?;
    let connected = store.connect().await;
    let applied = match &connected {
        Ok(_) => AppliedLog::of(&*store, log.id).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    // Nothing was compared, so what it vouched for stays what it was.
    let closed = store.close(connected.unwrap_or(Continuity::Suspect)).await;
    if let Err(error) = closed {
        tracing::warn!(code = error.code(), reason = %error, "the database was not closed cleanly");
    }
    applied
}

/// Asks the service at that address, if it is the one of this log.
async fn ask_service(address: &str, log: &AskedLog, why: &str) -> DatabaseAnswer {
    let unknown = |what: &str| DatabaseAnswer::Unknown(format!("{why}; {what} at {address}"));
    let (status, health) = match get(address, "/health").await {
        Ok(answer) => answer,
        Err(error) => return unknown(&format!("no service answers ({error})")),
    };
    let count = |pointer| health.pointer(pointer).and_then(Value::as_u64);
    let text = |name| health.get(name).and_then(Value::as_str);
    let told = (text("state"), count("/queue/commands"), count("/queue/parked"));
    let (true, (Some(state), Some(waiting), Some(parked))) = (status.is_success(), told) else {
        return unknown("something else answers");
    };
    if !is_of(address, log).await {
        return unknown("the service of another log answers");
    }
    let reason = text("reason").map(|reason| format!(" ({reason})"));
    let reason = reason.unwrap_or_default();
    let note = format!("{why}; the service at {address} tells that it is {state}{reason}");
    if state == State::Starting.name() {
        // It counts what it has logged itself until it has seen the checkpoint.
        return DatabaseAnswer::Unknown(note);
    }
    // It counts what is parked as waiting.
    DatabaseAnswer::Served { unapplied: waiting.saturating_sub(parked), parked, note }
}

/// Whether the service has that log: the health of another one on this machine
/// would look the same. Of its own log a service always knows that a command is
/// beyond the end, and never says so of one that is there.
pub(super) async fn is_of(address: &str, log: &AskedLog) -> bool {
    let unknown = async |seq| {
        let command = CommandId { log: log.id, seq };
        let answer = get(address, &format!("/v1/commands/{command}")).await;
        answer.is_ok_and(|(status, _)| status.as_u16() == 404)
    };
    let knows_first = match log.first {
        Some(first) => !unknown(first).await,
        None => true,
    };
    knows_first && unknown(Sequence::new(u64::MAX)).await
}

async fn get(address: &str, path: &str) -> Result<(StatusCode, Value), ServiceClientError> {
    ServiceClient::at(address)?.get(path).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::net::TcpListener;
    use uuid::Uuid;

    use super::*;
    use crate::adapters::http;
    use crate::adapters::memory::{MemoryLog, MemoryStore};
    use crate::adapters::no_metrics::NoMetrics;
    use crate::adapters::system::{SystemClock, UlidNoteIds};
    use crate::app::{Daybook, Options, Ports, Step};
    use crate::domain::LogId;
    use crate::ports::CommandLog;
    use crate::ports::contract::command_log::submission;

    fn asked(log: u128) -> AskedLog {
        let id = LogId::from_uuid(Uuid::from_u128(log));
        AskedLog { id, first: Some(Sequence::FIRST), holder: Some("process 12".to_owned()) }
    }

    /// A service of log 7 with five commands, of which it has applied three if
    /// its database is there.
    async fn service(database: bool) -> String {
        let log = Arc::new(MemoryLog::new(LogId::from_uuid(Uuid::from_u128(7))));
        let append = async |numbers| {
            for number in numbers {
                log.append(submission(number)).await.unwrap();
            }
        };
        append(1..=3).await;
        let ports = Ports {
            log: log.clone(),
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(SystemClock),
            note_ids: Arc::new(UlidNoteIds),
            metrics: Arc::new(NoMetrics),
        };
        let (daybook, mut applier) = Daybook::new(ports, Options::default());
        while database && applier.apply_next().await.unwrap() != Step::CaughtUp {}
        append(4..=5).await;
        let router = http::router(Arc::new(daybook), http::Options::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(http::serve(listener, router, std::future::pending(), Duration::ZERO));
        address
    }

    #[tokio::test]
    async fn the_service_of_the_log_is_asked() {
        let address = service(true).await;
        let answer = ask_service(&address, &asked(7), "it is taken").await;
        let note = format!("it is taken; the service at {address} tells that it is healthy");
        assert_eq!(answer, DatabaseAnswer::Served { unapplied: 2, parked: 0, note });
        let address = service(false).await;
        let answer = ask_service(&address, &asked(7), "it is taken").await;
        let note = format!("it is taken; the service at {address} tells that it is starting");
        assert_eq!(answer, DatabaseAnswer::Unknown(note));
    }

    #[tokio::test]
    async fn nobody_else_is_taken_for_the_service_of_the_log() {
        for database in [true, false] {
            let address = service(database).await;
            let other = ask_service(&address, &asked(8), "it is taken").await;
            let DatabaseAnswer::Unknown(why) = &other else { panic!("{other:?}") };
            assert!(why.contains("the service of another log answers at"), "{why}");
        }
        let none = ask_service("127.0.0.1:0", &asked(7), "it is taken").await;
        let DatabaseAnswer::Unknown(why) = &none else { panic!("{none:?}") };
        assert!(why.starts_with("it is taken; no service answers ("), "{why}");
    }
}
