//! The names on a [`SimDisk`](super::SimDisk): those that processes see, and
//! those that are on the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The names of files and folders, by inode.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) seen: BTreeMap<PathBuf, u64>,
    durable: BTreeMap<PathBuf, u64>,
    unsynced: Vec<NameChange>,
}

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Add(PathBuf, u64),
    Move(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl NameChange {
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Add(path, _) | Self::Move(path, _) | Self::Remove(path) => path.parent(),
        }
    }

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

impl Names {
    pub(super) fn change(&mut self, change: NameChange) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }

    pub(super) fn put(&mut self, path: &Path, inode: u64) {
        self.seen.insert(path.to_owned(), inode);
        self.durable.insert(path.to_owned(), inode);
    }

    /// Makes the names in that folder durable, not the name of the folder.
    pub(super) fn sync(&mut self, dir: &Path) {
        let (synced, rest): (Vec<NameChange>, _) = std::mem::take(&mut self.unsynced)
            .into_iter()
            .partition(|change| change.folder() == Some(dir));
        self.unsynced = rest;
        for change in synced {
            change.apply(&mut self.durable);
        }
    }

    /// Each unsynced change survives or not; with a folder go the files in it.
    pub(super) fn crash(&mut self, rng: &mut fastrand::Rng) {
        for change in std::mem::take(&mut self.unsynced) {
            if rng.bool() {
                change.apply(&mut self.durable);
            }
        }
        let gone: Vec<PathBuf> =
            self.seen.keys().filter(|path| !self.durable.contains_key(*path)).cloned().collect();
        self.durable.retain(|path, _| !gone.iter().any(|gone| path.starts_with(gone)));
        self.seen.clone_from(&self.durable);
    }
}
