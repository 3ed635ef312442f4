//! The log against a model, over thousands of generated runs in which faults,
//! kills and power losses are actions like any other.
//!
//! The model knows what was acknowledged. After every reopening the log must
//! hold exactly that: in order, without holes, byte for byte; nothing that was
//! refused; and of an unclear group any number of commands from its start,
//! which from then on stay.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::disk::{Disk, SimDisk, SimOp};
use super::failure::{NotLogged, OpenError};
use super::reader::Reader;
use super::recovery::recover;
use super::writer::Writer;
use super::{FileLogOptions, PayloadFormat, SyncPolicy};
use crate::domain::{Sequence, Submission};
use crate::ports::contract::command_log;
use crate::ports::{LogError, ReadLimit};

const DIR: &str = "/log";
const RUNS: u64 = 10_000;
const ACTIONS: usize = 20;

/// Validated once, since that is what takes most of the time.
static SUBMISSIONS: LazyLock<Vec<Submission>> =
    LazyLock::new(|| (0..200).map(command_log::submission).collect());

/// How often what happened, over all runs: a model test that stops reaching a
/// case must fail.
type Tally = BTreeMap<&'static str, u32>;

struct Model {
    rng: fastrand::Rng,
    disk: SimDisk,
    options: FileLogOptions,
    log: Option<(Writer, Reader)>,
    /// The numbers of the acknowledged commands, by sequence from 1 on.
    acknowledged: Vec<u64>,
    /// How many of them must survive a power loss.
    synced: usize,
    /// Whether unsynced commands may be lost although the system goes on: a
    /// sync failed.
    sync_failed: bool,
    /// The group of which any part from its start may be in the log.
    unclear: Vec<u64>,
    next_number: u64,
    trace: String,
    tally: Tally,
}

impl Drop for Model {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.trace);
        }
    }
}

fn run(seed: u64, sync: SyncPolicy) -> Tally {
    let mut rng = fastrand::Rng::with_seed(seed);
    let format = if rng.bool() { PayloadFormat::Json } else { PayloadFormat::Cbor };
    let options = FileLogOptions {
        format,
        sync,
        segment_bytes: rng.u64(200..3000),
        mend_holdoff: Duration::ZERO,
        ..Default::default()
    };
    let mut model = Model {
        disk: SimDisk::new(rng.u64(..)),
        rng,
        options,
        log: None,
        acknowledged: Vec::new(),
        synced: 0,
        sync_failed: false,
        unclear: Vec::new(),
        next_number: 0,
        trace: format!("seed {seed}\n"),
        tally: Tally::new(),
    };
    model.open();
    for _ in 0..ACTIONS {
        model.act();
    }
    model.disk.heal();
    model.lose_power();
    model.append(3);
    model.lose_power();
    model.count_kept_bytes();
    std::mem::take(&mut model.tally)
}

impl Model {
    fn act(&mut self) {
        match self.rng.u8(..20) {
            0..8 => {
                let group = self.rng.usize(1..5);
                self.append(group);
            }
            8..13 => self.inject_fault(),
            13 => {
                let bytes_left = self.rng.usize(..900);
                self.note(&format!("{bytes_left} bytes left"));
                self.disk.fill_up(bytes_left);
            }
            14 => self.heal(),
            15 => self.read_somewhere(),
            16 => self.sync(),
            17 => self.kill(),
            18 => {
                let formats = [PayloadFormat::Json, PayloadFormat::Cbor];
                self.options.format = formats[self.rng.usize(..2)];
                self.lose_power();
            }
            _ => self.reopen_with_faults(),
        }
    }

    fn note(&mut self, what: &str) {
        let _ = writeln!(self.trace, "{what}");
    }

    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    fn inject_fault(&mut self) {
        use SimOp::{Create, Open, Read, Remove, Rename, SetLen, ShortWrite, Sync, SyncDir, Write};
        let ops = [
            Write, Write, ShortWrite, Sync, Sync, Sync, SetLen, SetLen, Create, SyncDir, Rename,
            Remove, Read, Open,
        ];
        let op = ops[self.rng.usize(..ops.len())];
        let times = self.rng.u32(1..4);
        self.note(&format!("{op:?} fails {times} times"));
        self.disk.fail(op, times);
    }

    /// Once the disk is well, so is the log: by itself, at the next append.
    fn heal(&mut self) {
        self.note("heal");
        self.disk.heal();
        let lossy = self.may_lose_unsynced();
        let before = self.acknowledged.len();
        self.append(1);
        assert!(lossy || self.acknowledged.len() > before, "the log does not recover");
    }

    fn append(&mut self, group: usize) {
        let numbers: Vec<u64> = (self.next_number..).take(group).collect();
        self.next_number += group as u64;
        let payloads: Vec<Vec<u8>> = numbers
            .iter()
            .map(|n| self.options.format.encode(&SUBMISSIONS[*n as usize]).unwrap())
            .collect();
        let (writer, _) = self.log.as_mut().unwrap();
        let result = writer.commit(&payloads);
        let _ = writeln!(self.trace, "append {numbers:?}: {result:?}");
        match result {
            Ok(positions) => {
                self.count("acknowledged");
                self.unclear.clear();
                for (number, position) in numbers.into_iter().zip(positions) {
                    self.acknowledged.push(number);
                    assert_eq!(position.seq.get(), self.acknowledged.len() as u64);
                }
                if self.options.sync == SyncPolicy::Always {
                    self.synced = self.acknowledged.len();
                }
            }
            Err(NotLogged::Refused(_)) => {
                self.count("refused");
                self.sync_failed = true;
            }
            Err(NotLogged::Full(_)) => {
                self.count("full");
                self.sync_failed = true;
            }
            Err(NotLogged::Unclear(_)) => {
                self.count("unclear");
                self.sync_failed = true;
                self.unclear = numbers;
            }
        }
    }

