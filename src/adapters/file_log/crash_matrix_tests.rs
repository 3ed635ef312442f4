//! `docs/crash-matrix.md`: what a crash or an I/O error at each step leaves, and
//! what the next start does. The page is made from what happens here.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use super::copy::LogCopy;
use super::disk::{Disk, Harm, SimDisk, StepDisk};
use super::failure::OpenError;
use super::frame::HEADER_BYTES;
use super::recovery::recover;
use super::repair::Repair;
use super::snapshot::Snapshot;
use super::survey::survey;
use super::{FileLogOptions, PayloadFormat, Retention};
use crate::domain::{Command, Sequence};
use crate::ports::contract::command_log::submission;

const PAGE: &str = include_str!("../../../docs/crash-matrix.md");
const DIR: &str = "/log";
const COPY: &str = "/new/log.unfinished";

/// The power takes any part of what was not synced, so it is cut so often.
const POWER_LOSSES: u64 = 40;

/// What is done with a log of two commands.
struct Operation {
    title: &'static str,
    before: Before,
    /// Whether a command is appended.
    appends: bool,
    /// Tells whether it was acknowledged.
    run: fn(Arc<dyn Disk>) -> bool,
}

/// What is wrong with the log before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// The two commands are in a segment that another one follows.
    Sealed,
    /// It has no reserve.
    NoReserve,
    /// Half a frame is behind the two commands.
    Torn,
    /// A bit of the first is another.
    Damaged,
}

const OPERATIONS: [Operation; 8] = [
    Operation { title: "Append a command", before: Before::Nothing, appends: true, run: append },
    Operation {
        title: "Append a command that needs a new segment",
        before: Before::Nothing,
        appends: true,
        run: append_after_roll,
    },
    Operation {
        title: "Start after a crash that left half a frame",
        before: Before::Torn,
        appends: false,
        run: start,
    },
    Operation {
        title: "Start without a reserve",
        before: Before::NoReserve,
        appends: false,
        run: start,
    },
    Operation {
        title: "Convert the log, up to its name",
        before: Before::Nothing,
        appends: false,
        run: convert,
    },
    Operation {
        title: "Repair a damaged log",
        before: Before::Damaged,
        appends: false,
        run: repair,
    },
    Operation { title: "Compact the log", before: Before::Sealed, appends: false, run: compact },
    Operation {
        title: "Give up the first segment, by retention",
        before: Before::Sealed,
        appends: false,
        run: retain,
    },
];

fn options(segment_bytes: u64) -> FileLogOptions {
    FileLogOptions { segment_bytes, reserve_bytes: 64, ..FileLogOptions::default() }
}

fn payload(number: u64) -> Vec<u8> {
    PayloadFormat::Cbor.encode(&submission(number)).unwrap()
}

fn append_within(disk: Arc<dyn Disk>, segment_bytes: u64) -> bool {
    let Ok(mut writer) = recover(disk, Path::new(DIR), options(segment_bytes)) else {
        return false;
    };
    writer.commit(&[payload(3)]).is_ok()
}

fn append(disk: Arc<dyn Disk>) -> bool {
    append_within(disk, 1 << 20)
}

fn append_after_roll(disk: Arc<dyn Disk>) -> bool {
    append_within(disk, 1)
}

fn start(disk: Arc<dyn Disk>) -> bool {
    let opened = recover(disk, Path::new(DIR), options(1 << 20));
    drop(opened.map(|mut writer| writer.reserve.make()));
    false
}

fn convert(disk: Arc<dyn Disk>) -> bool {
    let mut copy = LogCopy::new(&*disk, Path::new(COPY), PayloadFormat::Json);
    let mut failed = false;
    let found = survey(&*disk, Path::new(DIR), Sequence::FIRST, &mut |visit| {
        failed |= copy.take(&visit).is_err();
        std::ops::ControlFlow::Continue(())
    });
    if let Ok(found) = found
        && !failed
    {
        let _ = copy.finish(&found.segments);
    }
    false
}

