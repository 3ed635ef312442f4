//! A snapshot in the place of segments: read, damaged, stopped half way.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rstest::rstest;

use super::disk::{Disk, SimDisk};
use super::failure::OpenError;
use super::fault::ReadFault;
use super::follow::{Follower, ReadOn};
use super::reader::Reader;
use super::recovery::recover;
use super::repair::{Repair, RepairError};
use super::snapshot::Snapshot;
use super::survey::{Survey, survey};
use super::{FileLogOptions, PayloadFormat};
use crate::domain::{Command, Sequence, Submission};
use crate::ports::contract::command_log::submission;
use crate::ports::{LogError, ReadLimit};

const DIR: &str = "/log";
const ALL: ReadLimit = ReadLimit { max_commands: 99, max_bytes: u64::MAX };
const SNAPSHOT: &str = "00000000000000000001-00000000000000000006.log";

fn options(format: PayloadFormat) -> FileLogOptions {
    FileLogOptions { format, segment_bytes: 1, ..FileLogOptions::default() }
}

/// Segments of three commands: 1 to 3, 4 to 6, 7 to 9.
fn disk(format: PayloadFormat) -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    let mut writer = recover(Arc::new(disk.clone()), Path::new(DIR), options(format)).unwrap();
    for first in [1, 4, 7] {
        let payload = |number| format.encode(&submission(number)).unwrap();
        writer.commit(&[payload(first), payload(first + 1), payload(first + 2)]).unwrap();
    }
    disk
}

fn read(disk: &SimDisk) -> Result<(Survey, Vec<(u64, u64)>), ReadFault> {
    let mut found = Vec::new();
    let survey = survey(disk, Path::new(DIR), Sequence::FIRST, &mut |visit| {
        assert_eq!(
            visit.submission().unwrap().command.note_id(),
            kept(visit.sequence().get()).1.command.note_id()
        );
        found.push((visit.first().get(), visit.sequence().get()));
        ControlFlow::Continue(())
    })?;
    Ok((survey, found))
}

fn kept(seq: u64) -> (Sequence, Submission) {
    (Sequence::new(seq), submission(seq))
}

/// Keeps these of the commands up to the last of them.
fn compact(disk: &SimDisk, format: PayloadFormat, kept: &[u64]) -> PathBuf {
    let log = read(disk).unwrap().0.log().unwrap();
    let through = Sequence::new(*kept.last().unwrap());
    let mut snapshot = Snapshot::new(disk, Path::new(DIR), log, format, through).unwrap();
    let entries = || kept.iter().map(|seq| self::kept(*seq));
    for (seq, what) in entries() {
        snapshot.push(seq, &what).unwrap();
    }
    snapshot.take_over(entries()).unwrap().path
}

fn names(disk: &SimDisk) -> Vec<String> {
    let mut names = disk.list(Path::new(DIR)).unwrap();
    names.retain(|name| name.contains(".log"));
    names.sort_unstable();
    names
}

#[rstest]
fn it_is_read_in_the_place_of_what_it_stands_for(
    #[values(
        PayloadFormat::Json,
        PayloadFormat::Cbor,
        PayloadFormat::Bincode,
        PayloadFormat::MessagePack
    )]
    format: PayloadFormat,
) {
    let disk = disk(format);
    let path = compact(&disk, format, &[2, 6]);
    assert_eq!(path, Path::new(DIR).join(SNAPSHOT));
    assert_eq!(names(&disk), [SNAPSHOT, "00000000000000000007.log"]);
    let expected = [(1, 2), (3, 6), (7, 7), (8, 8), (9, 9)];
    assert_eq!(read(&disk).unwrap().1, expected);

    let mut writer = recover(Arc::new(disk.clone()), Path::new(DIR), options(format)).unwrap();
    writer.commit(&[format.encode(&submission(10)).unwrap()]).unwrap();
    let reader = Reader::new(Arc::new(disk.clone()), Arc::clone(&writer.shared));
    for (from, first) in [(1, 2), (2, 2), (3, 6), (6, 6), (7, 7), (10, 10)] {
        let found = reader.read(Sequence::new(from), ALL).unwrap();
        assert_eq!(found[0].seq().get(), first, "{from}");
        assert_eq!(
            found.iter().map(|entry| entry.commands()).sum::<u64>(),
            11 - found[0].first.get()
        );
        assert_eq!(found.last().unwrap().seq().get(), 10);
    }
    assert_eq!(writer.shared.index().first(), Sequence::FIRST);
    assert_eq!(writer.shared.index().compacted(), Sequence::new(6));
    let gone = reader.locate(Sequence::new(4));
    assert!(
        matches!(gone, Err(LogError::Compacted { through, .. }) if through.get() == 6),
        "{gone:?}"
    );
    assert!(
        reader.locate(Sequence::new(6)).unwrap().end > reader.locate(Sequence::new(2)).unwrap().end
    );
    drop(writer);

    // A later compaction takes the snapshot with it.
    compact(&disk, format, &[2, 7, 9]);
    assert_eq!(read(&disk).unwrap().1, [(1, 2), (3, 7), (8, 9), (10, 10)]);
    assert_eq!(names(&disk).len(), 2);
}

