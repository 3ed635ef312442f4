//! Reading a file in order with bounded memory.

use std::io;

use super::disk::{DiskFile, read_full_at};

/// How much is read at a time.
const WINDOW_BYTES: usize = 128 << 10;

/// A view of a file that moves forward over it.
pub(super) struct Window {
    file: Box<dyn DiskFile>,
    /// Nothing from here on is looked at.
    end: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// A view of the first `end` bytes of a file.
    pub(super) fn new(file: Box<dyn DiskFile>, end: u64) -> Self {
        Self { file, end, start: 0, bytes: Vec::new() }
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// That many bytes from there on; `None` when they do not all lie before
    /// the end.
    pub(super) fn bytes(&mut self, offset: u64, len: usize) -> io::Result<Option<&[u8]>> {
        if self.end.saturating_sub(offset) < len as u64 {
            return Ok(None);
        }
        if !self.holds(offset, len) {
            self.fill(offset, len)?;
        }
        let from = (offset - self.start) as usize;
        Ok(self.bytes.get(from..from + len))
    }

    fn holds(&self, offset: u64, len: usize) -> bool {
        let held_to = self.start + self.bytes.len() as u64;
        self.start <= offset && offset + len as u64 <= held_to
    }

    fn fill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        let left = usize::try_from(self.end - offset).unwrap_or(usize::MAX);
        self.start = offset;
        self.bytes.resize(len.max(WINDOW_BYTES).min(left), 0);
        match read_full_at(&*self.file, &mut self.bytes, offset) {
            Ok(read) => {
                self.bytes.truncate(read);
                Ok(())
            }
            Err(error) => {
                self.bytes.clear();
                Err(error)
            }
        }
    }
}
