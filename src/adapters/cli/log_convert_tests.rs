//! Writing the log anew in another format.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use rstest::rstest;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::log_compare::{Compared, compare};
use super::log_tests::{Ran, hold_lock, run, segment, snapshot, ten, write};
use super::{Finding, LogCommandError};
use crate::adapters::file_log::disk::OsDisk;
use crate::adapters::file_log::survey::survey;
use crate::adapters::file_log::{FileLogOptions, PayloadFormat};
use crate::domain::{Sequence, Submission};
use crate::ports::CommandLog;
use crate::ports::contract::command_log::submission;

fn convert(data_dir: &Path, to: PayloadFormat, into: &Path) -> Ran {
    run(data_dir, &format!("convert --json --to {to} --into {}", into.display()))
}

/// Nothing was made of the new log.
#[track_caller]
fn assert_nothing(into: &Path) {
    assert!(!into.exists(), "{:?}", fs::read_dir(into).unwrap().collect::<Vec<_>>());
}

#[rstest]
#[tokio::test]
async fn every_format_becomes_every_other(
    #[values("json", "cbor", "bincode", "messagepack")] from: PayloadFormat,
    #[values("json", "cbor", "bincode", "messagepack")] to: PayloadFormat,
) {
    let dir = tempfile::tempdir().unwrap();
    let options = FileLogOptions { format: from, segment_bytes: 1000, ..Default::default() };
    let log = write(dir.path(), options, (1..=10).map(submission)).await;
    let id = log.id();
    log.close().await.unwrap();
    let into = dir.path().join("deep/new");
    let done = convert(dir.path(), to, &into).found(Finding::Sound).json();
    assert_eq!(done["finding"], json!("equal"));
    assert_eq!(done["log_id"], json!(id.to_string()));
    assert_eq!((&done["commands"], &done["last"]), (&json!(10), &json!(10)));
    assert_eq!(done["source"]["formats"], json!([from.name()]));
    assert_eq!(done["target"]["formats"], json!([to.name()]));
    assert_eq!(done["source"]["sha256"], done["target"]["sha256"]);
    // The digest is one that anybody can compute.
    let printed = run(dir.path(), "cat").out;
    assert_eq!(run(&into, "cat").out, printed);
    assert_eq!(done["source"]["sha256"], json!(format!("{:x}", Sha256::digest(&printed))));
    run(&into, "verify").found(Finding::Sound);
    let names = |data_dir| -> Vec<_> {
        let logs = |p: &std::path::PathBuf| p.extension() == Some("log".as_ref());
        let files = snapshot(data_dir).into_keys().filter(logs);
        files.map(|p| p.file_name().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&into), names(dir.path()));
    // It is a log like any other.
    let options = FileLogOptions { format: to, ..options };
    let log = write(&into, options, [submission(11)]).await;
    assert_eq!((log.id(), log.positions().last.seq.get()), (id, 11));
}

#[tokio::test]
async fn a_mixed_log_with_an_empty_end_becomes_one_of_one_format() {
    let dir = tempfile::tempdir().unwrap();
    for (number, format) in (1..).zip(PayloadFormat::ALL) {
        let options = FileLogOptions { format, ..Default::default() };
        write(dir.path(), options, [submission(number)]).await.close().await.unwrap();
    }
    write(dir.path(), FileLogOptions::default(), []).await.close().await.unwrap();
    let into = dir.path().join("new");
    let done = convert(dir.path(), PayloadFormat::Json, &into).found(Finding::Sound).json();
    assert_eq!(done["source"]["formats"], json!(["json", "cbor", "bincode", "messagepack"]));
    assert_eq!(done["target"]["formats"], json!(["json"]));
    assert_eq!(done["target"]["segments"], json!(5));
    assert_eq!(run(&into, "status --json").json()["last"], json!(4));
}

#[tokio::test]
async fn a_log_without_commands_keeps_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let id = write(dir.path(), FileLogOptions::default(), []).await.id();
    let into = dir.path().join("new");
    let done = convert(dir.path(), PayloadFormat::Bincode, &into).found(Finding::Sound).json();
    assert_eq!((&done["commands"], &done["log_id"]), (&json!(0), &json!(id.to_string())));
    let log = write(&into, FileLogOptions::default(), []).await;
    assert_eq!(log.id(), id);
}

