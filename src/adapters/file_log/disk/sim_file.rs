//! The open files of a [`SimDisk`].

use std::io::{self, ErrorKind};

use super::DiskFile;
use super::sim::{SimDisk, SimOp, State, dead};

/// An open file.
pub(super) struct SimFile {
    pub(super) disk: SimDisk,
    pub(super) generation: u64,
    pub(super) inode: u64,
    pub(super) writable: bool,
}

impl SimFile {
    /// Runs an operation unless the process that opened this file is dead.
    fn with<T>(&self, run: impl FnOnce(&mut State, u64) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.lock();
        if state.generation != self.generation || state.is_dead {
            return Err(dead());
        }
        run(&mut state, self.inode)
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|state, inode| {
            state.meet(SimOp::Read)?;
            let rest = state.inodes[&inode].seen.get(offset as usize..).unwrap_or_default();
            let read = rest.len().min(buffer.len());
            buffer[..read].copy_from_slice(&rest[..read]);
            state.bytes_read += read;
            Ok(read)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if !self.writable {
            return Err(ErrorKind::PermissionDenied.into());
        }
        self.with(|state, inode| {
            let fails = state.live().is_err() || state.is_due(SimOp::Write);
            let is_short = state.is_due(SimOp::ShortWrite);
            let mut taken = bytes.len();
            if fails || is_short {
                taken = state.rng.usize(usize::from(!fails)..=bytes.len());
            }
            let room = state.room();
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
        self.with(|state, inode| {
            state.meet(SimOp::SetLen)?;
            state.copy_change()?;
            state.inodes.get_mut(&inode).unwrap().set_len(bytes as usize);
            Ok(())
        })
    }

    fn size(&self) -> io::Result<u64> {
        self.with(|state, inode| {
            state.live()?;
            Ok(state.inodes[&inode].seen.len() as u64)
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        let has_defect = std::mem::take(&mut self.disk.lock().has_defect);
        assert!(!has_defect, "simulated defect");
        self.with(|state, inode| {
            state.live()?;
            let copied = state.copy_change();
            let fails = state.is_due(SimOp::Sync);
            let file = state.inodes.get_mut(&inode).unwrap();
            if fails || copied.is_err() {
                file.fail_to_sync(&mut state.rng);
                return copied.and(Err(io::Error::other("simulated fault")));
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
