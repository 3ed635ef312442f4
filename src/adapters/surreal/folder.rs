//! How a database folder was left: cleanly, or not.
//!
//! | after | word beside the folder | write-ahead log | next connect |
//! | --- | --- | --- | --- |
//! | nothing yet | no | none | intact: the database is empty |
//! | a clean close | yes | gone | intact |
//! | a kill or power loss | no | any | suspect |
//! | a close that could not flush | no | there | suspect |
//! | the end of an engine that reported a failure | no | any | suspect |
//! | a copy made while it ran | perhaps | there | suspect |
//!
//! The engine says nothing about how its shutdown went, but it holds an flock
//! on `LOCK` until the end, and it deletes the write-ahead log once everything
//! is flushed (surrealkv 0.21.4, `Core::close`). So a clean close is one after
//! which the lock is free and no segment of the log is left. The word is written
//! then, to `<PATH>.clean`, and it is taken away before the engine is started
//! again. Both are synced, file and directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::ports::{Continuity, StoreError};

/// The folder of an embedded database.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

/// The folder while no engine has it and none can.
#[derive(Debug)]
pub(super) struct LockedFolder<'a> {
    folder: &'a Folder,
    /// Unlocked when it is closed.
    _lock: File,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Makes the folder unless it is there.
    ///
    /// # Errors
    /// As for [`lock`](Self::lock).
    pub(super) fn create(&self) -> Result<(), StoreError> {
        let made = std::fs::create_dir_all(&self.path).and_then(|()| sync(self.parent()));
        made.map_err(|error| self.failed(&error))
    }

    /// Takes the engine's lock; `None` while an engine has it.
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`], naming the folder, where an operator must
    /// help; [`StoreError::ConnectionFailed`] for any other failure.
    pub(super) fn lock(&self) -> Result<Option<LockedFolder<'_>>, StoreError> {
        let path = self.path.join("LOCK");
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let lock = opened.map_err(|error| self.failed(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(LockedFolder { folder: self, _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(self.failed(&error)),
        }
    }

    /// That another process has the folder.
    pub(super) fn in_use(&self) -> StoreError {
        StoreError::Misconfigured(format!(
            "DB_ENDPOINT: the database folder {} is in use by another process",
            self.path.display()
        ))
    }

    /// That the engine this process had there has not come to its end.
    pub(super) fn still_closing(&self) -> StoreError {
        StoreError::ConnectionFailed(format!(
            "the database in {} has not finished shutting down",
            self.path.display()
        ))
    }

    /// That the engine ended and left some of its memory to the next one.
    pub(super) fn not_flushed(&self) -> StoreError {
        StoreError::Internal(format!(
            "the database in {} could not flush its memory on shutdown",
            self.path.display()
        ))
    }

    fn failed(&self, error: &io::Error) -> StoreError {
        let message = format!("the database folder {}: {error}", self.path.display());
        match error.kind() {
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::InvalidFilename => {
                StoreError::Misconfigured(format!("DB_ENDPOINT: {message}"))
            }
            _ => StoreError::ConnectionFailed(message),
        }
    }

    fn parent(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// `<PATH>.clean`.
    fn word(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".clean");
        path.into()
    }

    /// Whether no segment of the log is left. One of no length does not count
    /// as flushed: a batch that filled a memtable can be in none.
    fn write_ahead_log_is_gone(&self) -> io::Result<bool> {
        match std::fs::read_dir(self.path.join("wal")) {
            Ok(mut segments) => Ok(segments.next().is_none()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn is_fresh(&self) -> io::Result<bool> {
        for entry in std::fs::read_dir(&self.path)? {
            if entry?.file_name() != "LOCK" {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl LockedFolder<'_> {
    /// Whether the folder was left cleanly, and takes that word away: only
    /// another clean close brings it back.
    ///
    /// # Errors
    /// As for [`Folder::lock`].
    pub(super) fn take_word(&self) -> Result<Continuity, StoreError> {
        self.try_take_word().map_err(|error| self.folder.failed(&error))
    }

    fn try_take_word(&self) -> io::Result<Continuity> {
        let folder = self.folder;
        let left_cleanly = match std::fs::remove_file(folder.word()) {
            Ok(()) => folder.write_ahead_log_is_gone()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        sync(folder.parent())?;
        let intact = left_cleanly || folder.is_fresh()?;
        Ok(if intact { Continuity::Intact } else { Continuity::Suspect })
    }

    /// Whether the engine that had the folder has written all of its memory.
    ///
    /// # Errors
    /// As for [`Folder::lock`].
    pub(super) fn is_flushed(&self) -> Result<bool, StoreError> {
        self.folder.write_ahead_log_is_gone().map_err(|error| self.folder.failed(&error))
    }

    /// Leaves the word that the engine ended cleanly.
    ///
    /// # Errors
    /// As for [`Folder::lock`].
    pub(super) fn leave_word(&self) -> Result<(), StoreError> {
        let folder = self.folder;
        let written = File::create(folder.word())
            .and_then(|file| file.sync_all())
            .and_then(|()| sync(folder.parent()));
        written.map_err(|error| folder.failed(&error))
    }
}

/// Makes what happened to the entries of a directory durable.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn folder(parent: &TempDir) -> Folder {
        let folder = Folder::new(parent.path().join("db"));
        folder.create().unwrap();
        folder
    }

    /// What an engine leaves behind: its folders, and segments of its log.
    fn leave(folder: &Folder, segments: &[&str]) {
        std::fs::create_dir_all(folder.path.join("wal")).unwrap();
        for segment in segments {
            std::fs::write(folder.path.join("wal").join(segment), b"").unwrap();
        }
    }

    fn take_word(folder: &Folder) -> Continuity {
        folder.lock().unwrap().unwrap().take_word().unwrap()
    }

    #[test]
    fn a_new_folder_is_intact_until_something_is_in_it() {
        let parent = TempDir::new().unwrap();
        let folder = folder(&parent);
        assert_eq!(take_word(&folder), Continuity::Intact);
        assert_eq!(take_word(&folder), Continuity::Intact);
        leave(&folder, &[]);
        assert_eq!(take_word(&folder), Continuity::Suspect);
    }

    #[test]
    fn the_word_counts_once() {
        let parent = TempDir::new().unwrap();
        let folder = folder(&parent);
        leave(&folder, &[]);
        folder.lock().unwrap().unwrap().leave_word().unwrap();
        assert_eq!(take_word(&folder), Continuity::Intact);
        assert_eq!(take_word(&folder), Continuity::Suspect);
    }

    #[test]
    fn what_is_not_flushed_is_not_vouched_for() {
        let parent = TempDir::new().unwrap();
        let folder = folder(&parent);
        leave(&folder, &[]);
        folder.lock().unwrap().unwrap().leave_word().unwrap();
        assert!(folder.lock().unwrap().unwrap().is_flushed().unwrap());
        leave(&folder, &["1.wal"]);
        assert!(!folder.lock().unwrap().unwrap().is_flushed().unwrap());
        assert_eq!(take_word(&folder), Continuity::Suspect);
    }

    #[test]
    fn the_lock_is_exclusive_and_ends_with_its_holder() {
        let parent = TempDir::new().unwrap();
        let folder = folder(&parent);
        let held = folder.lock().unwrap();
        assert!(held.is_some() && folder.lock().unwrap().is_none());
        drop(held);
        assert!(folder.lock().unwrap().is_some());
    }

    #[test]
    fn a_folder_that_cannot_be_is_named() {
        let parent = TempDir::new().unwrap();
        let file = parent.path().join("file");
        std::fs::write(&file, b"").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = Folder::new(path.clone()).create().unwrap_err();
            assert!(matches!(error, StoreError::Misconfigured(_)), "{error:?}");
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
    }
}