#[tokio::test]
async fn a_damaged_log_is_refused_by_file_and_offset() {
    let dir = ten().await;
    let path = segment(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    let into = dir.path().join("new");
    let told = convert(dir.path(), PayloadFormat::Json, &into).found(Finding::Damaged).json();
    assert_eq!(told["finding"], json!("damaged"));
    assert_eq!((&told["file"], &told["offset"]), (&json!(path), &json!(44)));
    assert_nothing(&into);
    let line = format!("convert --to json --into {}", into.display());
    let text = run(dir.path(), &line);
    assert!(text.found(Finding::Damaged).out.contains("at byte 44"), "{}", text.out);
}

#[tokio::test]
async fn a_folder_that_is_not_empty_is_refused() {
    let dir = ten().await;
    let into = dir.path().join("new");
    fs::create_dir_all(into.join("log.unfinished")).unwrap();
    let error = convert(dir.path(), PayloadFormat::Json, &into).result.unwrap_err();
    assert!(matches!(error, LogCommandError::NotEmpty(_)), "{error}");
    assert!(error.to_string().contains("log.unfinished"), "{error}");
    assert!(into.join("log.unfinished").exists());
    fs::remove_dir(into.join("log.unfinished")).unwrap();
    convert(dir.path(), PayloadFormat::Json, &into).found(Finding::Sound);
}

#[tokio::test]
async fn the_folder_of_the_log_itself_is_refused() {
    let dir = ten().await;
    let into = dir.path().join("log/a/b");
    let error = convert(dir.path(), PayloadFormat::Json, &into).result.unwrap_err();
    assert!(matches!(error, LogCommandError::WithinLog(_)), "{error}");
    let error = convert(&dir.path().join("none"), PayloadFormat::Json, &into).result.unwrap_err();
    assert!(matches!(error, LogCommandError::NoFolder(_)), "{error}");
}

#[tokio::test]
async fn beside_a_running_service_it_says_what_is_not_in_it() {
    let dir = ten().await;
    let _lock = hold_lock(dir.path());
    let into = dir.path().join("new");
    let ran = convert(dir.path(), PayloadFormat::MessagePack, &into);
    assert_eq!(ran.found(Finding::Sound).json()["in_use"], json!(true));
    assert!(ran.err.contains("after command 10"), "{}", ran.err);
}

#[tokio::test]
async fn an_unfinished_write_is_left_out_and_told() {
    let dir = ten().await;
    super::log_tests::tear(dir.path(), 3);
    let into = dir.path().join("new");
    let ran = convert(dir.path(), PayloadFormat::Bincode, &into);
    let done = ran.found(Finding::Sound).json();
    assert_eq!((&done["last"], &done["tail"]["state"]), (&json!(9), &json!("torn")));
    assert!(ran.err.contains("left out: torn"), "{}", ran.err);
    run(&into, "verify").found(Finding::Sound);
}

/// What comparing the log with that copy of it finds different.
fn difference(data_dir: &Path, copy: &Path) -> Option<u64> {
    let dir = data_dir.join("log");
    let surveyed = survey(&OsDisk, &dir, Sequence::FIRST, &mut |_| ControlFlow::Continue(()));
    match compare(&dir, &copy.join("log"), &surveyed.unwrap()).unwrap() {
        Compared::Equal { .. } => None,
        Compared::Different(sequence) => Some(sequence.get()),
        Compared::Damaged(fault) => panic!("{fault}"),
    }
}

#[tokio::test]
async fn what_differs_is_found() {
    let dir = ten().await;
    let copy_with = async |commands: Vec<Submission>| {
        let copy = tempfile::tempdir().unwrap();
        // A log of the same id to go on with.
        fs::create_dir(copy.path().join("log")).unwrap();
        fs::copy(segment(dir.path(), 1), segment(copy.path(), 1)).unwrap();
        let log = write(copy.path(), FileLogOptions::default(), []).await;
        let written = log.positions().last.seq.get() as usize;
        for command in commands.into_iter().skip(written) {
            log.append(command).await.unwrap();
        }
        log.close().await.unwrap();
        difference(dir.path(), copy.path())
    };
    let commands = |to: u64| (1..=to).map(submission).collect::<Vec<_>>();
    assert_eq!(copy_with(commands(10)).await, None);
    assert_eq!(copy_with(commands(9)).await, Some(10), "one is missing");
    assert_eq!(copy_with(commands(11)).await, Some(11), "one is too many");
    let mut other = commands(10);
    other[7].trace_id = Some("other".to_owned());
    assert_eq!(copy_with(other).await, Some(8), "one is another");
    // The same commands, but of another log.
    let foreign = ten().await;
    assert_eq!(difference(dir.path(), foreign.path()), Some(10));
}

#[tokio::test]
async fn what_an_interrupted_conversion_leaves_is_no_log() {
    let dir = ten().await;
    let into = dir.path().join("new");
    convert(dir.path(), PayloadFormat::Json, &into).found(Finding::Sound);
    // As it is before the last step.
    fs::rename(into.join("log"), into.join("log.unfinished")).unwrap();
    let error = run(&into, "status").result.unwrap_err();
    assert!(matches!(error, LogCommandError::NoFolder(_)), "{error}");
    let error = convert(dir.path(), PayloadFormat::Json, &into).result.unwrap_err();
    assert!(error.to_string().contains("log.unfinished"), "{error}");
}
