//! The table of crash states, row by row, and its two exhaustive rows.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rstest::rstest;

use super::disk::{Disk, SimDisk, SimOp};
use super::failure::OpenError;
use super::fault::{Damage, Fault, FrameDamage, ReadFault};
use super::frame::{Contents, HEADER_BYTES, HeaderDamage, Salt, SegmentHeader, push_frame};
use super::name::{SegmentName, start_name};
use super::reader::Reader;
use super::recovery::recover;
use super::survey::{Survey, Tail, survey};
use super::{FileLogOptions, PayloadFormat};
use crate::domain::{LogId, Sequence};
use crate::ports::ReadLimit;
use crate::ports::contract::command_log::submission;

const DIR: &str = "/log";
const SALT: Salt = Salt([9, 8, 7, 6]);

fn path(first: u64) -> PathBuf {
    Path::new(DIR).join(SegmentName::of_commands(Sequence::new(first)).to_string())
}

fn header(first: u64) -> Vec<u8> {
    let log = LogId::from_uuid(uuid::Uuid::from_u128(7));
    let first = Sequence::new(first);
    SegmentHeader {
        format: PayloadFormat::Cbor,
        contents: Contents::Commands,
        log,
        first,
        salt: SALT,
    }
    .encode()
}

/// The frame of a command that was written on its own, when all before it were
/// synced.
fn frame(seq: u64) -> Vec<u8> {
    frame_in_group(seq, seq - 1)
}

fn frame_in_group(seq: u64, durable: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let payload = PayloadFormat::Cbor.encode(&submission(seq)).unwrap();
    push_frame(&mut bytes, SALT, Sequence::new(seq), Sequence::new(durable), &payload);
    bytes
}

fn segment_of(first: u64, last: u64) -> Vec<u8> {
    (first..=last).fold(header(first), |bytes, seq| [bytes, frame(seq)].concat())
}

fn disk_with(segments: &[(u64, Vec<u8>)]) -> SimDisk {
    let disk = SimDisk::new(3);
    for (first, bytes) in segments {
        disk.put(&path(*first), bytes);
    }
    disk
}

fn look(disk: &SimDisk) -> Result<Survey, ReadFault> {
    survey(disk, Path::new(DIR), Sequence::FIRST, &mut |_| ControlFlow::Continue(()))
}

/// Opens the log and reads all of it; the numbers are those of the commands.
fn open(disk: &SimDisk) -> Result<u64, OpenError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let writer = recover(Arc::clone(&disk), Path::new(DIR), FileLogOptions::default())?;
    let first = writer.shared.index().first();
    let everything = ReadLimit { max_commands: usize::MAX, max_bytes: u64::MAX };
    let entries = Reader::new(disk, Arc::clone(&writer.shared)).read(first, everything).unwrap();
    for (seq, entry) in (first.get()..).zip(&entries) {
        assert_eq!(entry.seq().get(), seq);
        assert_eq!(entry.submission, submission(seq));
    }
    assert_eq!(writer.shared.published().last.seq, writer.written.seq);
    Ok(writer.written.seq.get())
}

/// That opening refuses, names that place, and leaves every file as it was.
#[track_caller]
fn assert_corrupt(disk: &SimDisk, file: &Path, offset: u64) -> Damage {
    let names = disk.list(Path::new(DIR)).unwrap();
    let before: Vec<Vec<u8>> =
        names.iter().map(|name| disk.contents(&Path::new(DIR).join(name))).collect();
    let error = open(disk).unwrap_err();
    let text = error.to_string();
    let OpenError::Corrupt(fault) = error else { panic!("{error}") };
    assert_eq!((fault.file.as_path(), fault.offset), (file, offset), "{fault}");
    assert!(text.contains("`daybook log verify` shows it"), "{text}");
    let after: Vec<Vec<u8>> =
        names.iter().map(|name| disk.contents(&Path::new(DIR).join(name))).collect();
    assert_eq!(disk.list(Path::new(DIR)).unwrap(), names);
    assert_eq!(before, after);
    fault.damage
}

