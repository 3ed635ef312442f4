//! How long the disk takes to make a write durable.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::disk::{Disk, write_all_at};

/// How often it is tried.
const ATTEMPTS: usize = 32;

/// What is written each time, in bytes: one page.
const PIECE: usize = 4096;

/// What a sync takes, over some attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncCost {
    /// Half of them took no longer.
    pub median: Duration,
    /// None of them took longer.
    pub longest: Duration,
}

impl SyncCost {
    /// No disk that keeps what it is told to keep is faster than this: it is
    /// memory, or something in between answers for a disk that has not written.
    const FASTEST: Duration = Duration::from_micros(15);

    /// Whether it is too fast to be true.
    #[must_use]
    pub fn is_suspicious(&self) -> bool {
        self.median < Self::FASTEST
    }

    /// Writes and syncs pages of a file in that folder, which is removed again.
    ///
    /// # Errors
    /// When the file cannot be made, written or synced.
    pub fn measure(disk: &dyn Disk, dir: &Path) -> io::Result<Self> {
        let path = dir.join(format!("doctor-{}.tmp", std::process::id()));
        let measured = Self::of(disk, &path);
        let removed = disk.remove(&path);
        let mut took = measured?;
        removed?;
        took.sort_unstable();
        let median = took.get(took.len() / 2).copied().unwrap_or_default();
        Ok(Self { median, longest: took.last().copied().unwrap_or_default() })
    }

    fn of(disk: &dyn Disk, path: &Path) -> io::Result<Vec<Duration>> {
        let file = disk.create(path)?;
        let mut offset = 0;
        let mut took = Vec::with_capacity(ATTEMPTS);
        for _ in 0..ATTEMPTS {
            let started = Instant::now();
            write_all_at(&*file, &[0; PIECE], offset)?;
            file.sync_data()?;
            took.push(started.elapsed());
            offset += PIECE as u64;
        }
        Ok(took)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::adapters::file_log::disk::{OsDisk, SimDisk, SimOp};

    #[test]
    fn nothing_is_left_behind() {
        let dir = TempDir::new().unwrap();
        let cost = SyncCost::measure(&OsDisk, dir.path()).unwrap();
        assert!(cost.median <= cost.longest && cost.longest > Duration::ZERO);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_disk_that_fails_is_told_and_nothing_is_left_behind() {
        let (disk, dir) = (SimDisk::new(1), Path::new("/data"));
        disk.create_dir_all(dir).unwrap();
        disk.fail(SimOp::Sync, 1);
        SyncCost::measure(&disk, dir).unwrap_err();
        assert_eq!(disk.list(dir).unwrap(), [""; 0]);
    }

    #[test]
    fn memory_is_too_fast_for_a_disk() {
        let cost = |median| SyncCost { median, longest: Duration::from_secs(1) };
        assert!(cost(Duration::from_micros(2)).is_suspicious());
        assert!(!cost(Duration::from_micros(30)).is_suspicious());
    }
}
