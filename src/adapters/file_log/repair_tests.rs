//! A repair keeps every intact frame and every byte, wherever it is stopped.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rstest::rstest;

use super::disk::{Disk, Harm, SimDisk, StepDisk};
use super::failure::OpenError;
use super::frame::HEADER_BYTES;
use super::name::SegmentName;
use super::recovery::recover;
use super::repair::{Repair, RepairError};
use super::survey::survey;
use super::{FileLogOptions, PayloadFormat};
use crate::domain::{Command, Sequence, Submission};
use crate::ports::contract::command_log::submission;

const DIR: &str = "/log";
const COMMANDS: u64 = 9;

fn now() -> DateTime<Utc> {
    "2026-11-26T03:00:00Z".parse().unwrap()
}

fn path(first: u64) -> PathBuf {
    Path::new(DIR).join(SegmentName::of_commands(Sequence::new(first)).to_string())
}

/// Segments of three commands: 1 to 3, 4 to 6, 7 to 9.
fn disk(format: PayloadFormat) -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    let options = FileLogOptions { format, segment_bytes: 1, ..FileLogOptions::default() };
    let mut writer = recover(Arc::new(disk.clone()), Path::new(DIR), options).unwrap();
    for first in [1, 4, 7] {
        let payload = |number| format.encode(&submission(number)).unwrap();
        writer.commit(&[payload(first), payload(first + 1), payload(first + 2)]).unwrap();
    }
    disk
}

fn change(disk: &SimDisk, file: u64, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = disk.contents(&path(file));
    change(&mut bytes);
    disk.put(&path(file), &bytes);
}

/// Where each frame of the segment starts, and where the last one ends.
fn starts(disk: &SimDisk, file: u64) -> Vec<usize> {
    let bytes = disk.contents(&path(file));
    let mut starts = vec![HEADER_BYTES as usize];
    while let Some(size) = bytes.get(starts[starts.len() - 1]..).and_then(<[u8]>::first_chunk::<4>)
    {
        starts.push(starts[starts.len() - 1] + 24 + u32::from_le_bytes(*size) as usize);
    }
    starts
}

fn start(disk: &SimDisk) -> Result<(), OpenError> {
    recover(Arc::new(disk.clone()), Path::new(DIR), FileLogOptions::default()).map(drop)
}

