//! Puts the parts together: the one place that names the application and its
//! adapters, and the order in which they start and stop.
//!
//! Start: open the command log (which locks the data folder), listen, run the
//! applier (which connects to the database), serve. The service takes writes
//! before the database is reached; they wait in the log.
//!
//! Stop: accept no more, answer what is in flight, stop the applier, sync and
//! close the log, close the database. The applier runs until the last answer is
//! out, because answers wait for it.

mod adopt;
mod compact;
mod database;
mod doctor;
mod exporting;
mod measuring;
mod offline;
mod parked;
mod status;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinError, spawn_blocking};
use tracing::{info, warn};

pub use self::adopt::adopt;
pub use self::compact::compact;
use self::database::{database_name, make_measured_store};
pub use self::doctor::doctor;
pub use self::exporting::Exporting;
use self::measuring::Measuring;
pub use self::offline::{audit, rebuild, replay};
pub use self::parked::{list_parked, release};
pub use self::status::{database_of, log_settings};
use crate::adapters::file_log::disk::{Disk, OsDisk};
use crate::adapters::file_log::successor::settle;
use crate::adapters::file_log::{
    FileLog, FileLogOptions, LOG_FOLDER, OpenError, PayloadFormat, Retention, SyncPolicy,
};
use crate::adapters::http;
use crate::adapters::no_metrics::NoMetrics;
use crate::adapters::service_client::ServiceClientError;
use crate::adapters::settings::{Endpoint, LogFormat, LogRetention, LogSync, Settings};
use crate::adapters::system::{SystemClock, UlidNoteIds};
use crate::app::{
    AdoptError, Applier, ApplierError, Daybook, Options, Ports, QueueLimits, ReleaseError,
    ReplayError,
};
use crate::ports::{CommandLog, Continuity, LogError, NoteStore, StoreError};

