//! Appending: one writer, one group at a time.
//!
//! A step function without threads or queues; [`super::queue`] loops it.

use std::path::PathBuf;
use std::sync::Arc;

use super::creation::{create_segment, replace_empty_segment};
use super::disk::{Disk, DiskFile, write_all_at};
use super::failure::{Failure, NotLogged};
use super::frame::{HEADER_BYTES, SegmentHeader, push_frame};
use super::index::{Mark, SegmentEntry};
use super::mend;
use super::outage::Outage;
use super::reserve::Reserve;
use super::shared::Shared;
use super::{FileLogOptions, SyncPolicy};
use crate::domain::{Position, Sequence};

/// The writer of a log.
pub(super) struct Writer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) options: FileLogOptions,
    pub(super) shared: Arc<Shared>,
    pub(super) active: Active,
    /// The last command that was acknowledged.
    pub(super) written: Place,
    /// The last command that was synced; with the policy `always` the same.
    pub(super) synced: Place,
    /// Whether a failure is not mended yet. Nothing is written while it is set.
    pub(super) is_poisoned: bool,
    /// Set by the first failure, ended by the next command that is logged.
    pub(super) outage: Option<Outage>,
    pub(super) reserve: Reserve,
}

/// The segment that is appended to.
pub(super) struct Active {
    pub(super) path: PathBuf,
    pub(super) file: Box<dyn DiskFile>,
    pub(super) header: SegmentHeader,
    /// Where it starts, in bytes of log.
    pub(super) base: u64,
}

/// The end of a command in the active segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) seq: Sequence,
    pub(super) offset: u64,
}

impl Writer {
    /// Appends a group of payloads. After `Ok` all of them are in the log, by
    /// the sync policy; readers see them.
    ///
    /// After an error none of them is acknowledged, and the log is poisoned.
    pub(super) fn commit(&mut self, payloads: &[Vec<u8>]) -> Result<Vec<Position>, NotLogged> {
        self.mend()?;
        let is_segment_full =
            self.written.offset >= self.options.segment_bytes && self.has_frames();
        // Nothing of this group was written yet.
        if is_segment_full || self.outage.is_some() || self.reserve.is_given_up() {
            self.reserve.make_anew().map_err(|failure| self.poison_with(&failure))?;
        }
        if is_segment_full {
            self.roll().map_err(|failure| self.poison_with(&failure))?;
        }
        let (bytes, places) = self.frames(payloads);
        self.write(&bytes).map_err(|failure| self.take_back(&failure))?;
        self.publish(&places);
        if let Some(outage) = self.outage.take() {
            self.reserve.end_outage();
            tracing::info!(reason = outage.first(), "the command log takes commands again");
        }
        Ok(places.iter().map(|place| self.position(*place)).collect())
    }

    /// Syncs what is not synced yet.
    pub(super) fn sync(&mut self) -> Result<(), NotLogged> {
        self.mend()?;
        self.sync_active().map_err(|failure| self.poison_with(&failure))
    }

    /// As [`sync`](Self::sync), for the last time: without holding off, and with
    /// the reserve.
    pub(super) fn sync_at_last(&mut self) -> Result<(), NotLogged> {
        match self.sync_at_once() {
            // The failed sync left the log poisoned, so what it was to sync is
            // written again first.
            Err(NotLogged::Full(detail)) if self.reserve.give_up(&detail) => self.sync_at_once(),
            synced => synced,
        }
    }

    fn sync_at_once(&mut self) -> Result<(), NotLogged> {
        if let Some(outage) = &mut self.outage {
            outage.hold_off_no_longer();
        }
        self.sync()
    }

    /// Whether a power loss may take commands that were acknowledged.
    pub(super) fn has_unsynced(&self) -> bool {
        self.synced != self.written
    }

