//! Going on under a new log id.

use std::path::PathBuf;
use std::sync::Arc;

use super::database::make_store;
use super::offline::finish;
use super::{ServiceError, app_options, log_options, open_log, ports};
use crate::adapters::cli::{Adopted, Adoption};
use crate::adapters::file_log::disk::OsDisk;
use crate::adapters::file_log::successor::{Successor, UNFINISHED};
use crate::adapters::settings::Settings;
use crate::adapters::system::SystemClock;
use crate::app::{Carried, Replay, ReplayError, Succession};
use crate::domain::Sequence;
use crate::ports::{Clock, CommandLog, NoteStore};

/// Tells where log and database are, and what a new log would hold where they
/// have no longer one history. With `apply` that log is made and takes the place
/// of the old one.
///
/// # Errors
/// When the log is in use or damaged, the database is not reached, or the new
/// log cannot be made. The old one is then as it was, or the new one has taken
/// its place.
pub async fn adopt(
    settings: Settings,
    applied_through: Option<u64>,
    apply: bool,
) -> Result<Adoption, ServiceError> {
    let log = open_log(&settings).await?;
    let store: Arc<dyn NoteStore> = make_store(&settings)?;
    let mut replay = Replay::new(ports(&log, &store), app_options(&settings));
    let adopted = async {
        replay.connect().await?;
        let ends = replay.ends().await?;
        if ends.mismatch.is_none() {
            return Ok(Adoption { ends, succession: None, adopted: None });
        }
        let named = applied_through.map(Sequence::new);
        let succession = replay.succession(&ends, named).await?;
        let adopted =
            if apply { Some(take_over(&settings, &*log, &succession).await?) } else { None };
        Ok(Adoption { ends, succession: Some(succession), adopted })
    };
    let adopted: Result<Adoption, ServiceError> = adopted.await;
    finish(adopted, replay.vouches(), &*log, &*store).await
}

/// The old log stays locked until its successor is in its place.
async fn take_over(
    settings: &Settings,
    log: &dyn CommandLog,
    succession: &Succession,
) -> Result<Adopted, ServiceError> {
    let options = log_options(settings);
    let data_dir = &settings.data_dir;
    let unfinished: PathBuf = data_dir.join(UNFINISHED);
    let failed = |error: &dyn std::error::Error| ServiceError::Successor(error.to_string());
    let (format, bytes) = (options.format, options.segment_bytes);
    let mut successor = Successor::new(&OsDisk, data_dir, &unfinished, format, bytes)
        .map_err(|error| failed(&error))?;
    let mut carried = Carried::new(log, succession);
    let mut commands = 0;
    loop {
        let entries = carried.next().await.map_err(ServiceError::Read)?;
        if entries.is_empty() {
            break;
        }
        for entry in &entries {
            successor.push(&entry.submission).map_err(|error| failed(&error))?;
            commands += entry.commands();
        }
    }
    if commands != succession.commands() {
        let short = format!("{commands} of {} commands were read", succession.commands());
        return Err(ReplayError::Refused(short).into());
    }
    let log = successor.id();
    let before = successor.take_over(SystemClock.now()).map_err(|error| failed(&error))?;
    Ok(Adopted { log, before })
}
