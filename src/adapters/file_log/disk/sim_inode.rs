//! A file of a [`SimDisk`](super::SimDisk): what processes see, what is on the
//! disk, and what lies between.

/// A file.
#[derive(Debug, Default)]
pub(super) struct Inode {
    /// What reads return.
    pub(super) seen: Vec<u8>,
    /// What is there after a power loss, at least.
    durable: Vec<u8>,
    /// What the next sync will make durable.
    unsynced: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => overwrite(file, *offset, bytes),
            Self::SetLen(bytes) => file.resize(*bytes, 0),
        }
    }
}

impl Inode {
    pub(super) fn durable(bytes: &[u8]) -> Self {
        Self { seen: bytes.to_owned(), durable: bytes.to_owned(), unsynced: Vec::new() }
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.change(Change::Write { offset, bytes: bytes.to_owned() });
    }

    pub(super) fn set_len(&mut self, bytes: usize) {
        self.change(Change::SetLen(bytes));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// Each write reaches the disk, or stays dirty, or is dropped: no later sync
    /// will write it. What was dropped may still be seen, for a while.
    pub(super) fn fail_to_sync(&mut self, rng: &mut fastrand::Rng) {
        let mut dropped = Vec::new();
        self.unsynced.retain(|change| match (rng.u8(..3), change) {
            (0, Change::Write { .. }) => {
                change.apply(&mut self.durable);
                false
            }
            (1, Change::Write { offset, bytes }) => {
                dropped.push(*offset..*offset + bytes.len());
                false
            }
            _ => true,
        });
        for range in dropped {
            if rng.bool() {
                let end = range.end.min(self.seen.len());
                for place in range.start.min(end)..end {
                    self.seen[place] = self.durable.get(place).copied().unwrap_or(0);
                }
            }
        }
    }

    /// Each unsynced change survives wholly, partly or not.
    pub(super) fn crash(&mut self, rng: &mut fastrand::Rng) {
        for change in std::mem::take(&mut self.unsynced) {
            match &change {
                Change::SetLen(_) if rng.bool() => change.apply(&mut self.durable),
                Change::SetLen(_) => {}
                Change::Write { offset, bytes } => survive(&mut self.durable, *offset, bytes, rng),
            }
        }
        self.seen.clone_from(&self.durable);
    }
}

fn survive(file: &mut Vec<u8>, offset: usize, bytes: &[u8], rng: &mut fastrand::Rng) {
    match rng.u8(..4) {
        0 => {}
        1 => overwrite(file, offset, bytes),
        2 => overwrite(file, offset, &bytes[..rng.usize(..=bytes.len())]),
        // Pages on their own, in any order: what is missing before one that
        // survived reads as it was, or as zeros.
        _ => {
            let page = [8, 64, 512][rng.usize(..3)];
            let mut start = 0;
            while start < bytes.len() {
                let in_page = page - (offset + start) % page;
                let end = (start + in_page).min(bytes.len());
                if rng.bool() {
                    overwrite(file, offset + start, &bytes[start..end]);
                }
                start = end;
            }
        }
    }
}

fn overwrite(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if file.len() < offset + bytes.len() {
        file.resize(offset + bytes.len(), 0);
    }
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}