    /// Goes on with a segment in the configured format: a new one, or one in
    /// the place of an empty one. The old one is synced first, so that no
    /// segment but the last can ever end with an unfinished write.
    pub(super) fn roll(&mut self) -> Result<(), Failure> {
        self.sync_active()?;
        let first = self.written.seq.next();
        let header = SegmentHeader::new(self.options.format, self.active.header.log, first);
        let sealed = self.has_frames().then(|| (self.active.path.clone(), self.written.offset));
        let (base, (path, file)) = if sealed.is_some() {
            let base = self.active.base + self.written.offset;
            (base, create_segment(&*self.disk, &self.dir, &header)?)
        } else {
            (self.active.base, replace_empty_segment(&*self.disk, &self.dir, &header)?)
        };
        let entry = SegmentEntry { path: path.clone(), header, base };
        self.shared.change_index(|index| index.push_segment(entry));
        self.active = Active { path, file, header, base };
        self.written.offset = HEADER_BYTES;
        self.synced = self.written;
        if let Some((path, bytes)) = sealed {
            tracing::info!(
                segment = %path.display(), bytes, first = first.get(),
                "a segment of the command log was sealed and the next one started"
            );
        }
        Ok(())
    }

    fn mend(&mut self) -> Result<(), NotLogged> {
        if !self.is_poisoned {
            return Ok(());
        }
        if let Some(refusal) = self.outage.as_ref().and_then(Outage::refusal) {
            return Err(refusal);
        }
        let mended = match mend::mend(self) {
            Err(error) if error.is_full() && self.reserve.give_up(&error) => mend::mend(self),
            mended => mended,
        };
        mended.map_err(|error| {
            let earlier = self.outage.as_ref().map(Outage::first).unwrap_or_default();
            self.fail_with(NotLogged::poisoned(earlier, &error))
        })
    }

    /// The frames for a group and where each will end.
    fn frames(&self, payloads: &[Vec<u8>]) -> (Vec<u8>, Vec<Place>) {
        let mut bytes = Vec::new();
        let mut places = Vec::with_capacity(payloads.len());
        let mut seq = self.written.seq;
        for payload in payloads {
            seq = seq.next();
            push_frame(&mut bytes, self.active.header.salt, seq, self.synced.seq, payload);
            places.push(Place { seq, offset: self.written.offset + bytes.len() as u64 });
        }
        (bytes, places)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        write_all_at(&*self.active.file, bytes, self.written.offset)
            .map_err(Failure::of("writing to", &self.active.path))?;
        if self.options.sync == SyncPolicy::Always {
            self.active.file.sync_data().map_err(Failure::of("syncing", &self.active.path))?;
        }
        Ok(())
    }

    /// Makes sure that nothing of a failed group ever comes back, if that can be
    /// done at all. Either way the log is poisoned.
    fn take_back(&mut self, failure: &Failure) -> NotLogged {
        let refused = self.poison_with(failure);
        let (Active { path, file, .. }, end) = (&self.active, self.written.offset);
        let taken_back = self.reserve.lend(|| {
            file.set_len(end).map_err(Failure::of("cutting", path))?;
            file.sync_all().map_err(Failure::of("syncing", path))
        });
        match taken_back {
            Ok(()) => refused,
            Err(taking_back) => NotLogged::unclear(failure, &taking_back),
        }
    }

    fn publish(&mut self, places: &[Place]) {
        let base = self.active.base;
        self.shared.change_index(|index| {
            for place in places {
                let start = base + self.written.offset;
                index.note(Mark { seq: place.seq, start });
                self.written = *place;
            }
        });
        if self.options.sync == SyncPolicy::Always {
            self.synced = self.written;
        }
        self.shared.publish(self.position(self.written));
    }

    fn sync_active(&mut self) -> Result<(), Failure> {
        if self.has_unsynced() {
            self.active.file.sync_data().map_err(Failure::of("syncing", &self.active.path))?;
            self.synced = self.written;
        }
        Ok(())
    }

    /// What to refuse commands with because of that failure.
    fn poison_with(&mut self, failure: &Failure) -> NotLogged {
        self.is_poisoned = true;
        self.fail_with(NotLogged::refused(failure))
    }

    fn fail_with(&mut self, refusal: NotLogged) -> NotLogged {
        match &mut self.outage {
            None => self.outage = Some(Outage::new(refusal.clone())),
            Some(outage) => outage.go_on(refusal.clone(), self.options.mend_holdoff),
        }
        refusal
    }

    pub(super) fn has_frames(&self) -> bool {
        self.written.seq >= self.active.header.first
    }

    fn position(&self, place: Place) -> Position {
        Position { seq: place.seq, end: self.active.base + place.offset }
    }
}