fn repair(disk: Arc<dyn Disk>) -> bool {
    let now = chrono::DateTime::UNIX_EPOCH;
    let plan = Repair::plan(&*disk, Path::new(DIR), now);
    drop(plan.map(|repair| repair.apply(&*disk, Path::new(DIR), now)));
    false
}

fn compact(disk: Arc<dyn Disk>) -> bool {
    let kept = || [1, 2].map(|number| (Sequence::new(number), submission(number))).into_iter();
    let (dir, through) = (Path::new(DIR), Sequence::new(2));
    let found =
        survey(&*disk, dir, Sequence::new(u64::MAX), &mut |_| std::ops::ControlFlow::Continue(()));
    let Some(log) = found.ok().and_then(|found| found.log()) else { return false };
    let snapshot = Snapshot::new(&*disk, dir, log, PayloadFormat::Cbor, through);
    let Ok(mut snapshot) = snapshot else { return false };
    if kept().all(|(seq, what)| snapshot.push(seq, &what).is_ok()) {
        drop(snapshot.take_over(kept()));
    }
    false
}

fn retain(disk: Arc<dyn Disk>) -> bool {
    let options = FileLogOptions { retention: Retention::Bytes(1), ..options(1 << 20) };
    if let Ok(mut writer) = recover(disk, Path::new(DIR), options) {
        drop(writer.release(Sequence::new(2), chrono::DateTime::UNIX_EPOCH));
    }
    false
}

/// A disk with a log of two commands in one segment.
fn disk(seed: u64, before: Before) -> SimDisk {
    let disk = SimDisk::new(seed);
    for dir in [DIR, COPY] {
        disk.create_dir_all(Path::new(dir)).unwrap();
    }
    let mut writer = recover(Arc::new(disk.clone()), Path::new(DIR), options(1 << 20)).unwrap();
    for number in [1, 2] {
        writer.commit(&[payload(number)]).unwrap();
    }
    if before == Before::Sealed {
        writer.roll().unwrap();
    }
    if before != Before::NoReserve {
        writer.reserve.make().unwrap();
    }
    drop(writer);
    let segment = Path::new(DIR).join("00000000000000000001.log");
    let mut bytes = disk.contents(&segment);
    match before {
        Before::Nothing | Before::NoReserve | Before::Sealed => {}
        Before::Torn => bytes.extend([7; 9]),
        Before::Damaged => bytes[HEADER_BYTES as usize + 30] ^= 1,
    }
    disk.put(&segment, &bytes);
    disk
}

/// What the next start finds and does.
fn next_start(disk: &SimDisk, operation: &Operation, acknowledged: bool) -> String {
    let Operation { before, appends, .. } = *operation;
    let opened = recover(Arc::new(disk.clone()), Path::new(DIR), options(1 << 20)).map(drop);
    let mut outcome = "as it was";
    if before == Before::Damaged {
        outcome = "repaired";
        if let Err(error) = &opened {
            assert!(matches!(error, OpenError::Corrupt(_)), "{error}");
            outcome = "still refused, and another repair mends it";
            let later = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(1);
            let again = Repair::plan(disk, Path::new(DIR), later).unwrap();
            again.apply(disk, Path::new(DIR), later).unwrap();
        }
    } else {
        opened.unwrap();
    }
    let found = survey(disk, Path::new(DIR), Sequence::FIRST, &mut |visit| {
        let found = visit.submission().unwrap();
        let is_lost = before == Before::Damaged && visit.sequence() == Sequence::FIRST;
        if is_lost {
            assert_eq!(found.command, Command::Lost);
        } else {
            assert_eq!(found, submission(visit.sequence().get()));
        }
        std::ops::ControlFlow::Continue(())
    });
    let commands = found.unwrap().frames;
    if before == Before::Sealed {
        return replaced(disk, commands);
    }
    assert!(commands == 3 || (commands == 2 && !acknowledged), "{commands} {acknowledged}");
    let mut told = match (appends, commands) {
        (false, _) => outcome,
        (true, 3) => "there",
        (true, _) => "not there",
    }
    .to_owned();
    let files = disk.list(Path::new(DIR)).unwrap();
    if files.iter().any(|name| name.contains(".torn-")) {
        told.push_str(", bytes kept aside");
    }
    told
}