    fn sync(&mut self) {
        let (writer, _) = self.log.as_mut().unwrap();
        let result = writer.sync();
        let _ = writeln!(self.trace, "sync: {result:?}");
        match result {
            Ok(()) => {
                self.synced = self.acknowledged.len();
                self.sync_failed = false;
            }
            Err(_) => self.sync_failed = true,
        }
    }

    fn read_somewhere(&mut self) {
        let from = self.rng.usize(..=self.acknowledged.len());
        let limit =
            ReadLimit { max_commands: self.rng.usize(1..9), max_bytes: self.rng.u64(..2000) };
        let (_, reader) = self.log.as_ref().unwrap();
        match reader.read(Sequence::new(from as u64 + 1), limit) {
            Ok(entries) => {
                let expected = &self.acknowledged[from..];
                assert!(entries.len() <= expected.len());
                assert_eq!(entries.is_empty(), expected.is_empty());
                for (entry, number) in entries.iter().zip(expected) {
                    assert_eq!(entry.submission, SUBMISSIONS[*number as usize]);
                }
                self.count("read");
            }
            Err(LogError::Io { .. }) => self.count("read failed"),
            // A failed sync may have taken what the policy did not promise.
            Err(LogError::Corrupt { .. }) if self.may_lose_unsynced() => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn may_lose_unsynced(&self) -> bool {
        self.sync_failed && self.options.sync != SyncPolicy::Always
    }

    fn kill(&mut self) {
        self.note("kill");
        let lossy = self.may_lose_unsynced();
        self.disk.kill();
        self.disk.heal();
        self.reopen(lossy);
    }

    fn lose_power(&mut self) {
        self.note("power loss");
        let lossy = self.options.sync != SyncPolicy::Always;
        self.disk.crash();
        self.disk.heal();
        self.reopen(lossy);
    }

    /// A start that may fail, and after it another crash.
    fn reopen_with_faults(&mut self) {
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
        match recover(self.shared_disk(), Path::new(DIR), self.options) {
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

    /// Opens the log, which must succeed, and checks what it holds. When
    /// `lossy`, an end of the log that was not synced may be gone.
    fn reopen(&mut self, lossy: bool) {
        self.open();
        let (_, reader) = self.log.as_ref().unwrap();
        let everything = ReadLimit { max_commands: usize::MAX, max_bytes: u64::MAX };
        let entries = reader.read(Sequence::FIRST, everything).unwrap();
        let found = entries.len();
        let must = if lossy { self.synced } else { self.acknowledged.len() };
        assert!(must <= found, "acknowledged commands are lost: {found} of {must}");
        let whole: Vec<u64> =
            self.acknowledged.iter().chain(&self.unclear).copied().take(found).collect();
        assert_eq!(found, whole.len(), "there are commands that were refused");
        for (place, (entry, number)) in entries.iter().zip(&whole).enumerate() {
            assert_eq!(entry.position.seq.get(), place as u64 + 1);
            assert_eq!(entry.submission, SUBMISSIONS[*number as usize]);
        }
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

    fn open(&mut self) {
        let disk = self.shared_disk();
        let writer = recover(Arc::clone(&disk), Path::new(DIR), self.options).unwrap();
        let reader = Reader::new(disk, Arc::clone(&writer.shared));
        self.log = Some((writer, reader));
    }

    fn shared_disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.disk.clone())
    }

    fn count_kept_bytes(&mut self) {
        for name in self.disk.list(Path::new(DIR)).unwrap() {
            if name.contains(".torn-0") {
                self.count("torn creation");
            } else if name.contains(".torn-") {
                self.count("torn tail");
            } else {
                self.count("segment");
            }
        }
    }
}

/// Runs them all and checks that every case was reached often enough to mean
/// something.
fn run_all(runs: u64, sync: SyncPolicy, reached: &[&str]) {
    let mut total = Tally::new();
    for seed in 0..runs {
        for (what, count) in run(seed, sync) {
            *total.entry(what).or_default() += count;
        }
    }
    println!("{total:?}");
    for what in reached {
        let count = total.get(what).copied().unwrap_or(0);
        assert!(u64::from(count) >= runs / 200, "{what}: only {count} times in {runs} runs");
    }
}

const REACHED: [&str; 11] = [
    "acknowledged",
    "refused",
    "full",
    "unclear",
    "unclear and there",
    "read failed",
    "not opened",
    "opened all the same",
    "torn creation",
    "torn tail",
    "segment",
];

#[test]
fn with_sync_always_nothing_acknowledged_is_lost_and_nothing_refused_comes_back() {
    run_all(RUNS, SyncPolicy::Always, &REACHED);
}

#[test]
fn without_syncs_only_an_end_of_the_log_is_lost_and_nothing_refused_comes_back() {
    let reached: Vec<&str> = REACHED.into_iter().chain(["lost as the policy allows"]).collect();
    run_all(RUNS / 2, SyncPolicy::Never, &reached);
}
