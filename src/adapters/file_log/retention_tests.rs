//! The beginning of a log that nobody needs is given up, and nothing else.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rstest::rstest;

use super::copy::LogCopy;
use super::disk::{Disk, SimDisk};
use super::failure::OpenError;
use super::name::{SegmentName, start_name};
use super::reader::Reader;
use super::recovery::recover;
use super::repair::{Repair, RepairError};
use super::survey::survey;
use super::writer::Writer;
use super::{FileLogOptions, PayloadFormat, Retention};
use crate::domain::{Sequence, Submission};
use crate::ports::contract::command_log::submission;
use crate::ports::{LogError, ReadLimit};

const DIR: &str = "/log";
const ALL: ReadLimit = ReadLimit { max_commands: 99, max_bytes: u64::MAX };

fn start() -> DateTime<Utc> {
    "2026-11-26T00:00:00Z".parse().unwrap()
}

/// Accepted that many hours after the start.
fn accepted(number: u64) -> Submission {
    let hours = i64::try_from(number).unwrap();
    Submission { accepted_at: start() + TimeDelta::hours(hours), ..submission(number) }
}

fn open(disk: &SimDisk, retention: Retention) -> Result<Writer, OpenError> {
    let options = FileLogOptions { segment_bytes: 1, retention, ..FileLogOptions::default() };
    recover(Arc::new(disk.clone()), Path::new(DIR), options)
}

/// A log of nine commands, each in a segment of its own.
fn disk() -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    let mut writer = open(&disk, Retention::All).unwrap();
    for number in 1..=9 {
        writer.commit(&[PayloadFormat::Cbor.encode(&accepted(number)).unwrap()]).unwrap();
    }
    disk
}

fn numbers(disk: &SimDisk) -> Vec<u64> {
    let mut numbers = Vec::new();
    survey(disk, Path::new(DIR), Sequence::FIRST, &mut |visit| {
        assert_eq!(visit.submission().unwrap(), accepted(visit.sequence().get()));
        numbers.push(visit.sequence().get());
        ControlFlow::Continue(())
    })
    .unwrap();
    numbers
}

fn hours(hours: u64) -> Retention {
    Retention::Age(Duration::from_secs(hours * 3600))
}

#[rstest]
#[case::all(Retention::All, 9, 1)]
#[case::nothing_is_released(Retention::Bytes(1), 0, 1)]
#[case::as_far_as_released(Retention::Bytes(1), 4, 5)]
#[case::the_last_segment_stays(Retention::Bytes(1), 9, 9)]
#[case::enough_bytes_stay(Retention::Bytes(u64::MAX), 9, 1)]
// At hour 12; the command after those that go is older.
#[case::young_ones_stay(hours(5), 9, 6)]
#[case::all_are_young(hours(12), 9, 1)]
#[case::all_are_old(hours(1), 9, 9)]
#[case::old_and_needed(hours(1), 2, 3)]
#[case::an_age_before_all_times(Retention::Age(Duration::MAX), 9, 1)]
fn whole_segments_go(#[case] retention: Retention, #[case] upto: u64, #[case] first: u64) {
    let disk = disk();
    let mut writer = open(&disk, retention).unwrap();
    let before = writer.shared.published().last;
    let now = start() + TimeDelta::hours(12);
    let released = writer.release(Sequence::new(upto), now).unwrap();
    assert_eq!(released, Sequence::new(first));
    assert_eq!(numbers(&disk), (first..=9).collect::<Vec<_>>());
    // Readers are told, and find the rest where it was.
    let reader = Reader::new(Arc::new(disk.clone()), Arc::clone(&writer.shared));
    assert_eq!(writer.shared.index().first(), released);
    assert_eq!(reader.read(released, ALL).unwrap().len() as u64, 10 - first);
    assert_eq!(reader.locate(Sequence::new(9)).unwrap(), before);
    let (start, one) = (reader.locate(released.previous()), reader.locate(released));
    assert!(start.unwrap().end < one.unwrap().end);
    if first > 1 {
        let gone = reader.read(released.previous(), ALL);
        assert!(matches!(gone, Err(LogError::BeforeFirst { .. })), "{gone:?}");
    }
    // So does the next start, and the log goes on.
    writer.commit(&[PayloadFormat::Cbor.encode(&accepted(10)).unwrap()]).unwrap();
    drop(writer);
    let again = open(&disk, retention).unwrap();
    assert_eq!(again.shared.index().first(), released);
    assert_eq!(numbers(&disk), (first..=10).collect::<Vec<_>>());
}

