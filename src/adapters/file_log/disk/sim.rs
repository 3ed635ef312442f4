//! A disk in memory that fails on demand and forgets what was not synced.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use super::super::disk::{Disk, DiskFile, FolderLock, LockError};
use super::sim_inode::Inode;

/// A disk whose every surprise is drawn from one seed.
#[derive(Clone, Debug)]
pub(crate) struct SimDisk {
    state: Arc<Mutex<State>>,
}

/// What can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SimOp {
    Create,
    Open,
    Read,
    /// A part of the bytes may be written all the same.
    Write,
    /// Takes only some of the bytes, and says so.
    ShortWrite,
    SetLen,
    /// What was not synced may be gone, also when a later sync succeeds.
    Sync,
    SyncDir,
    Rename,
    Remove,
}

#[derive(Debug)]
struct State {
    rng: fastrand::Rng,
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    unsynced_names: Vec<NameChange>,
    locked: BTreeSet<PathBuf>,
    /// Handles and locks of earlier generations belong to dead processes.
    generation: u64,
    faults: Vec<(SimOp, u32)>,
    capacity: Option<usize>,
    syncs: watch::Sender<u64>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Add(PathBuf, u64),
    Move(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Add(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Self::Move(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Self::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

impl SimDisk {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            rng: fastrand::Rng::with_seed(seed),
            inodes: BTreeMap::new(),
            next_inode: 0,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            locked: BTreeSet::new(),
            generation: 0,
            faults: Vec::new(),
            capacity: None,
            syncs: watch::Sender::new(0),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Makes the next so many operations of that kind fail.
    pub(crate) fn fail(&self, op: SimOp, times: u32) {
        self.lock().faults.push((op, times));
    }

    /// Takes every fault and every limit back.
    pub(crate) fn heal(&self) {
        let mut state = self.lock();
        state.faults.clear();
        state.capacity = None;
    }

    /// Lets the files have so many bytes more, together.
    pub(crate) fn fill_up(&self, bytes_left: usize) {
        let mut state = self.lock();
        state.capacity = Some(state.used() + bytes_left);
    }

    /// The process dies; the system goes on.
    pub(crate) fn kill(&self) {
        let mut state = self.lock();
        state.generation += 1;
        state.locked.clear();
    }

    /// The power fails: every unsynced change survives wholly, partly or not.
    pub(crate) fn crash(&self) {
        self.kill();
        let mut state = self.lock();
        let state = &mut *state;
        for change in std::mem::take(&mut state.unsynced_names) {
            if state.rng.bool() {
                change.apply(&mut state.durable_names);
            }
        }
        state.names.clone_from(&state.durable_names);
        for inode in state.inodes.values_mut() {
            inode.crash(&mut state.rng);
        }
    }

    /// How many syncs of files have succeeded, as it changes.
    pub(crate) fn syncs(&self) -> watch::Receiver<u64> {
        self.lock().syncs.subscribe()
    }

    /// The bytes of a file.
    #[track_caller]
    pub(crate) fn contents(&self, path: &Path) -> Vec<u8> {
        let state = self.lock();
        state.inodes[&state.names[path]].seen.clone()
    }

    /// Puts a file there, durably.
    pub(crate) fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.lock();
        let inode = state.add(Inode::durable(bytes));
        state.names.insert(path.to_owned(), inode);
        state.durable_names.insert(path.to_owned(), inode);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        state.meet(SimOp::Open)?;
        let inode = *state.names.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(Box::new(self.file(&state, inode, writable)))
    }

    fn file(&self, state: &State, inode: u64, writable: bool) -> SimFile {
        SimFile { disk: self.clone(), generation: state.generation, inode, writable }
    }
}

impl State {
    fn add(&mut self, inode: Inode) -> u64 {
        self.next_inode += 1;
        self.inodes.insert(self.next_inode, inode);
        self.next_inode
    }

    fn used(&self) -> usize {
        self.names.values().map(|inode| self.inodes[inode].seen.len()).sum()
    }

    fn is_due(&mut self, op: SimOp) -> bool {
        let Some(place) = self.faults.iter().position(|(fault, _)| *fault == op) else {
            return false;
        };
        self.faults[place].1 -= 1;
        if self.faults[place].1 == 0 {
            self.faults.remove(place);
        }
        true
    }

    fn meet(&mut self, op: SimOp) -> io::Result<()> {
        if self.is_due(op) { Err(io::Error::other("simulated fault")) } else { Ok(()) }
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }
}

impl Disk for SimDisk {
    fn create_dir_all(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.lock();
        let inside = state.names.keys().filter_map(|path| path.strip_prefix(dir).ok());
        Ok(inside.map(|name| name.to_str().unwrap().to_owned()).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        state.meet(SimOp::Create)?;
        if state.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let inode = state.add(Inode::default());
        state.change_names(NameChange::Add(path.to_owned(), inode));
        Ok(Box::new(self.file(&state, inode, true)))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open(path, false)
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open(path, true)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.meet(SimOp::Rename)?;
        state.names.get(from).ok_or(ErrorKind::NotFound)?;
        state.change_names(NameChange::Move(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.meet(SimOp::Remove)?;
        state.names.get(path).ok_or(ErrorKind::NotFound)?;
        state.change_names(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.meet(SimOp::SyncDir)?;
        state.unsynced_names.clear();
        let names = state.names.clone();
        state.durable_names = names;
        Ok(())
    }

    fn lock(&self, path: &Path) -> Result<FolderLock, LockError> {
        let mut state = Self::lock(self);
        if !state.locked.insert(path.to_owned()) {
            return Err(LockError::Held { holder: "a simulated process".to_owned() });
        }
        let generation = state.generation;
        Ok(FolderLock::new(SimLock { disk: self.clone(), generation, path: path.to_owned() }))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        Ok(Self::lock(self).locked.contains(path))
    }
}

struct SimLock {
    disk: SimDisk,
    generation: u64,
    path: PathBuf,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.lock();
        if state.generation == self.generation {
            state.locked.remove(&self.path);
        }
    }
}

struct SimFile {
    disk: SimDisk,
    generation: u64,
    inode: u64,
    writable: bool,
}

impl SimFile {
    /// Runs an operation unless the process that opened this file is dead.
    fn with<T>(
        &self,
        op: Option<SimOp>,
        run: impl FnOnce(&mut State, u64) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.disk.lock();
        if state.generation != self.generation {
            return Err(io::Error::other("the process is dead"));
        }
        if let Some(op) = op {
            state.meet(op)?;
        }
        run(&mut state, self.inode)
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(Some(SimOp::Read), |state, inode| {
            let seen = &state.inodes[&inode].seen;
            let rest = seen.get(offset as usize..).unwrap_or_default();
            let read = rest.len().min(buffer.len());
            buffer[..read].copy_from_slice(&rest[..read]);
            Ok(read)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if !self.writable {
            return Err(ErrorKind::PermissionDenied.into());
        }
        self.with(None, |state, inode| {
            let fails = state.is_due(SimOp::Write);
            let is_short = state.is_due(SimOp::ShortWrite);
            let mut taken = bytes.len();
            if fails || is_short {
                taken = state.rng.usize(usize::from(!fails)..=bytes.len());
            }
            let room = state.capacity.map_or(usize::MAX, |limit| limit - state.used().min(limit));
            let file = state.inodes.get_mut(&inode).unwrap();
            let old_bytes = file.seen.len().saturating_sub(offset as usize);
            taken = taken.min(old_bytes.saturating_add(room));
            file.write(offset as usize, &bytes[..taken]);
            if fails {
                return Err(io::Error::other("simulated fault"));
            }
            if taken == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(taken) }
        })
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.with(Some(SimOp::SetLen), |state, inode| {
            state.inodes.get_mut(&inode).unwrap().set_len(bytes as usize);
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.with(None, |state, inode| Ok(state.inodes[&inode].seen.len() as u64))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(None, |state, inode| {
            let fails = state.is_due(SimOp::Sync);
            let file = state.inodes.get_mut(&inode).unwrap();
            if fails {
                file.fail_to_sync(&mut state.rng);
                return Err(io::Error::other("simulated fault"));
            }
            file.sync();
            state.syncs.send_modify(|syncs| *syncs += 1);
            Ok(())
        })
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }
}
