//! The one seam through which the log touches files.
//!
//! Small enough to read what every call promises, and to be replaced in tests
//! by a disk that fails and forgets (`SimDisk`).

mod os;
#[cfg(any(test, fuzzing))]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "it is for tests")]
mod sim;
#[cfg(any(test, fuzzing))]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "it is for tests")]
mod sim_file;
#[cfg(any(test, fuzzing))]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "it is for tests")]
mod sim_inode;
#[cfg(any(test, fuzzing))]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "it is for tests")]
mod sim_names;
#[cfg(test)]
mod sim_tests;
#[cfg(test)]
mod step;

use std::fmt;
use std::io;
use std::path::Path;

pub use os::OsDisk;
#[cfg(any(test, fuzzing))]
pub(crate) use sim::SimDisk;
#[cfg(test)]
pub(crate) use sim::SimOp;
#[cfg(test)]
pub(crate) use step::{Harm, StepDisk};

/// Files in folders, with the guarantees of POSIX and no others: what was
/// written may be lost until it was synced, a name in a folder until the folder
/// was.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Makes a folder with its parents where they are not there. Then its name
    /// and those of its parents survive a power loss, whoever made them: all of
    /// them are synced at every call.
    ///
    /// # Errors
    /// When the path names something else, or the system refuses.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// The names of the files in a folder, in no particular order. Names that
    /// are not UTF-8 are left out.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes a file for reading and writing.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when there is one of that name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading only.
    ///
    /// # Errors
    /// When there is none, or the system refuses.
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading and writing, without changing it.
    ///
    /// # Errors
    /// When there is none, or the system refuses.
    fn open_write(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name, atomically; a file of that name is replaced.
    ///
    /// # Errors
    /// When the system refuses.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is none.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable, not those in folders below it.
    ///
    /// # Errors
    /// When the system could not; then any of them may be lost.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes a lock file for this process alone, until the lock is dropped or
    /// the process ends, however it ends.
    ///
    /// # Errors
    /// [`LockError::Held`] when another holds it.
    fn lock(&self, path: &Path) -> Result<FolderLock, LockError>;

    /// Whether a live process holds that lock file. It is not taken.
    ///
    /// # Errors
    /// When the system cannot tell.
    fn is_locked(&self, path: &Path) -> io::Result<bool>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Reads at a place; fewer bytes than asked for may come, 0 at the end.
    ///
    /// # Errors
    /// When the system could not read.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at a place, and tells how many bytes it took.
    ///
    /// # Errors
    /// When the system could not write.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Cuts the file, or extends it with zeros.
    ///
    /// # Errors
    /// When the system could not.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// The size in bytes.
    ///
    /// # Errors
    /// When the system cannot tell.
    fn size(&self) -> io::Result<u64>;

    /// Makes everything written durable, with the length it needs (`fdatasync`).
    ///
    /// # Errors
    /// When the system could not. Then what was written since the last success
    /// may be lost, **also when a later call succeeds**: the system may have
    /// dropped the pages.
    fn sync_data(&self) -> io::Result<()>;

    /// As [`sync_data`](Self::sync_data), with all metadata (`fsync`): also a
    /// length that was cut.
    ///
    /// # Errors
    /// As for [`sync_data`](Self::sync_data).
    fn sync_all(&self) -> io::Result<()>;
}

/// A lock file that this process holds. Dropping it gives it back.
pub struct FolderLock {
    _held: Box<dyn Send + Sync>,
}

impl FolderLock {
    /// A lock that is held for as long as that value lives.
    #[must_use]
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}

impl fmt::Debug for FolderLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FolderLock")
    }
}

/// Why a lock file could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("held by {holder}")]
    Held {
        /// Who, as far as the holder said.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes all the bytes, however few the system takes at a time.
pub(super) fn write_all_at(file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    let (mut rest, mut offset) = (bytes, offset);
    while !rest.is_empty() {
        match file.write_at(rest, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => {
                rest = rest.get(taken..).unwrap_or_default();
                offset += taken as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills the buffer from a place; fewer bytes come only at the end of the file.
pub(super) fn read_full_at(
    file: &dyn DiskFile,
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Whether an error says that there is no space left.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
