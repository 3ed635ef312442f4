//! Space kept for the moment in which there is none.
//!
//! A group that did not fit has still to be cut from its segment, and what was
//! acknowledged to be synced. On a file system that writes a change beside what it
//! replaces, that takes space, too. So the log keeps a file of its own, and gives
//! it up when one of these steps finds the disk full.
//!
//! Its name stands for a whole file: it is written and synced under another one.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, write_all_at};
use super::failure::Failure;

/// The file of the reserve, in the folder of the log.
pub(super) const RESERVE_FILE: &str = "reserve";

/// The size of the reserve where nothing else is said.
pub(super) const RESERVE_BYTES: usize = 1 << 20;

/// The reserve of a log.
#[derive(Clone)]
pub(super) struct Reserve {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    bytes: usize,
    state: State,
    /// Whether it was told that there is none. On a full disk it comes and goes
    /// with each attempt.
    is_told: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Held,
    /// It was there, and made room for something.
    GivenUp,
    Missing,
}

impl Reserve {
    /// The reserve in that folder. One that is made has so many bytes; 0 for none.
    pub(super) fn find(disk: &Arc<dyn Disk>, dir: &Path, bytes: usize) -> Self {
        let is_there =
            disk.list(dir).is_ok_and(|names| names.iter().any(|name| name == RESERVE_FILE));
        let state = if is_there { State::Held } else { State::Missing };
        Self { disk: Arc::clone(disk), dir: dir.to_owned(), bytes, state, is_told: false }
    }

    /// Whether it was given up and is not there again.
    pub(super) fn is_given_up(&self) -> bool {
        self.state == State::GivenUp
    }

    /// Makes it unless it is there. A failure is told once; the log works without.
    pub(super) fn make(&mut self) -> Result<(), Failure> {
        if self.state == State::Held || self.bytes == 0 {
            return Ok(());
        }
        let made = self.write();
        if let Err(failure) = &made {
            self.tell(failure);
        }
        made
    }

    /// As [`make`](Self::make), before a command is written. One that was given up
    /// has to be back first, so that the next full disk finds it. One that never
    /// had room does not: the disk may be too small for it.
    pub(super) fn make_anew(&mut self) -> Result<(), Failure> {
        match self.make() {
            Err(failure) if self.is_given_up() && failure.is_full() => Err(failure),
            _ => Ok(()),
        }
    }

    /// Takes a step. When the disk is full, the reserve is given up and the step
    /// taken once more.
    pub(super) fn lend<T>(&mut self, step: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
        match step() {
            Err(failure) if failure.is_full() && self.give_up(&failure) => step(),
            taken => taken,
        }
    }

    /// Removes it, because of that failure. Tells whether that made room.
    pub(super) fn give_up(&mut self, failure: &dyn Display) -> bool {
        if self.state != State::Held {
            return false;
        }
        let path = self.dir.join(RESERVE_FILE);
        if let Err(removing) = self.disk.remove(&path).map_err(Failure::of("removing", &path)) {
            // Another hand was quicker, or the disk does not let go of it.
            self.tell(&removing);
            self.state = State::Missing;
            return false;
        }
        // Some file systems free what was removed only then.
        let _synced = self.disk.sync_dir(&self.dir);
        self.state = State::GivenUp;
        self.tell(failure);
        true
    }

    /// Says it again the next time that there is none.
    pub(super) fn end_outage(&mut self) {
        self.is_told = false;
    }

    fn tell(&mut self, failure: &dyn Display) {
        if !self.is_told {
            tracing::warn!(reason = %failure, "the command log has no reserve for a full disk now");
            self.is_told = true;
        }
    }

    fn write(&mut self) -> Result<(), Failure> {
        let path = self.dir.join(RESERVE_FILE);
        let fresh = path.with_extension("new");
        let written = self.fill(&fresh).and_then(|()| {
            self.disk.rename(&fresh, &path).map_err(Failure::of("renaming", &fresh))
        });
        if let Err(failure) = written {
            let _rest = self.disk.remove(&fresh);
            return Err(failure);
        }
        self.state = State::Held;
        self.disk.sync_dir(&self.dir).map_err(Failure::of("syncing the folder", &self.dir))
    }

    fn fill(&self, path: &Path) -> Result<(), Failure> {
        let file = match self.disk.create(path) {
            // A crash left it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(path).map_err(Failure::of("removing", path))?;
                self.disk.create(path)
            }
            created => created,
        };
        let file = file.map_err(Failure::of("creating", path))?;
        // Bytes that no file system can leave out, compress or share.
        let mut bytes = vec![0; self.bytes];
        fastrand::Rng::new().fill(&mut bytes);
        write_all_at(&*file, &bytes, 0).map_err(Failure::of("writing to", path))?;
        file.sync_all().map_err(Failure::of("syncing", path))
    }
}
