//! A copy is durable when it is finished, and fails when the disk does.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::copy::{CopyError, LogCopy};
use super::disk::{Disk, SimDisk, SimOp};
use super::recovery::recover;
use super::survey::{Survey, Tail, survey};
use super::{FileLogOptions, PayloadFormat};
use crate::domain::{Sequence, Submission};
use crate::ports::contract::command_log::submission;

const SOURCE: &str = "/log";
const TARGET: &str = "/new/log.unfinished";

/// A disk with a log of some segments, and a folder for the copy.
fn disk_with(commands: impl IntoIterator<Item = Submission>) -> SimDisk {
    let disk = SimDisk::new(1);
    for dir in [SOURCE, TARGET] {
        disk.create_dir_all(Path::new(dir)).unwrap();
    }
    let options = FileLogOptions { segment_bytes: 500, ..FileLogOptions::default() };
    let mut writer = recover(Arc::new(disk.clone()), Path::new(SOURCE), options).unwrap();
    for command in commands {
        writer.commit(&[options.format.encode(&command).unwrap()]).unwrap();
    }
    disk
}

fn copy(disk: &SimDisk, to: PayloadFormat) -> Result<(), CopyError> {
    let mut copy = LogCopy::new(disk, Path::new(TARGET), to);
    let mut failed = None;
    let survey = survey(disk, Path::new(SOURCE), Sequence::FIRST, &mut |visit| {
        failed = copy.take(&visit).err();
        if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match failed {
        Some(error) => Err(error),
        None => copy.finish(&survey.unwrap().segments),
    }
}

fn read(disk: &SimDisk, dir: &str) -> (Survey, Vec<Submission>) {
    let mut found = Vec::new();
    let survey = survey(disk, Path::new(dir), Sequence::FIRST, &mut |visit| {
        found.push(visit.submission().unwrap());
        ControlFlow::Continue(())
    });
    (survey.unwrap(), found)
}

#[test]
fn a_finished_copy_survives_a_power_loss() {
    for to in PayloadFormat::ALL {
        let disk = disk_with((1..=10).map(submission));
        copy(&disk, to).unwrap();
        disk.crash();
        let (source, commands) = read(&disk, SOURCE);
        let (target, copied) = read(&disk, TARGET);
        assert_eq!(copied, commands);
        assert_eq!(target.tail, Tail::Clean);
        let outline = |survey: &Survey| -> Vec<_> {
            survey.segments.iter().map(|s| (s.log(), s.first(), s.next)).collect()
        };
        assert_eq!(outline(&target), outline(&source));
        assert!(target.segments.len() > 1 && target.segments.iter().all(|s| s.format() == to));
        // A frame behind damage proves it to be damage: nothing is ever torn.
        assert_eq!(target.proven, Sequence::new(9));
    }
}

#[test]
fn a_failing_disk_ends_the_copy() {
    for op in [SimOp::Create, SimOp::Write, SimOp::Sync, SimOp::SyncDir] {
        let disk = disk_with((1..=10).map(submission));
        disk.fail(op, 1);
        let failed = copy(&disk, PayloadFormat::Json);
        assert!(matches!(failed, Err(CopyError::Disk(_))), "{op:?}: {failed:?}");
    }
}

#[test]
fn a_command_that_is_too_large_in_the_other_format_is_named() {
    // Six bytes each in JSON, one in the others.
    let trace_id = Some("\u{1}".repeat(200_000));
    let disk = disk_with([submission(1), Submission { trace_id, ..submission(2) }]);
    copy(&disk, PayloadFormat::Bincode).unwrap();
    let disk = SimDisk::clone(&disk);
    for name in disk.list(Path::new(TARGET)).unwrap() {
        disk.remove(&Path::new(TARGET).join(name)).unwrap();
    }
    let failed = copy(&disk, PayloadFormat::Json).unwrap_err();
    assert!(matches!(failed, CopyError::TooLarge { .. }), "{failed}");
    assert!(failed.to_string().starts_with("command 2 takes 12"), "{failed}");
}