#[test]
fn by_size_at_least_so_much_is_kept() {
    let disk = disk();
    let mut writer = open(&disk, Retention::All).unwrap();
    let sizes: Vec<u64> = {
        let index = writer.shared.index();
        index.segments().iter().map(|segment| segment.base).collect()
    };
    let end = writer.shared.published().last.end;
    writer.options.retention = Retention::Bytes(end - sizes[3]);
    assert_eq!(writer.release(Sequence::new(9), start()).unwrap(), Sequence::new(4));
    writer.options.retention = Retention::Bytes(end - sizes[6] + 1);
    assert_eq!(writer.release(Sequence::new(9), start()).unwrap(), Sequence::new(6));
    let names = disk.list(Path::new(DIR)).unwrap();
    let starts: Vec<_> = names.iter().filter(|name| name.ends_with(".first")).collect();
    assert_eq!(starts, [&start_name(Sequence::new(6))], "only the last one counts");
}

#[test]
fn a_beginning_that_was_not_given_up_is_missed() {
    let path =
        |first| Path::new(DIR).join(SegmentName::of_commands(Sequence::new(first)).to_string());
    let refused = |disk: &SimDisk| match open(disk, Retention::All) {
        Err(OpenError::Corrupt(fault)) => fault.to_string(),
        opened => panic!("{:?}", opened.map(drop)),
    };
    for given_up in [0, 3] {
        let disk = disk();
        let mut writer = open(&disk, Retention::Bytes(1)).unwrap();
        writer.release(Sequence::new(given_up), start()).unwrap();
        drop(writer);
        disk.remove(&path(given_up + 1)).unwrap();
        let told = refused(&disk);
        assert!(told.contains(&format!("{} comes next", given_up + 1)), "{told}");
        let repair = Repair::plan(&disk, Path::new(DIR), start()).unwrap();
        let lost = Sequence::new(given_up + 1);
        assert_eq!(repair.lost, [(lost, lost)]);
        repair.apply(&disk, Path::new(DIR), start()).unwrap();
        assert_eq!(numbers(&disk), (given_up + 2..=9).collect::<Vec<_>>());
        assert!(Repair::plan(&disk, Path::new(DIR), start()).unwrap().is_needless());
        open(&disk, Retention::All).unwrap();
    }
    // All of them.
    let disk = disk();
    let mut writer = open(&disk, Retention::Bytes(1)).unwrap();
    writer.release(Sequence::new(9), start()).unwrap();
    drop(writer);
    disk.remove(&path(9)).unwrap();
    let told = refused(&disk);
    assert!(told.contains("the segment that starts with command 9 is missing"), "{told}");
    let plan = Repair::plan(&disk, Path::new(DIR), start());
    assert!(matches!(plan, Err(RepairError::NoSegment(_))), "{plan:?}");
}

#[test]
fn a_copy_starts_where_the_log_does() {
    let disk = disk();
    let mut writer = open(&disk, Retention::Bytes(1)).unwrap();
    writer.release(Sequence::new(4), start()).unwrap();
    drop(writer);
    let to = SimDisk::new(2);
    to.create_dir_all(Path::new(DIR)).unwrap();
    let mut copy = LogCopy::new(&to, Path::new(DIR), PayloadFormat::Json);
    let found = survey(&disk, Path::new(DIR), Sequence::FIRST, &mut |visit| {
        copy.take(&visit).unwrap();
        ControlFlow::Continue(())
    });
    copy.finish(&found.unwrap().segments).unwrap();
    assert_eq!(numbers(&to), (5..=9).collect::<Vec<_>>());
    to.remove(&Path::new(DIR).join(start_name(Sequence::new(5)))).unwrap();
    assert!(open(&to, Retention::All).is_err());
}