/// Why the service could not start, or did not end well. Each message says
/// everything; the sources add nothing to it.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The data folder is not there and cannot be made, or is no folder.
    #[error("the data folder {} cannot be used: {reason}", path.display())]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The command log cannot be opened.
    #[error("{0}")]
    Log(#[from] OpenError),
    /// The database cannot be used with these settings.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The request timeout is out of bounds.
    #[error("REQUEST_TIMEOUT: {0}")]
    RequestTimeout(#[from] http::RequestTimeoutError),
    /// The listener failed for good.
    #[error("connections cannot be accepted any more: {0}")]
    Accept(io::Error),
    /// The database was not reached, or cannot be used.
    #[error("{0}; the command log keeps every write")]
    Database(#[from] ApplierError),
    /// The log could not be read.
    #[error("{0}")]
    Read(LogError),
    /// The log was not posted to its end.
    #[error("{0}")]
    Replay(#[from] ReplayError),
    /// A command cannot be attempted again or given up.
    #[error("{0}")]
    Release(#[from] ReleaseError),
    /// A running service gave no answer, or said no.
    #[error("{0}")]
    Client(#[from] ServiceClientError),
    /// No log can take the place of the old one.
    #[error("{0}")]
    Adopt(#[from] AdoptError),
    /// The new log could not be put in the place of the old one.
    #[error("the new log could not be put in place of the old one: {0}")]
    Successor(String),
    /// The log could not be compacted.
    #[error("the log could not be compacted: {0}")]
    Snapshot(String),
    /// The metrics cannot be kept.
    #[error("the metrics cannot be kept: {0}")]
    Metrics(String),
    /// Traces cannot be sent to the collector of the settings.
    #[error("OTLP_ENDPOINT: {0}")]
    Traces(String),
    /// A task panicked. Its message is left out: it may quote a note.
    #[error("the service stopped by a defect of its own")]
    Defect,
    /// The last sync of the log failed.
    #[error("the command log could not be closed: {0}")]
    Close(LogError),
}

/// The service, opened and ready to be run.
pub struct Service {
    settings: Settings,
    log: Arc<FileLog>,
    store: Arc<dyn NoteStore>,
    daybook: Arc<Daybook>,
    applier: Applier,
    measuring: Measuring,
}

impl Service {
    /// Opens the command log, which recovers it from a crash and keeps other
    /// processes out of the data folder. The database is not touched yet.
    ///
    /// # Errors
    /// When the data folder or the log in it cannot be used.
    pub async fn open(settings: Settings) -> Result<Self, ServiceError> {
        check_retention(&settings)?;
        let measuring = Measuring::new()?;
        let log = Arc::new(open_files(&settings, measuring.disk()).await?);
        let store = measuring.store(make_measured_store(&settings, measuring.port())?);
        let as_log: Arc<dyn CommandLog> = log.clone();
        let ports = Ports { metrics: measuring.port(), ..ports(&as_log, &store) };
        let (daybook, applier) = Daybook::new(ports, app_options(&settings));
        Ok(Self { settings, log, store, daybook: Arc::new(daybook), applier, measuring })
    }

    /// Serves on that listener until `shutdown` is there, then stops in order.
    ///
    /// # Errors
    /// When the database is not reached within `STARTUP_MAX_WAIT` or cannot be
    /// used at all, when no connection can be accepted any more, and when the
    /// log could not be closed. Everything is closed all the same.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServiceError> {
        self.announce(&listener);
        let options = http::Options::default();
        let options = options.with_request_timeout(self.settings.request_timeout.get())?;
        let further = self.measuring.routes(&self.daybook, &self.log);
        let router = http::router_with(further, Arc::clone(&self.daybook), options);
        let router = self.measuring.requests(router);
        let (stop, stopped) = watch::channel(false);
        // A task of its own: no request can cancel it.
        let mut applier = tokio::spawn(self.applier.run(stopped));
        let mut gave_up = None;
        let until = async {
            tokio::select! {
                () = shutdown => info!("stopping"),
                ended = &mut applier => gave_up = Some(ended),
            }
        };
        let served = http::serve(listener, router, until, self.settings.shutdown_timeout.get());
        let served = served.await.map_err(ServiceError::Accept);
        stop.send_replace(true);
        let applied = match gave_up {
            Some(ended) => outcome(ended),
            None => outcome(applier.await),
        };
        let closed = self.log.close().await.map_err(ServiceError::Close);
        let continuity = *applied.as_ref().unwrap_or(&Continuity::Suspect);
        if let Err(error) = self.store.close(continuity).await {
            warn!(code = error.code(), reason = %error, "the database was not closed cleanly");
        }
        applied?;
        served?;
        closed?;
        info!("stopped");
        Ok(())
    }

    /// Tells, in one line, what runs where. No secret is in it.
    fn announce(&self, listener: &TcpListener) {
        let positions = self.log.positions();
        let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
        info!(
            address,
            data_dir = %self.settings.data_dir.display(),
            log = %self.log.id(),
            first = positions.first.get(),
            last = positions.last.seq.get(),
            database = database_name(&self.settings),
            "listening"
        );
        let at_risk = match self.settings.command_log_sync {
            LogSync::Always => return,
            LogSync::Interval(span) => format!("the acknowledged writes of the last {span}"),
            LogSync::Never => {
                "every acknowledged write that the system had not written to the disk".to_owned()
            }
        };
        warn!(
            sync = %self.settings.command_log_sync,
            at_risk,
            "with this COMMAND_LOG_SYNC acknowledged writes are not durable: they survive a kill \
             of this process, but not a power loss or a crash of the system; the database may then \
             be ahead of the log, and nothing is applied until someone steps in"
        );
    }
}

impl From<JoinError> for ServiceError {
    fn from(_: JoinError) -> Self {
        Self::Defect
    }
}

fn outcome(
    ended: Result<Result<Continuity, ApplierError>, JoinError>,
) -> Result<Continuity, ServiceError> {
    Ok(ended??)
}

/// Listens on the address of the settings.
///
/// # Errors
/// When it is in use, is not of this machine, or needs more rights.
pub async fn listen(settings: &Settings) -> Result<TcpListener, ServiceError> {
    let address = settings.bind_address.as_str();
    TcpListener::bind(address).await.map_err(|error| ServiceError::Listen {
        address: address.to_owned(),
        reason: match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program listens there; stop it or choose another BIND_ADDRESS".to_owned()
            }
            io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            io::ErrorKind::PermissionDenied => "this user may not use that port".to_owned(),
            _ => error.to_string(),
        },
    })
}

fn ports(log: &Arc<dyn CommandLog>, store: &Arc<dyn NoteStore>) -> Ports {
    Ports {
        log: Arc::clone(log),
        store: Arc::clone(store),
        clock: Arc::new(SystemClock),
        note_ids: Arc::new(UlidNoteIds),
        metrics: Arc::new(NoMetrics),
    }
}

fn app_options(settings: &Settings) -> Options {
    Options {
        queue: QueueLimits {
            max_commands: settings.queue_max_commands.get(),
            max_bytes: settings.queue_max_bytes.get(),
        },
        heal_window_bytes: settings.heal_window.get(),
        unavailable_after: settings.db_unavailable_timeout.get(),
        startup_max_wait: settings.startup_max_wait.get(),
        // A step loads and commits, and each may take that long.
        stalled_after: settings.db_operation_timeout.get() * 2,
        probe_interval: settings.db_detection_time.get() / 2,
        cache_max_bytes: settings.cache_max_bytes.get(),
        cache_ttl: settings.cache_ttl.get(),
        ..Options::default()
    }
}

/// A database that the log is all there is of cannot do without its beginning.
fn check_retention(settings: &Settings) -> Result<(), StoreError> {
    let is_volatile = !cfg!(feature = "surreal") || settings.db_endpoint == Endpoint::Memory;
    if is_volatile && settings.command_log_retention != LogRetention::All {
        let why = "COMMAND_LOG_RETENTION: it must be all where notes are kept in memory, since \
                   they are made anew from the whole log at every start";
        return Err(StoreError::Misconfigured(why.to_owned()));
    }
    Ok(())
}

async fn open_log(settings: &Settings) -> Result<Arc<dyn CommandLog>, ServiceError> {
    Ok(Arc::new(open_files(settings, Arc::new(OsDisk)).await?))
}

async fn open_files(settings: &Settings, disk: Arc<dyn Disk>) -> Result<FileLog, ServiceError> {
    let data_dir = settings.data_dir.clone();
    let options = log_options(settings);
    // It reads the whole log.
    let opening = spawn_blocking(move || {
        prepare(&data_dir)?;
        settle(&OsDisk, &data_dir)?;
        FileLog::open(disk, &data_dir.join(LOG_FOLDER), options).map_err(ServiceError::Log)
    });
    opening.await?
}

fn log_options(settings: &Settings) -> FileLogOptions {
    FileLogOptions {
        format: payload_format(settings.command_log_format),
        sync: match settings.command_log_sync {
            LogSync::Always => SyncPolicy::Always,
            LogSync::Interval(span) => SyncPolicy::Interval(span.get()),
            LogSync::Never => SyncPolicy::Never,
        },
        segment_bytes: settings.command_log_segment_bytes.get(),
        retention: match settings.command_log_retention {
            LogRetention::All => Retention::All,
            LogRetention::Age(age) => Retention::Age(age),
            LogRetention::Bytes(bytes) => Retention::Bytes(bytes),
        },
        ..FileLogOptions::default()
    }
}

fn payload_format(format: LogFormat) -> PayloadFormat {
    match format {
        LogFormat::Cbor => PayloadFormat::Cbor,
        LogFormat::Json => PayloadFormat::Json,
        LogFormat::Bincode => PayloadFormat::Bincode,
        LogFormat::MessagePack => PayloadFormat::MessagePack,
    }
}

/// Makes the data folder where it is not there, and its name durable.
fn prepare(path: &Path) -> Result<(), ServiceError> {
    let unusable = |reason| ServiceError::DataDir { path: path.to_owned(), reason };
    match OsDisk.create_dir_all(path) {
        Ok(()) => Ok(()),
        Err(_) if path.exists() && !path.is_dir() => Err(unusable("it is not a folder".to_owned())),
        Err(error) => Err(unusable(reason(&error))),
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "this user may not read and write it".to_owned(),
        io::ErrorKind::StorageFull => "its disk is full".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "its disk is read-only".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_defect_does_not_tell_what_it_was_about() {
        let task = tokio::spawn(async { panic!("the title is 'hidden'") });
        let error = task.await.map_err(ServiceError::from).unwrap_err();
        assert!(matches!(error, ServiceError::Defect), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
    }
}
