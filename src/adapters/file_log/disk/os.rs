//! The files of the operating system.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::{Disk, DiskFile, FolderLock, LockError};

/// How often a held lock is tried again before it counts as held, and how long
/// apart: a read-only command that looks at the lock holds it for an instant.
const LOCK_ATTEMPTS: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// [`Disk`] on the operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        // Also the names that were there: whoever made them may have been killed
        // before it synced them.
        for parent in fs::canonicalize(dir)?.ancestors().skip(1) {
            match self.sync_dir(parent) {
                // Names in folders that this process may not open, or nobody
                // may write to, are not its own.
                Err(error) if is_not_ours(&error) => {}
                synced => synced?,
            }
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).create_new(true).open(path)?))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::open(path)?))
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        match File::open(dir)?.sync_all() {
            // A file system that cannot sync a folder; no call could do better.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        }
    }

    fn lock(&self, path: &Path) -> Result<FolderLock, LockError> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut attempt = 1;
        while let Err(error) = file.try_lock() {
            match error {
                TryLockError::Error(error) => return Err(error.into()),
                TryLockError::WouldBlock if attempt < LOCK_ATTEMPTS => thread::sleep(LOCK_PAUSE),
                TryLockError::WouldBlock => return Err(LockError::Held { holder: holder(&file) }),
            }
            attempt += 1;
        }
        // Only for the message above. The lock itself needs no contents, and a
        // full disk is no reason not to start.
        let _told = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(FolderLock::new(file))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        // A shared lock, given back with the file at once: there is no way to
        // look at a lock without trying it. `lock` allows for that.
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn is_not_ours(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// Who holds a lock, as the lock file says.
fn holder(mut file: &File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim()),
        _ => "another process".to_owned(),
    }
}

impl DiskFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        Self::set_len(self, bytes)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }

    fn sync_all(&self) -> io::Result<()> {
        Self::sync_all(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_and_names_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        assert!(!OsDisk.is_locked(&path).unwrap());
        let held = OsDisk.lock(&path).unwrap();
        assert!(OsDisk.is_locked(&path).unwrap());
        let refused = OsDisk.lock(&path).unwrap_err();
        assert_eq!(refused.to_string(), format!("held by process {}", std::process::id()));
        drop(held);
        assert!(!OsDisk.is_locked(&path).unwrap());
        OsDisk.lock(&path).unwrap();
    }

    #[test]
    fn folders_are_made_with_their_parents() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        OsDisk.create_dir_all(&deep).unwrap();
        OsDisk.create_dir_all(&deep).unwrap();
        OsDisk.create_dir_all(&dir.path().join("a/../d/e")).unwrap();
        assert!(deep.is_dir() && dir.path().join("d/e").is_dir());
        // The parent of this one has no name in the path.
        OsDisk.create_dir_all(Path::new(".")).unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        OsDisk.create_dir_all(&file).unwrap_err();
        OsDisk.create_dir_all(&file.join("below")).unwrap_err();
    }

    #[test]
    fn a_folder_below_one_that_may_not_be_listed_can_be_used() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let closed = dir.path().join("closed");
        OsDisk.create_dir_all(&closed.join("a")).unwrap();
        // Root may open it all the same, and then there is nothing to ignore.
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o111)).unwrap();
        OsDisk.create_dir_all(&closed.join("a")).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn create_never_replaces_and_open_never_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        OsDisk.create(&path).unwrap().write_at(b"abc", 0).unwrap();
        let again = OsDisk.create(&path).err().unwrap();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(OsDisk.open_write(&path).unwrap().size().unwrap(), 3);
        assert!(OsDisk.open_read(&path).unwrap().write_at(b"x", 0).is_err());
        assert_eq!(OsDisk.list(dir.path()).unwrap(), ["f"]);
    }
}