fn commands(disk: &SimDisk) -> Vec<Submission> {
    let mut found = Vec::new();
    survey(disk, Path::new(DIR), Sequence::FIRST, &mut |visit| {
        found.push(visit.submission().unwrap());
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

/// Repairs, and checks that all is kept but those commands.
#[track_caller]
fn assert_repaired(disk: &SimDisk, lost: &[u64]) {
    assert!(matches!(start(disk), Err(OpenError::Corrupt(_))), "a start refuses it");
    let repair = Repair::plan(disk, Path::new(DIR), now()).unwrap();
    let before: Vec<_> =
        repair.files().map(|file| (file.to_owned(), disk.contents(file))).collect();
    assert!(!before.is_empty() && !repair.faults.is_empty());
    let kept = repair.apply(disk, Path::new(DIR), now()).unwrap();
    for (file, bytes) in before {
        assert_eq!(disk.contents(&kept.join(file.file_name().unwrap())), bytes);
    }
    let told: Vec<u64> =
        repair.lost.iter().flat_map(|(first, last)| first.get()..=last.get()).collect();
    assert_eq!(told, lost);
    assert_sound(disk, lost);
}

#[track_caller]
fn assert_sound(disk: &SimDisk, lost: &[u64]) {
    start(disk).unwrap();
    for (number, found) in (1..).zip(commands(disk)) {
        if lost.contains(&number) {
            assert_eq!((found.command, found.accepted_at), (Command::Lost, now()));
        } else {
            assert_eq!(found, submission(number));
        }
    }
    assert_eq!(commands(disk).len() as u64, COMMANDS);
    assert!(Repair::plan(disk, Path::new(DIR), now()).unwrap().is_needless());
}

#[rstest]
fn a_flipped_bit_costs_one_command(
    #[values(
        PayloadFormat::Json,
        PayloadFormat::Cbor,
        PayloadFormat::Bincode,
        PayloadFormat::MessagePack
    )]
    format: PayloadFormat,
    #[values(4, 5, 6)] seq: u64,
) {
    for at in [0, 4, 8, 16, 24, 30] {
        let disk = disk(format);
        let start = starts(&disk, 4)[seq as usize - 4];
        change(&disk, 4, |bytes| bytes[start + at] ^= 0x10);
        assert_repaired(&disk, &[seq]);
    }
}

#[test]
fn a_flipped_bit_in_a_header_costs_nothing() {
    for first in [1, 4, 7] {
        for at in [0, 8, 10, 12, 28, 36, 40] {
            let disk = disk(PayloadFormat::Cbor);
            change(&disk, first, |bytes| bytes[at] ^= 1);
            assert_repaired(&disk, &[]);
        }
    }
}

#[test]
fn a_header_that_is_overwritten_is_found_again_where_its_frames_tell() {
    let disk = disk(PayloadFormat::Cbor);
    change(&disk, 4, |bytes| bytes[..36].fill(0));
    assert_repaired(&disk, &[]);
    change(&disk, 4, |bytes| bytes[..HEADER_BYTES as usize].fill(0));
    assert_repaired(&disk, &[4, 5, 6]);
    change(&disk, 7, |bytes| bytes[..HEADER_BYTES as usize].fill(0));
    let hopeless = Repair::plan(&disk, Path::new(DIR), now()).unwrap_err();
    assert!(matches!(hopeless, RepairError::Headless(_, first) if first.get() == 7), "{hopeless}");
}

#[test]
fn a_missing_segment_costs_its_commands() {
    let disk = disk(PayloadFormat::Cbor);
    disk.remove(&path(4)).unwrap();
    assert_repaired(&disk, &[4, 5, 6]);
}

#[test]
fn bytes_that_are_gone_cost_their_commands() {
    // Without a trace, at the end and in the middle.
    let cut = disk(PayloadFormat::Cbor);
    let at = starts(&cut, 4);
    change(&cut, 4, |bytes| bytes.truncate(at[1]));
    assert_repaired(&cut, &[5, 6]);
    let drained = disk(PayloadFormat::Cbor);
    let at = starts(&drained, 1);
    change(&drained, 1, |bytes| drop(bytes.drain(at[1]..at[2])));
    assert_repaired(&drained, &[2]);
}

#[test]
fn bytes_that_were_put_there_cost_nothing() {
    let disk = disk(PayloadFormat::Cbor);
    let at = starts(&disk, 4)[1];
    change(&disk, 4, |bytes| drop(bytes.splice(at..at, *b"what is this")));
    assert_repaired(&disk, &[]);
    change(&disk, 1, |bytes| bytes.extend_from_slice(b"and this"));
    assert_repaired(&disk, &[]);
}

/// In the last segment only what a later frame proves is damage.
#[test]
fn an_unfinished_write_is_left_to_the_start() {
    let disk = disk(PayloadFormat::Cbor);
    change(&disk, 7, |bytes| bytes.truncate(bytes.len() - 3));
    assert!(Repair::plan(&disk, Path::new(DIR), now()).unwrap().is_needless());
    start(&disk).unwrap();
    assert_eq!(commands(&disk).len() as u64, COMMANDS - 1);
}

/// The pages of one write reach the disk in any order: a later frame of the same
/// group is intact, and proves nothing.
#[test]
fn an_unfinished_group_is_left_to_the_start() {
    let torn = || {
        let disk = disk(PayloadFormat::Cbor);
        let at = starts(&disk, 7)[1];
        change(&disk, 7, |bytes| bytes[at + 30] ^= 1);
        disk
    };
    let disk = torn();
    assert!(Repair::plan(&disk, Path::new(DIR), now()).unwrap().is_needless());
    start(&disk).unwrap();
    assert_eq!(commands(&disk).len(), 7);
    // Neither does damage elsewhere make it one.
    let disk = torn();
    let at = starts(&disk, 4)[1];
    change(&disk, 4, |bytes| bytes[at + 30] ^= 1);
    let repair = Repair::plan(&disk, Path::new(DIR), now()).unwrap();
    assert_eq!(repair.lost, [(Sequence::new(5), Sequence::new(5))]);
    repair.apply(&disk, Path::new(DIR), now()).unwrap();
    start(&disk).unwrap();
    assert_eq!(commands(&disk).len(), 7);
}

/// What a later group says was synced is damage in the last segment too.
#[test]
fn a_synced_frame_of_the_last_segment_is_mended() {
    let disk = disk(PayloadFormat::Cbor);
    let mut writer =
        recover(Arc::new(disk.clone()), Path::new(DIR), FileLogOptions::default()).unwrap();
    writer.commit(&[PayloadFormat::Cbor.encode(&submission(10)).unwrap()]).unwrap();
    drop(writer);
    let at = starts(&disk, 7)[1];
    change(&disk, 7, |bytes| bytes[at + 30] ^= 1);
    assert!(matches!(start(&disk), Err(OpenError::Corrupt(_))));
    let repair = Repair::plan(&disk, Path::new(DIR), now()).unwrap();
    assert_eq!(repair.lost, [(Sequence::new(8), Sequence::new(8))]);
    repair.apply(&disk, Path::new(DIR), now()).unwrap();
    start(&disk).unwrap();
    let all = commands(&disk);
    assert_eq!((all.len(), &all[7].command, &all[9]), (10, &Command::Lost, &submission(10)));
}

/// A log that does not start with its first command had others before.
#[test]
fn a_cut_header_that_a_start_refuses_is_told() {
    let disk = disk(PayloadFormat::Cbor);
    disk.remove(&path(1)).unwrap();
    disk.remove(&path(4)).unwrap();
    change(&disk, 7, |bytes| bytes.truncate(20));
    assert!(matches!(start(&disk), Err(OpenError::Corrupt(_))));
    let told = Repair::plan(&disk, Path::new(DIR), now()).unwrap_err();
    assert!(matches!(told, RepairError::Headless(_, first) if first.get() == 7), "{told}");
}

#[rstest]
fn a_repaired_log_is_appended_to(
    #[values(
        PayloadFormat::Json,
        PayloadFormat::Cbor,
        PayloadFormat::Bincode,
        PayloadFormat::MessagePack
    )]
    format: PayloadFormat,
) {
    let disk = disk(format);
    let at = starts(&disk, 4)[1];
    change(&disk, 4, |bytes| bytes[at + 30] ^= 1);
    assert_repaired(&disk, &[5]);
    let options = FileLogOptions { format, ..FileLogOptions::default() };
    let mut writer = recover(Arc::new(disk.clone()), Path::new(DIR), options).unwrap();
    writer.commit(&[format.encode(&submission(10)).unwrap()]).unwrap();
    drop(writer);
    start(&disk).unwrap();
    let all = commands(&disk);
    assert_eq!((all.len(), &all[4].command, &all[9]), (10, &Command::Lost, &submission(10)));
}

