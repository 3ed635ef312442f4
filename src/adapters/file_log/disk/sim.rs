//! A disk in memory that fails on demand and forgets what was not synced.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use super::super::disk::{Disk, DiskFile, FolderLock, LockError};
use super::sim_file::SimFile;
use super::sim_inode::Inode;
use super::sim_names::{NameChange, Names};

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
pub(super) struct State {
    pub(super) rng: fastrand::Rng,
    pub(super) inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    names: Names,
    locked: BTreeSet<PathBuf>,
    /// Handles and locks of earlier generations belong to dead processes.
    pub(super) generation: u64,
    /// After so many operations the process dies.
    operations_left: Option<u64>,
    pub(super) is_dead: bool,
    faults: Vec<(SimOp, u32)>,
    capacity: Option<usize>,
    /// The room that a cut or a sync needs.
    copied: usize,
    pub(super) syncs: watch::Sender<u64>,
    pub(super) bytes_read: usize,
    pub(super) has_defect: bool,
}

impl SimDisk {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            rng: fastrand::Rng::with_seed(seed),
            inodes: BTreeMap::new(),
            next_inode: 0,
            names: Names::default(),
            locked: BTreeSet::new(),
            generation: 0,
            operations_left: None,
            is_dead: false,
            faults: Vec::new(),
            capacity: None,
            copied: 0,
            syncs: watch::Sender::new(0),
            bytes_read: 0,
            has_defect: false,
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

    /// From now on a cut or a sync fails where there is no room for so many bytes,
    /// as on file systems that write a change beside what it replaces.
    pub(crate) fn copy_on_write(&self, bytes: usize) {
        self.lock().copied = bytes;
    }

    /// Whether any operation can still be made to fail by [`fail`](Self::fail).
    pub(crate) fn is_faultless(&self) -> bool {
        self.lock().faults.is_empty()
    }

    /// Lets the process die in its operation after the next so many: every
    /// one from there on fails, until another process starts with [`kill`] or
    /// [`crash`].
    ///
    /// [`kill`]: Self::kill
    /// [`crash`]: Self::crash
    pub(crate) fn die_after(&self, operations: u64) {
        self.lock().operations_left = Some(operations);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.lock().is_dead
    }

    /// Makes whoever syncs next panic.
    pub(crate) fn panic_once(&self) {
        self.lock().has_defect = true;
    }

    /// The process dies; the system goes on.
    pub(crate) fn kill(&self) {
        let mut state = self.lock();
        state.generation += 1;
        state.locked.clear();
        state.operations_left = None;
        state.is_dead = false;
    }

    /// The power fails: every unsynced change survives wholly, partly or not.
    pub(crate) fn crash(&self) {
        self.kill();
        let mut state = self.lock();
        let state = &mut *state;
        state.names.crash(&mut state.rng);
        for inode in state.inodes.values_mut() {
            inode.crash(&mut state.rng);
        }
    }

    /// How many syncs of files have succeeded, as it changes.
    pub(crate) fn syncs(&self) -> watch::Receiver<u64> {
        self.lock().syncs.subscribe()
    }

    /// How many bytes were read from files.
    pub(crate) fn bytes_read(&self) -> usize {
        self.lock().bytes_read
    }

    /// The bytes of a file.
    #[track_caller]
    pub(crate) fn contents(&self, path: &Path) -> Vec<u8> {
        let state = self.lock();
        state.inodes[&state.names.seen[path]].seen.clone()
    }

    /// Puts a file there, durably.
    pub(crate) fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.lock();
        let inode = state.add(Inode::durable(bytes));
        state.names.put(path, inode);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        state.meet(SimOp::Open)?;
        let inode = *state.names.seen.get(path).ok_or(ErrorKind::NotFound)?;
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
        self.names.seen.values().map(|inode| self.inodes[inode].seen.len()).sum()
    }

    /// How many bytes the files may have more, together.
    pub(super) fn room(&self) -> usize {
        self.capacity.map_or(usize::MAX, |limit| limit.saturating_sub(self.used()))
    }

    pub(super) fn copy_change(&self) -> io::Result<()> {
        if self.room() < self.copied { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn is_due(&mut self, op: SimOp) -> bool {
        let Some(place) = self.faults.iter().position(|(fault, _)| *fault == op) else {
            return false;
        };
        self.faults[place].1 -= 1;
        if self.faults[place].1 == 0 {
            self.faults.remove(place);
        }
        true
    }

    /// Counts an operation of the process, which may be its last.
    pub(super) fn live(&mut self) -> io::Result<()> {
        match &mut self.operations_left {
            Some(0) => self.is_dead = true,
            Some(left) => *left -= 1,
            None => {}
        }
        if self.is_dead { Err(dead()) } else { Ok(()) }
    }

    pub(super) fn meet(&mut self, op: SimOp) -> io::Result<()> {
        self.live()?;
        if self.is_due(op) { Err(io::Error::other("simulated fault")) } else { Ok(()) }
    }
}

pub(super) fn dead() -> io::Error {
    io::Error::other("the process is dead")
}

impl Disk for SimDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut folders: Vec<&Path> = dir.ancestors().filter(|p| p.parent().is_some()).collect();
        folders.reverse();
        for folder in &folders {
            let mut state = self.lock();
            state.live()?;
            if !state.names.seen.contains_key(*folder) {
                let inode = state.add(Inode::default());
                state.names.change(NameChange::Add((*folder).to_owned(), inode));
            }
        }
        folders.iter().filter_map(|folder| folder.parent()).try_for_each(|p| self.sync_dir(p))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.lock();
        state.live()?;
        let inside = state.names.seen.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        state.meet(SimOp::Create)?;
        if state.names.seen.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let inode = state.add(Inode::default());
        state.names.change(NameChange::Add(path.to_owned(), inode));
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
        state.names.seen.get(from).ok_or(ErrorKind::NotFound)?;
        state.names.change(NameChange::Move(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.meet(SimOp::Remove)?;
        state.names.seen.get(path).ok_or(ErrorKind::NotFound)?;
        state.names.change(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.meet(SimOp::SyncDir)?;
        state.names.sync(dir);
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