/// What became of the first segment.
fn replaced(disk: &SimDisk, commands: u64) -> String {
    let files = disk.list(Path::new(DIR)).unwrap();
    let there = |end: &str| files.iter().any(|name| name.ends_with(end));
    assert!(!there(".new"), "{files:?}");
    let is_there = files.iter().any(|name| name == "00000000000000000001.log");
    let is_compacted = there("-00000000000000000002.log");
    match (is_there, is_compacted, commands) {
        (true, false, 2) => "as it was",
        (false, true, 2) => "compacted",
        (false, false, 0) => "given up",
        _ => panic!("{commands} commands in {files:?}"),
    }
    .to_owned()
}

/// What comes of that harm at that step.
fn outcomes(operation: &Operation, step: usize, harm: Harm) -> BTreeSet<String> {
    let outcome = |seed| {
        let disk = disk(seed, operation.before);
        let steps = StepDisk::harmed(disk.clone(), step, harm);
        let acknowledged = (operation.run)(Arc::new(steps));
        match harm {
            Harm::Kill | Harm::Error => disk.kill(),
            Harm::PowerLoss => disk.crash(),
        }
        disk.heal();
        let answer = match (harm, operation.appends, acknowledged) {
            (Harm::Error, true, true) => "acknowledged, ",
            (Harm::Error, true, false) => "refused, ",
            _ => "",
        };
        format!("{answer}{}", next_start(&disk, operation, acknowledged))
    };
    let seeds = if harm == Harm::PowerLoss { POWER_LOSSES } else { 1 };
    (0..seeds).map(outcome).collect()
}

/// What one process has only just named may be lost while the next one goes on.
#[test]
fn a_start_after_a_stop_may_be_stopped_too() {
    for operation in OPERATIONS.iter().filter(|operation| operation.before == Before::Sealed) {
        let counted = StepDisk::new(disk(0, operation.before));
        (operation.run)(Arc::new(counted.clone()));
        for first in 0..counted.taken().len() {
            let stopped = |seed| {
                let disk = disk(seed, operation.before);
                (operation.run)(Arc::new(StepDisk::harmed(disk.clone(), first, Harm::Kill)));
                disk.kill();
                disk.heal();
                disk
            };
            let counted = StepDisk::new(stopped(0));
            start(Arc::new(counted.clone()));
            for second in 0..counted.taken().len() {
                for seed in 0..8 {
                    let disk = stopped(seed);
                    start(Arc::new(StepDisk::harmed(disk.clone(), second, Harm::PowerLoss)));
                    disk.crash();
                    disk.heal();
                    next_start(&disk, operation, false);
                }
            }
        }
    }
}

fn page() -> String {
    let mut text = String::new();
    for operation in &OPERATIONS {
        let steps = StepDisk::new(disk(0, operation.before));
        (operation.run)(Arc::new(steps.clone()));
        writeln!(text, "\n## {}\n", operation.title).unwrap();
        writeln!(text, "| step | killed in it | power lost in it | it fails |").unwrap();
        writeln!(text, "| --- | --- | --- | --- |").unwrap();
        for (number, step) in steps.taken().into_iter().enumerate() {
            let cell = |harm| {
                let all: Vec<_> = outcomes(operation, number, harm).into_iter().collect();
                all.join("; or ")
            };
            let (killed, lost) = (cell(Harm::Kill), cell(Harm::PowerLoss));
            let failed = cell(Harm::Error);
            writeln!(text, "| {}. {step} | {killed} | {lost} | {failed} |", number + 1).unwrap();
        }
    }
    text
}

#[test]
fn the_page_says_what_happens() {
    let (_, found) = PAGE.split_once("<!-- made by a test: begin -->").unwrap();
    let expected = page();
    assert!(
        found.trim() == expected.trim(),
        "put this behind the mark in docs/crash-matrix.md:\n{expected}"
    );
}