#[test]
fn a_frame_torn_at_any_byte_is_cut_and_its_bytes_are_kept() {
    let whole = segment_of(1, 4);
    let ends: Vec<usize> = (1..=4).map(|last| segment_of(1, last).len()).collect();
    for length in ends[0]..whole.len() {
        let complete = ends.iter().filter(|end| **end <= length).count() as u64;
        let cut_at = ends[complete as usize - 1];
        let disk = disk_with(&[(1, whole[..length].to_vec())]);
        assert_eq!(open(&disk).unwrap(), complete, "torn at {length}");
        assert_eq!(disk.contents(&path(1)), whole[..cut_at]);
        if cut_at < length {
            let kept = path(1).with_extension(format!("log.torn-{cut_at}"));
            assert_eq!(disk.contents(&kept), whole[cut_at..length]);
        }
        assert_eq!(open(&disk).unwrap(), complete, "a second start finds nothing to do");
    }
}

#[test]
fn a_frame_whose_end_never_reached_the_disk_is_cut() {
    let whole = segment_of(1, 3);
    let cut_at = segment_of(1, 2).len();
    for zeros_from in cut_at..whole.len() {
        let mut bytes = whole.clone();
        bytes[zeros_from..].fill(0);
        let disk = disk_with(&[(1, bytes)]);
        assert_eq!(open(&disk).unwrap(), 2, "zeros from {zeros_from}");
    }
}

#[test]
fn one_flipped_bit_anywhere_is_found_and_nothing_proven_is_dropped() {
    let whole = segment_of(1, 5);
    let proven_end = segment_of(1, 4).len();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let disk = disk_with(&[(1, bytes)]);
        let found = look(&disk);
        if bit / 8 < proven_end {
            assert!(matches!(found, Err(ReadFault::Damaged(_))), "bit {bit}: {found:?}");
            assert!(matches!(open(&disk), Err(OpenError::Corrupt(_))), "bit {bit}");
        } else {
            // Nothing follows the last frame that could tell it from one that
            // was torn.
            let tail = found.unwrap().tail;
            assert!(matches!(tail, Tail::Torn { .. }), "bit {bit}: {tail:?}");
            assert_eq!(open(&disk).unwrap(), 4, "bit {bit}");
            assert_eq!(disk.list(Path::new(DIR)).unwrap().len(), 2, "its bytes are kept");
        }
    }
}

#[test]
fn a_group_whose_pages_arrived_out_of_order_is_a_torn_tail() {
    let group: Vec<Vec<u8>> = (3..=5).map(|seq| frame_in_group(seq, 2)).collect();
    let missing = vec![0; group[0].len()];
    let bytes = [segment_of(1, 2), missing, group[1].clone(), group[2].clone()].concat();
    let disk = disk_with(&[(1, bytes.clone())]);
    assert_eq!(open(&disk).unwrap(), 2);
    // The same with a frame of a later group: the missing one had been synced.
    let disk = disk_with(&[(1, [bytes, frame_in_group(6, 5)].concat())]);
    let offset = segment_of(1, 2).len() as u64;
    let damage = assert_corrupt(&disk, &path(1), offset);
    let zeros = FrameDamage::Length { found: 0 };
    assert_eq!(damage, Damage::Frame { expected: Sequence::new(3), damage: zeros });
}

#[rstest]
#[case::empty(Vec::new())]
#[case::cut_short(header(4)[..43].to_vec())]
#[case::zeros(vec![0; 44])]
#[case::bad(header(9).into_iter().rev().collect())]
fn a_segment_that_was_never_finished_is_moved_aside(#[case] bytes: Vec<u8>) {
    let disk = disk_with(&[(1, segment_of(1, 3)), (4, bytes.clone())]);
    assert_eq!(open(&disk).unwrap(), 3);
    assert_eq!(disk.contents(&path(4).with_extension("log.torn-0")), bytes);
    // A first one, too: nothing was ever logged.
    let disk = disk_with(&[(1, bytes)]);
    assert_eq!(open(&disk).unwrap(), 0);
    // It happens again, and what was kept the first time stays.
    disk.put(&path(1), b"again");
    assert_eq!(open(&disk).unwrap(), 0);
    assert_eq!(disk.contents(&path(1).with_extension("log.torn-0-2")), b"again");
}

