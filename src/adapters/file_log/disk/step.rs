//! A simulated disk whose changes are counted and named, one of which can go
//! wrong.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::{Disk, DiskFile, FolderLock, LockError, SimDisk, SimOp};

/// What goes wrong in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// The process dies before the step has any effect; the system goes on.
    Kill,
    /// The same, and what was not synced may be gone.
    PowerLoss,
    /// The step fails, and the process goes on.
    Error,
}

/// The disk. Reading is no step.
#[derive(Clone, Debug)]
pub(crate) struct StepDisk {
    disk: SimDisk,
    harm: Option<(usize, Harm)>,
    taken: Arc<Mutex<Vec<String>>>,
}

impl StepDisk {
    /// One on which nothing goes wrong.
    pub(crate) fn new(disk: SimDisk) -> Self {
        Self { disk, harm: None, taken: Arc::default() }
    }

    /// One on which that step goes wrong, counted from 0.
    pub(crate) fn harmed(disk: SimDisk, step: usize, harm: Harm) -> Self {
        Self { harm: Some((step, harm)), ..Self::new(disk) }
    }

    /// The steps that were taken.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }

    fn step(&self, what: &str, path: &Path, op: SimOp) {
        let mut taken = self.taken.lock().unwrap();
        match self.harm {
            Some((step, Harm::Kill | Harm::PowerLoss)) if step == taken.len() => {
                self.disk.die_after(0);
            }
            Some((step, Harm::Error)) if step == taken.len() => self.disk.fail(op, 1),
            _ => {}
        }
        let name = path.file_name().map_or_else(|| "/".into(), |name| name.to_string_lossy());
        taken.push(format!("{what} `{name}`"));
    }

    fn file(&self, path: &Path, inner: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(StepFile { disk: self.clone(), path: path.to_owned(), inner })
    }
}

impl Disk for StepDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.step("create", path, SimOp::Create);
        self.disk.create(path).map(|file| self.file(path, file))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open_read(path)
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open_write(path).map(|file| self.file(path, file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename", from, SimOp::Rename);
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step("remove", path, SimOp::Remove);
        self.disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.step("sync the folder", dir, SimOp::SyncDir);
        self.disk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> Result<FolderLock, LockError> {
        Disk::lock(&self.disk, path)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_locked(path)
    }
}

struct StepFile {
    disk: StepDisk,
    path: std::path::PathBuf,
    inner: Box<dyn DiskFile>,
}

impl DiskFile for StepFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.disk.step("write to", &self.path, SimOp::Write);
        self.inner.write_at(bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.disk.step("cut", &self.path, SimOp::SetLen);
        self.inner.set_len(bytes)
    }

    fn size(&self) -> io::Result<u64> {
        self.inner.size()
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.step("sync", &self.path, SimOp::Sync);
        self.inner.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.disk.step("sync", &self.path, SimOp::Sync);
        self.inner.sync_all()
    }
}
