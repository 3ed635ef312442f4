//! At every step one of the two logs is there.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rstest::rstest;
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::disk::OsDisk;
use super::successor::{Successor, UNFINISHED, settle};
use super::{FileLog, FileLogOptions, LOG_FOLDER, PayloadFormat};
use crate::domain::{LogId, Sequence, Submission};
use crate::ports::contract::command_log::submission;
use crate::ports::{CommandLog, ReadLimit};

const ALL: ReadLimit = ReadLimit { max_commands: 1_000, max_bytes: u64::MAX };

fn open(data_dir: &Path) -> FileLog {
    settle(&OsDisk, data_dir).unwrap();
    let options = FileLogOptions::default();
    FileLog::open(Arc::new(OsDisk), &data_dir.join(LOG_FOLDER), options).unwrap()
}

fn contents(data_dir: &Path) -> (LogId, Vec<Submission>) {
    let log = open(data_dir);
    let runtime = Builder::new_current_thread().build().unwrap();
    let entries = runtime.block_on(log.read(Sequence::FIRST, ALL)).unwrap();
    (log.id(), entries.into_iter().map(|entry| entry.submission).collect())
}

/// A data folder with a log, and the id of that.
fn data_dir() -> (TempDir, LogId) {
    let data_dir = TempDir::new().unwrap();
    let log = contents(data_dir.path()).0;
    (data_dir, log)
}

/// A successor of so many commands in segments of that size.
fn made(data_dir: &Path, commands: u64, segment_bytes: u64) -> (LogId, String) {
    let unfinished = data_dir.join(UNFINISHED);
    let format = PayloadFormat::Cbor;
    let successor = Successor::new(&OsDisk, data_dir, &unfinished, format, segment_bytes);
    let mut successor = successor.unwrap();
    for number in 1..=commands {
        successor.push(&submission(number)).unwrap();
    }
    let id = successor.id();
    let before = successor.take_over("2026-11-26T03:00:00Z".parse().unwrap()).unwrap();
    (id, before.file_name().unwrap().to_str().unwrap().to_owned())
}

#[rstest]
#[case::nothing(0, u64::MAX)]
#[case::one_segment(5, u64::MAX)]
#[case::segments(40, 1_000)]
fn it_takes_the_place_of_the_old_log(#[case] commands: u64, #[case] segment_bytes: u64) {
    let (data_dir, old) = data_dir();
    let (new, before) = made(data_dir.path(), commands, segment_bytes);
    assert_ne!(old, new);
    assert_eq!(before, "log.before-20261126T030000000Z");
    let expected: Vec<Submission> = (1..=commands).map(submission).collect();
    assert_eq!(contents(data_dir.path()), (new, expected));
    let segments = fs::read_dir(data_dir.path().join(LOG_FOLDER)).unwrap();
    let segments = segments.filter(|file| {
        file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "log")
    });
    assert_eq!(segments.count() > 1, segment_bytes == 1_000);
    // The old one is whole.
    let kept =
        FileLog::open(Arc::new(OsDisk), &data_dir.path().join(before), FileLogOptions::default());
    assert_eq!(kept.unwrap().id(), old);
}

/// The states between the steps, by what a process that dies there leaves.
#[test]
fn a_crash_at_any_step_leaves_one_of_the_two() {
    let (data_dir, old) = data_dir();
    let path = |name: &str| data_dir.path().join(name);
    // In step 1.
    fs::create_dir(path(UNFINISHED)).unwrap();
    fs::write(path(UNFINISHED).join("00000000000000000001.log"), "half").unwrap();
    assert_eq!(contents(data_dir.path()).0, old);
    // After step 2; the old one goes on, and the next attempt starts over.
    let (stale, before) = made(data_dir.path(), 3, u64::MAX);
    fs::rename(path(LOG_FOLDER), path("log.next")).unwrap();
    fs::rename(path(&before), path(LOG_FOLDER)).unwrap();
    assert_eq!(contents(data_dir.path()).0, old);
    let (new, before) = made(data_dir.path(), 2, u64::MAX);
    assert_ne!(new, stale);
    // After step 3.
    fs::rename(path(LOG_FOLDER), path("log.next")).unwrap();
    assert_eq!(contents(data_dir.path()), (new, vec![submission(1), submission(2)]));
    assert!(path(&before).exists() && !path("log.next").exists());
}