#[test]
fn a_segment_without_frames_is_gone_on_with() {
    let disk = disk_with(&[(1, segment_of(1, 3)), (4, header(4))]);
    assert_eq!(open(&disk).unwrap(), 3);
    assert_eq!(disk.list(Path::new(DIR)).unwrap().len(), 2);
    // The first retained one need not be the first of the log, where that is told.
    for (last, segment) in [(3, header(4)), (6, segment_of(4, 6))] {
        let disk = disk_with(&[(4, segment)]);
        open(&disk).unwrap_err();
        disk.put(&Path::new(DIR).join(start_name(Sequence::new(4))), &[]);
        assert_eq!(open(&disk).unwrap(), last);
    }
}

#[test]
fn an_empty_last_segment_does_not_change_where_the_log_ends() {
    let disk = disk_with(&[(1, segment_of(1, 3))]);
    let position = |disk: &SimDisk| {
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let writer = recover(shared, Path::new(DIR), FileLogOptions::default()).unwrap();
        writer.shared.published().last
    };
    let before = position(&disk);
    assert_eq!((before.seq.get(), before.end), (3, segment_of(1, 3).len() as u64));
    disk.put(&path(4), &header(4));
    assert_eq!(position(&disk), before);
    // Nor does a start with another format, which makes one.
    let disk = disk_with(&[(1, segment_of(1, 3))]);
    let json = FileLogOptions { format: PayloadFormat::Json, ..FileLogOptions::default() };
    let writer = recover(Arc::new(disk.clone()), Path::new(DIR), json).unwrap();
    assert_eq!(writer.shared.published().last, before);
    assert_eq!(position(&disk), before);
    assert_eq!(position(&disk_with(&[(1, header(1))])).end, 0);
}

#[test]
fn a_torn_tail_before_another_segment_is_corrupt() {
    let torn = segment_of(1, 3)[..segment_of(1, 3).len() - 1].to_vec();
    let offset = segment_of(1, 2).len() as u64;
    for last in [header(4), Vec::new(), segment_of(4, 4)] {
        let disk = disk_with(&[(1, torn.clone()), (4, last)]);
        let damage = assert_corrupt(&disk, &path(1), offset);
        let expected = Sequence::new(3);
        assert_eq!(damage, Damage::Frame { expected, damage: FrameDamage::CutShort });
    }
}

#[test]
fn a_missing_segment_or_frame_is_corrupt() {
    let gap = |expected, found| Damage::Gap {
        expected: Sequence::new(expected),
        found: Sequence::new(found),
    };
    let disk = disk_with(&[(1, segment_of(1, 3)), (7, segment_of(7, 8))]);
    assert_eq!(assert_corrupt(&disk, &path(7), 0), gap(4, 7));
    let disk = disk_with(&[(1, header(1)), (2, segment_of(2, 3))]);
    assert_eq!(assert_corrupt(&disk, &path(2), 0), gap(1, 2));
    let disk = disk_with(&[(1, [header(1), frame(1), frame(3)].concat())]);
    let offset = HEADER_BYTES + frame(1).len() as u64;
    let damage = FrameDamage::Sequence { found: Sequence::new(3) };
    assert_eq!(
        assert_corrupt(&disk, &path(1), offset),
        Damage::Frame { expected: Sequence::new(2), damage }
    );
    // An unfinished segment that does not follow what is there.
    let disk = disk_with(&[(1, segment_of(1, 3)), (7, Vec::new())]);
    assert_eq!(assert_corrupt(&disk, &path(7), 0), Damage::Header(HeaderDamage::CutShort));
    let disk = disk_with(&[(7, Vec::new())]);
    assert_eq!(assert_corrupt(&disk, &path(7), 0), gap(1, 7));
    disk.put(&Path::new(DIR).join(start_name(Sequence::new(7))), &[]);
    assert_eq!(assert_corrupt(&disk, &path(7), 0), Damage::Header(HeaderDamage::CutShort));
}

#[test]
fn a_segment_that_does_not_belong_there_is_corrupt() {
    let mut other = segment_of(4, 5);
    other[12] ^= 1;
    let checksum = crc32c::crc32c(&other[..40]).to_le_bytes();
    other[40..44].copy_from_slice(&checksum);
    let disk = disk_with(&[(1, segment_of(1, 3)), (4, other)]);
    assert!(matches!(assert_corrupt(&disk, &path(4), 0), Damage::OtherLog { .. }));
    let disk = disk_with(&[(1, segment_of(1, 3)), (4, segment_of(5, 6))]);
    let found = Sequence::new(5);
    assert_eq!(assert_corrupt(&disk, &path(4), 0), Damage::OtherName { found });
}