/// One may be the last segment, when the one behind it was lost.
#[rstest]
fn whatever_is_wrong_with_it_is_found(#[values(true, false)] is_last: bool) {
    let format = PayloadFormat::Cbor;
    let made = disk(format);
    let path = compact(&made, format, &[2, 6]);
    if is_last {
        made.remove(&Path::new(DIR).join("00000000000000000007.log")).unwrap();
    }
    let bytes = made.contents(&path);
    let refused = |bytes: &[u8]| {
        made.put(&path, bytes);
        let found = recover(Arc::new(made.clone()), Path::new(DIR), options(format)).map(drop);
        assert!(matches!(found, Err(OpenError::Corrupt(_) | OpenError::Newer(_))), "{found:?}");
        assert_eq!(made.contents(&path), bytes, "nothing is cut");
    };
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        refused(&flipped);
    }
    for end in 0..bytes.len() {
        refused(&bytes[..end]);
    }
    refused(&[&bytes[..], &[0]].concat());
    // By a name that tells of other commands, or of none that were compacted.
    made.put(&path, &bytes);
    for name in ["00000000000000000001-00000000000000000005.log", "00000000000000000001.log"] {
        let other = Path::new(DIR).join(name);
        made.rename(&path, &other).unwrap();
        assert!(read(&made).is_err(), "{name}");
        made.rename(&other, &path).unwrap();
    }
    let whole = read(&made).map(drop);
    if is_last {
        let told = whole.unwrap_err().to_string();
        assert!(told.contains("starts with command 7 is missing"), "{told}");
        let plan = Repair::plan(&made, Path::new(DIR), chrono::DateTime::UNIX_EPOCH);
        assert!(matches!(plan, Err(RepairError::NoSegment(_))), "{plan:?}");
    } else {
        whole.unwrap();
    }
}

#[test]
fn damage_to_it_is_repaired() {
    let format = PayloadFormat::Json;
    let now = chrono::DateTime::UNIX_EPOCH;
    let (made, size) = (disk(format), |seq| 24 + format.encode(&submission(seq)).unwrap().len());
    let path = compact(&made, format, &[2, 4, 6]);
    let bytes = made.contents(&path);
    let ends = [44 + size(2), 44 + size(2) + size(4), bytes.len()];
    // A bit of each frame; and the last two cut off.
    let lost = [(44, vec![(1, 2)]), (ends[0], vec![(3, 4)]), (ends[1], vec![(5, 6)])];
    for (start, lost) in lost {
        let mut flipped = bytes.clone();
        flipped[start + 25] ^= 1;
        repaired(&made, &path, &flipped, &lost, now);
    }
    repaired(&made, &path, &bytes[..ends[0]], &[(3, 6)], now);
    let mut headless = bytes.clone();
    headless[..12].fill(7);
    repaired(&made, &path, &headless, &[], now);
}

#[track_caller]
fn repaired(
    disk: &SimDisk,
    path: &Path,
    damaged: &[u8],
    lost: &[(u64, u64)],
    now: chrono::DateTime<chrono::Utc>,
) {
    disk.put(path, damaged);
    assert!(read(disk).is_err());
    let repair = Repair::plan(disk, Path::new(DIR), now).unwrap();
    let told: Vec<_> = repair.lost.iter().map(|(a, b)| (a.get(), b.get())).collect();
    assert_eq!(told, lost);
    let kept = repair.apply(disk, Path::new(DIR), now).unwrap();
    let mut found = Vec::new();
    survey(disk, Path::new(DIR), Sequence::FIRST, &mut |visit| {
        let is_lost = visit.submission().unwrap().command == Command::Lost;
        let range = (visit.first().get(), visit.sequence().get());
        assert_eq!(is_lost, lost.contains(&range), "{range:?}");
        found.push(range.1);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(found.last(), Some(&9));
    let kept = kept.join(path.file_name().unwrap());
    assert_eq!(disk.contents(&kept), damaged);
    disk.remove(&kept).unwrap();
}

#[test]
fn what_a_stopped_compaction_left_is_not_read_and_goes_at_the_next_start() {
    let format = PayloadFormat::Cbor;
    let disk = disk(format);
    let old: Vec<_> = [1, 4].map(|first| format!("{first:020}.log")).into();
    let bytes: Vec<_> = old.iter().map(|name| disk.contents(&Path::new(DIR).join(name))).collect();
    compact(&disk, format, &[6]);
    for (name, bytes) in old.iter().zip(&bytes) {
        disk.put(&Path::new(DIR).join(name), bytes);
    }
    let unfinished = "00000000000000000001-00000000000000000009.log.new";
    disk.put(&Path::new(DIR).join(unfinished), b"half");
    assert_eq!(names(&disk).len(), 5);
    let expected = [(1, 6), (7, 7), (8, 8), (9, 9)];
    let (found, commands) = read(&disk).unwrap();
    assert_eq!(commands, expected);
    let mut follower = Follower::behind(Path::new(DIR), &found, None);
    let mut shown = 0;
    let read_on = follower.read_on(&disk, &mut |_| {
        shown += 1;
        ControlFlow::Continue(())
    });
    assert_eq!((read_on.unwrap(), shown), (ReadOn::CaughtUp, 3));
    drop(recover(Arc::new(disk.clone()), Path::new(DIR), options(format)).unwrap());
    assert_eq!(names(&disk), [SNAPSHOT, "00000000000000000007.log"]);
    assert_eq!(read(&disk).unwrap().1, expected);
}
