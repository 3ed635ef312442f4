//! Reading on beside the process that writes.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::disk::{Disk, OsDisk};
use super::follow::{Bookmark, Follower, ReadOn};
use super::survey::survey;
use super::{FileLog, FileLogOptions, ReadFault};
use crate::domain::Sequence;
use crate::ports::CommandLog;
use crate::ports::contract::command_log::submission;

fn open(dir: &Path) -> FileLog {
    let options = FileLogOptions { segment_bytes: 1000, ..FileLogOptions::default() };
    FileLog::open(Arc::new(OsDisk), dir, options).unwrap()
}

async fn append(log: &FileLog, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        log.append(submission(number)).await.unwrap();
    }
}

/// Surveys what there is and goes on behind it.
fn follow(dir: &Path) -> Follower {
    let mut last: Option<Bookmark> = None;
    let surveyed = survey(&OsDisk, dir, Sequence::FIRST, &mut |visit| {
        last = Some(visit.bookmark());
        ControlFlow::Continue(())
    });
    Follower::behind(dir, &surveyed.unwrap(), last)
}

/// What the next look shows.
fn look(follower: &mut Follower) -> (Vec<u64>, Result<ReadOn, ReadFault>) {
    let mut shown = Vec::new();
    let read = follower.read_on(&OsDisk, &mut |visit| {
        visit.submission().unwrap();
        shown.push(visit.sequence().get());
        ControlFlow::Continue(())
    });
    (shown, read)
}

#[track_caller]
fn shows(follower: &mut Follower, expected: impl IntoIterator<Item = u64>) {
    let (shown, read) = look(follower);
    assert_eq!(read.unwrap(), ReadOn::CaughtUp);
    assert_eq!(shown, expected.into_iter().collect::<Vec<_>>());
}

fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut names = OsDisk.list(dir).unwrap();
    names.retain(|name| super::name::SegmentName::parse(name).is_some());
    names.sort();
    names.into_iter().map(|name| dir.join(name)).collect()
}

#[tokio::test]
async fn every_command_is_shown_once_over_the_ends_of_segments() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut follower = follow(dir.path());
    shows(&mut follower, []);
    append(&log, 1..=3).await;
    shows(&mut follower, 1..=3);
    shows(&mut follower, []);
    let before = segments(dir.path()).len();
    append(&log, 4..=20).await;
    assert!(segments(dir.path()).len() > before + 2);
    shows(&mut follower, 4..=20);
    for number in 21..=40 {
        append(&log, [number]).await;
        shows(&mut follower, [number]);
    }
    // One that starts now goes on from here.
    let mut late = follow(dir.path());
    append(&log, [41]).await;
    shows(&mut late, [41]);
    shows(&mut follower, [41]);
}

#[tokio::test]
async fn the_visitor_may_stop() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut follower = follow(dir.path());
    append(&log, 1..=9).await;
    let stopped = follower.read_on(&OsDisk, &mut |visit| {
        if visit.sequence().get() < 7 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert_eq!(stopped.unwrap(), ReadOn::Stopped);
    shows(&mut follower, 8..=9);
}

/// Every moment of a write: the files grow byte by byte.
#[tokio::test]
async fn only_complete_frames_are_shown() {
    let (dir, growing) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = open(dir.path());
    append(&log, 1..=9).await;
    let files = segments(dir.path());
    assert!(files.len() > 1);
    let mut follower: Option<Follower> = None;
    let mut all = Vec::new();
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let target = growing.path().join(file.file_name().unwrap());
        for end in 0..=bytes.len() {
            fs::write(&target, &bytes[..end]).unwrap();
            let follower = follower.get_or_insert_with(|| follow(growing.path()));
            let (shown, read) = look(follower);
            assert_eq!(read.unwrap(), ReadOn::CaughtUp);
            assert!(shown.len() <= 1, "{shown:?}");
            all.extend(shown);
        }
    }
    assert_eq!(all, (1..=9).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_was_taken_back_is_told_and_what_is_in_its_place_shown() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    append(&log, [1]).await;
    let first = fs::read(&segments(dir.path())[0]).unwrap();
    append(&log, [2]).await;
    let mut follower = follow(dir.path());
    log.close().await.unwrap();
    drop(log);
    fs::write(&segments(dir.path())[0], first).unwrap();
    // A command of the same length in its place, and one behind it: the file is
    // longer than before.
    let log = open(dir.path());
    append(&log, [3, 4]).await;
    let (shown, read) = look(&mut follower);
    assert_eq!((shown, read.unwrap()), (vec![], ReadOn::TakenBack(Sequence::new(2))));
    shows(&mut follower, 1..=3);
    shows(&mut follower, []);
}

#[tokio::test]
async fn damage_is_told_when_it_is_still_there_at_the_next_look() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    append(&log, [1]).await;
    let mut follower = follow(dir.path());
    append(&log, 2..=20).await;
    let file = &segments(dir.path())[1];
    let sound = fs::read(file).unwrap();
    let mut bytes = sound.clone();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(file, &bytes).unwrap();
    let (before, read) = look(&mut follower);
    assert_eq!(read.unwrap(), ReadOn::CaughtUp, "it may be a write under way");
    let (none, read) = look(&mut follower);
    assert!(matches!(read, Err(ReadFault::Damaged(ref fault)) if fault.file == *file), "{read:?}");
    assert_eq!(none, [0; 0]);
    fs::write(file, &sound).unwrap();
    let (after, read) = look(&mut follower);
    read.unwrap();
    assert_eq!([before, after].concat(), (2..=20).collect::<Vec<_>>());
}