#[test]
fn a_damaged_header_is_corrupt() {
    let mut bytes = segment_of(1, 2);
    bytes[0] ^= 1;
    let disk = disk_with(&[(1, bytes)]);
    assert_eq!(assert_corrupt(&disk, &path(1), 0), Damage::Header(HeaderDamage::Magic));
}

#[rstest]
#[case::version(8, 2, "format version 2")]
#[case::payload_format(10, 5, "payload format 5")]
fn a_segment_of_a_newer_version_is_left_alone(
    #[case] place: usize,
    #[case] value: u8,
    #[case] named: &str,
) {
    // Also one without frames, which is no torn creation.
    for frames in [Vec::new(), frame(1)] {
        let mut newer = [header(1), frames].concat();
        newer[place] = value;
        let checksum = crc32c::crc32c(&newer[..40]).to_le_bytes();
        newer[40..44].copy_from_slice(&checksum);
        let disk = disk_with(&[(1, newer.clone())]);
        let error = open(&disk).unwrap_err();
        assert!(matches!(error, OpenError::Newer(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains("a newer Daybook") && text.contains(named), "{text}");
        assert!(!text.contains("repair") && !text.contains("corrupt"), "{text}");
        assert_eq!(disk.contents(&path(1)), newer);
        assert_eq!(disk.list(Path::new(DIR)).unwrap().len(), 1);
    }
}

#[rstest]
#[case(SimOp::Read)]
#[case(SimOp::Open)]
#[case(SimOp::Create)]
#[case(SimOp::Write)]
#[case(SimOp::Sync)]
#[case(SimOp::SyncDir)]
#[case(SimOp::SetLen)]
fn a_failing_disk_cuts_nothing_and_is_no_corruption(#[case] op: SimOp) {
    let torn = segment_of(1, 3)[..segment_of(1, 3).len() - 1].to_vec();
    let disk = disk_with(&[(1, torn.clone())]);
    disk.fail(op, 1);
    let error = open(&disk).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    assert_eq!(disk.contents(&path(1)), torn);
    assert_eq!(open(&disk).unwrap(), 2);
}

#[test]
fn a_full_disk_is_told_apart() {
    let disk = SimDisk::new(1);
    disk.fill_up(10);
    let error = open(&disk).unwrap_err();
    assert!(matches!(error, OpenError::Full { .. }), "{error}");
    disk.heal();
    assert_eq!(open(&disk).unwrap(), 0);
    assert_eq!(disk.list(Path::new(DIR)).unwrap().len(), 1, "nothing is left of the attempt");
}

#[test]
fn a_torn_tail_on_a_full_disk_is_cut_first_and_then_kept() {
    let whole = segment_of(1, 3);
    let cut_at = segment_of(1, 2).len();
    let disk = disk_with(&[(1, whole[..whole.len() - 1].to_vec())]);
    disk.fill_up(0);
    assert_eq!(open(&disk).unwrap(), 2);
    let kept = path(1).with_extension(format!("log.torn-{cut_at}"));
    assert_eq!(disk.contents(&kept), whole[cut_at..whole.len() - 1]);
    // Somebody else takes the room at once.
    let disk = disk_with(&[(1, whole[..whole.len() - 1].to_vec())]);
    disk.fill_up(0);
    disk.put(Path::new("/other"), &[0; 1000]);
    assert_eq!(open(&disk).unwrap(), 2);
    assert_eq!(disk.list(Path::new(DIR)).unwrap().len(), 1);
    disk.crash();
    assert_eq!(open(&disk).unwrap(), 2);
}

#[test]
fn an_undecodable_payload_is_a_fault_that_does_not_quote_it() {
    let mut bytes = header(1);
    push_frame(&mut bytes, SALT, Sequence::FIRST, Sequence::ZERO, b"\"a secret\"");
    let disk = disk_with(&[(1, bytes)]);
    let mut fault: Option<Fault> = None;
    survey(&disk, Path::new(DIR), Sequence::FIRST, &mut |visit| {
        fault = visit.submission().err();
        ControlFlow::Continue(())
    })
    .unwrap();
    let fault = fault.unwrap();
    assert_eq!(fault.offset, HEADER_BYTES);
    assert!(!fault.to_string().contains("secret"), "{fault}");
}
