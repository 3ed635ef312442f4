//! A disk whose syncs are measured.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::adapters::file_log::disk::{Disk, DiskFile, FolderLock, LockError};
use crate::ports::{Measurement, Metrics};

/// Records how long each `fdatasync` took that succeeded: in the log, each makes one
/// group of commands durable.
pub struct MeasuredDisk {
    inner: Arc<dyn Disk>,
    metrics: Arc<dyn Metrics>,
}

struct MeasuredFile {
    inner: Box<dyn DiskFile>,
    metrics: Arc<dyn Metrics>,
}

impl MeasuredDisk {
    /// That disk, measured.
    #[must_use]
    pub fn new(inner: Arc<dyn Disk>, metrics: Arc<dyn Metrics>) -> Self {
        Self { inner, metrics }
    }

    fn measured(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(MeasuredFile { inner: file, metrics: Arc::clone(&self.metrics) })
    }
}

impl fmt::Debug for MeasuredDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Disk for MeasuredDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.inner.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.measured(self.inner.create(path)?))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.inner.open_read(path)
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.measured(self.inner.open_write(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> Result<FolderLock, LockError> {
        self.inner.lock(path)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.inner.is_locked(path)
    }
}

impl DiskFile for MeasuredFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.inner.write_at(bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.inner.set_len(bytes)
    }

    fn size(&self) -> io::Result<u64> {
        self.inner.size()
    }

    fn sync_data(&self) -> io::Result<()> {
        let started = Instant::now();
        self.inner.sync_data()?;
        self.metrics.record(Measurement::Synced { took: started.elapsed() });
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.inner.sync_all()
    }
}
