//! The actions of the model in which a process ends, and what must be left.

use std::path::Path;
use std::sync::Arc;

use super::SyncPolicy;
use super::failure::OpenError;
use super::model_tests::{DIR, Model, SUBMISSIONS};
use super::reader::Reader;
use super::recovery::recover;
use super::writer::Writer;
use crate::domain::Sequence;
use crate::ports::ReadLimit;

impl Model {
    pub(super) fn kill(&mut self) {
        self.note("kill");
        let lossy = self.may_lose_unsynced();
        self.disk.kill();
        self.disk.heal();
        self.reopen(lossy);
    }

    pub(super) fn lose_power(&mut self) {
        self.note("power loss");
        let lossy = self.options.sync != SyncPolicy::Always;
        self.disk.crash();
        self.disk.heal();
        self.reopen(lossy);
    }

    /// A start that may fail, and after it another crash.
    pub(super) fn reopen_with_faults(&mut self) {
        let mut lossy = self.may_lose_unsynced();
        if self.rng.bool() {
            self.disk.crash();
            lossy |= self.options.sync != SyncPolicy::Always;
        } else {
            self.disk.kill();
        }
        for _ in 0..self.rng.u8(1..4) {
            self.inject_fault();
        }
        match self.recover() {
            Ok(_) => self.count("opened all the same"),
            Err(OpenError::Corrupt(fault)) => panic!("taken for corrupt: {fault}"),
            Err(error) => {
                self.note(&error.to_string());
                self.count("not opened");
                // Its syncs may have failed, too.
                lossy |= self.options.sync != SyncPolicy::Always;
            }
        }
        if self.rng.bool() {
            self.note("power loss after a failed start");
            self.disk.crash();
            lossy |= self.options.sync != SyncPolicy::Always;
        }
        self.disk.kill();
        self.disk.heal();
        self.reopen(lossy);
    }

    /// The process dies in the middle of writing, rolling or mending.
    pub(super) fn die_in_a_commit(&mut self) {
        if self.rng.bool() {
            self.inject_fault();
            self.append(1);
        }
        let operations = self.rng.u64(..12);
        self.note(&format!("dies after {operations} operations"));
        self.disk.die_after(operations);
        let earlier = std::mem::take(&mut self.unclear);
        let (acknowledged, first) = (self.acknowledged.len(), self.next_number);
        let group = self.rng.usize(1..5);
        self.append(group);
        if self.disk.is_dead() {
            self.count("died in a commit");
            if self.acknowledged.len() == acknowledged {
                // Nobody was told anything, whatever was answered.
                self.unclear = earlier;
                self.unclear.push((first..self.next_number).collect());
            }
        } else if self.unclear.is_empty() && self.acknowledged.len() == acknowledged {
            self.unclear = earlier;
        }
        self.die_for_good();
    }

    /// The process dies in the middle of recovering, once or more.
    pub(super) fn die_while_opening(&mut self) {
        let mut lossy = self.may_lose_unsynced();
        self.disk.kill();
        self.disk.heal();
        for _ in 0..self.rng.u8(1..4) {
            if self.rng.bool() {
                self.disk.crash();
                lossy |= self.options.sync != SyncPolicy::Always;
            }
            let operations = self.rng.u64(..40);
            self.note(&format!("dies after {operations} operations of recovery"));
            self.disk.die_after(operations);
            match self.recover() {
                Ok(_) => self.count("opened before it died"),
                Err(OpenError::Corrupt(fault)) => panic!("taken for corrupt: {fault}"),
                Err(_) => self.count("died while opening"),
            }
            self.disk.kill();
        }
        self.reopen(lossy);
    }

    pub(super) fn die_for_good(&mut self) {
        if self.rng.bool() { self.lose_power() } else { self.kill() }
    }

    /// Opens the log, which must succeed, and checks what it holds. When
    /// `lossy`, an end of the log that was not synced may be gone.
    pub(super) fn reopen(&mut self, lossy: bool) {
        self.open();
        let (_, reader) = self.log.as_ref().unwrap();
        let everything = ReadLimit { max_commands: usize::MAX, max_bytes: u64::MAX };
        let entries = reader.read(Sequence::FIRST, everything).unwrap();
        let found = entries.len();
        let must = if lossy { self.synced } else { self.acknowledged.len() };
        assert!(must <= found, "acknowledged commands are lost: {found} of {must}");
        for (place, entry) in entries.iter().enumerate() {
            assert_eq!(entry.position.seq.get(), place as u64 + 1);
        }
        let none = Vec::new();
        let possible = self.unclear.iter().chain([&none]).map(|group| -> Vec<u64> {
            self.acknowledged.iter().chain(group).copied().take(found).collect()
        });
        let is_there = |numbers: &Vec<u64>| {
            let expected = numbers.iter().map(|number| &SUBMISSIONS[*number as usize]);
            entries.iter().map(|entry| &entry.submission).eq(expected)
        };
        let whole: Option<Vec<u64>> = possible.into_iter().find(is_there);
        let whole = whole.expect("there are commands that were refused, or not those that were");
        if found > self.acknowledged.len() {
            self.count("unclear and there");
        }
        if found < self.acknowledged.len() {
            self.count("lost as the policy allows");
        }
        self.acknowledged = whole;
        self.synced = found;
        self.sync_failed = false;
        self.unclear.clear();
    }

    pub(super) fn open(&mut self) {
        let writer = self.recover().unwrap();
        let reader = Reader::new(self.shared_disk(), Arc::clone(&writer.shared));
        self.log = Some((writer, reader));
    }

    /// As a log is opened.
    fn recover(&self) -> Result<Writer, OpenError> {
        let mut writer = recover(self.shared_disk(), Path::new(DIR), self.options)?;
        let _told = writer.reserve.make();
        Ok(writer)
    }
}
