//! The log as the application sees it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use super::disk::{Disk, FolderLock, LockError};
use super::failure::{Failure, OpenError};
use super::queue::{self, Ended, Request};
use super::reader::Reader;
use super::recovery::recover;
use super::shared::{Ending, Shared};
use super::{FileLogOptions, LOCK_FILE, MAX_PAYLOAD_BYTES, Retention};
use crate::domain::{Entry, LogId, Position, Sequence, Submission};
use crate::ports::{CommandLog, LogError, Positions, ReadLimit};

/// A [`CommandLog`] in the files of a folder.
///
/// Dropping it writes what was queued, waits for the writer and gives the folder
/// back.
#[derive(Debug)]
pub struct FileLog {
    dir: PathBuf,
    options: FileLogOptions,
    shared: Arc<Shared>,
    reader: Arc<Reader>,
    /// `None` only while this is dropped.
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
    /// Given back after the writer has ended.
    _lock: FolderLock,
}

impl FileLog {
    /// Opens the log in a folder for this process alone. A folder that is not
    /// there is made, and a log in it with a new id.
    ///
    /// Reads the whole log and checks every frame, and blocks for as long as
    /// that takes. After `Ok` every command that
    /// [`positions`](CommandLog::positions) tells survives a power loss.
    ///
    /// # Errors
    /// [`OpenError`]; the log is then as it was, but for an unfinished write at
    /// its end.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: FileLogOptions,
    ) -> Result<Self, OpenError> {
        disk.create_dir_all(dir).map_err(OpenError::folder(dir))?;
        let lock = disk.lock(&dir.join(LOCK_FILE)).map_err(|error| match error {
            LockError::Held { holder } => OpenError::InUse { dir: dir.to_owned(), holder },
            LockError::Io(error) => OpenError::folder(dir)(error),
        })?;
        let mut writer = recover(Arc::clone(&disk), dir, options)?;
        // A disk without room for it is no reason not to start.
        let _told = writer.reserve.make();
        let shared = Arc::clone(&writer.shared);
        let reader = Arc::new(Reader::new(disk, Arc::clone(&shared)));
        let (requests, thread) =
            queue::start(writer).map_err(Failure::of("starting the writer of", dir))?;
        Ok(Self {
            dir: dir.to_owned(),
            options,
            shared,
            reader,
            requests: Some(requests),
            thread: Some(thread),
            _lock: lock,
        })
    }

    /// The folder of the log.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How many segments are retained.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.shared.index().segments().len()
    }

    async fn send(&self, request: Request) -> Result<(), Ending> {
        let Some(requests) = &self.requests else { return Err(Ending::Closed) };
        match requests.send(request).await {
            Ok(()) => Ok(()),
            Err(_not_taken) => Err(self.shared.ended().await),
        }
    }

    /// Runs a read where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let reader = Arc::clone(&self.reader);
        spawn_blocking(move || read(&reader)).await.unwrap_or_else(|error| {
            Err(LogError::Io { place: self.place(), source: io::Error::other(error) })
        })
    }

    fn place(&self) -> String {
        self.dir.display().to_string()
    }
}

#[async_trait]
impl CommandLog for FileLog {
    fn id(&self) -> LogId {
        self.shared.log
    }

    fn positions(&self) -> Positions {
        // In this order: the log may grow in between, its start may not move
        // back.
        let last = self.shared.published().last;
        let index = self.shared.index();
        let bytes = last.end.saturating_sub(index.start());
        Positions { first: index.first(), compacted: index.compacted(), last, bytes }
    }

    async fn append(&self, submission: Submission) -> Result<Position, LogError> {
        if let Some(ending) = self.shared.published().ended {
            return Err(ending.into());
        }
        let payload = self
            .options
            .format
            .encode(&submission)
            .map_err(|error| LogError::Refused { detail: error.to_string() })?;
        let (bytes, max_bytes) = (payload.len() as u64, u64::from(MAX_PAYLOAD_BYTES));
        if bytes > max_bytes {
            return Err(LogError::TooLarge { bytes, max_bytes });
        }
        let (answer, answered) = oneshot::channel();
        self.send(Request::Append { payload, answer }).await?;
        match answered.await {
            Ok(Ok(position)) => Ok(position),
            Ok(Err(Ended::NotLogged(error))) => Err(error.into()),
            Ok(Err(Ended::Closed)) => Err(LogError::Closed),
            Err(_gone) => Err(LogError::Unclear { detail: "its writer has died".to_owned() }),
        }
    }

    async fn read(&self, from: Sequence, limit: ReadLimit) -> Result<Vec<Entry>, LogError> {
        self.blocking(move |reader| reader.read(from, limit)).await
    }

    async fn wait_past(&self, seq: Sequence) -> Result<(), LogError> {
        let mut published = self.shared.subscribe();
        let found = published.wait_for(|p| p.last.seq > seq || p.ended.is_some()).await;
        match found {
            Ok(published) if published.last.seq > seq => Ok(()),
            _ => Err(LogError::Closed),
        }
    }

    async fn locate(&self, seq: Sequence) -> Result<Position, LogError> {
        self.blocking(move |reader| reader.locate(seq)).await
    }

    async fn floor(&self, upto: Sequence, bytes: u64) -> Result<Sequence, LogError> {
        self.blocking(move |reader| reader.floor(upto, bytes)).await
    }

    async fn release(&self, upto: Sequence, now: DateTime<Utc>) -> Result<Sequence, LogError> {
        if self.options.retention == Retention::All {
            return Ok(self.positions().first);
        }
        let (answer, answered) = oneshot::channel();
        self.send(Request::Release { upto, now, answer }).await?;
        let failed = |source| LogError::Io { place: self.place(), source };
        match answered.await {
            Ok(Ok(first)) => Ok(first),
            Ok(Err(failure)) => Err(failed(io::Error::other(failure.to_string()))),
            Err(_gone) => Err(failed(io::Error::other("its writer has died"))),
        }
    }

    async fn close(&self) -> Result<(), LogError> {
        let (answer, answered) = oneshot::channel();
        let died = || {
            let source = io::Error::other("its writer has died");
            Err(LogError::Io { place: self.place(), source })
        };
        match self.send(Request::Close { answer }).await {
            Ok(()) => {}
            // It was closed before.
            Err(Ending::Closed) => return Ok(()),
            Err(Ending::Defect) => return died(),
        }
        match answered.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                let source = io::Error::other(error.detail().to_owned());
                Err(LogError::Io { place: self.place(), source })
            }
            Err(_gone) => died(),
        }
    }
}

impl Drop for FileLog {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A writer that died has been reported by its callers.
            drop(thread.join());
        }
    }
}