#[test]
fn a_segment_far_behind_the_others_is_not_of_this_log() {
    let disk = disk(PayloadFormat::Cbor);
    disk.put(&path(1 << 40), b"what is this");
    let foreign = Repair::plan(&disk, Path::new(DIR), now()).unwrap_err();
    assert!(matches!(foreign, RepairError::Foreign(_)), "{foreign}");
}

#[test]
fn segments_of_others_are_not_touched() {
    let disk = disk(PayloadFormat::Cbor);
    let other = self::disk(PayloadFormat::Cbor);
    disk.put(&path(4), &other.contents(&path(4)));
    let foreign = Repair::plan(&disk, Path::new(DIR), now()).unwrap_err();
    assert!(matches!(foreign, RepairError::Foreign(_)), "{foreign}");
}

/// Damage in two segments; a repair is stopped at each of its steps.
#[rstest]
fn a_repair_that_was_stopped_is_done_again(
    #[values(Harm::Kill, Harm::PowerLoss, Harm::Error)] harm: Harm,
) {
    let damaged = || {
        let disk = disk(PayloadFormat::Cbor);
        for (file, seq) in [(1, 1), (4, 5)] {
            let start = starts(&disk, file)[seq - file as usize];
            change(&disk, file, |bytes| bytes[start + 30] ^= 1);
        }
        disk
    };
    let apply = |disk: &dyn Disk, now| {
        Repair::plan(disk, Path::new(DIR), now)?.apply(disk, Path::new(DIR), now)
    };
    let steps = StepDisk::new(damaged());
    apply(&steps, now()).unwrap();
    let steps = steps.taken().len();
    assert!(steps > 12, "{steps}");
    for step in 0..steps {
        let disk = damaged();
        // The time of the first one is that of the words which it wrote.
        apply(&StepDisk::harmed(disk.clone(), step, harm), now()).unwrap_err();
        if harm == Harm::PowerLoss {
            disk.crash()
        } else {
            disk.kill()
        }
        disk.heal();
        let left = Repair::plan(&disk, Path::new(DIR), now()).unwrap();
        if left.is_needless() {
            assert_sound(&disk, &[1, 5]);
            continue;
        }
        assert!(matches!(start(&disk), Err(OpenError::Corrupt(_))), "step {step}");
        let later = now() + chrono::TimeDelta::seconds(1);
        left.apply(&disk, Path::new(DIR), later).unwrap();
        assert_sound(&disk, &[1, 5]);
    }
}
