//! The read-only commands, on logs in every state, beside a running writer.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use serde_json::{Value, json};

use super::{Finding, LogCommand, LogCommandError};
use crate::adapters::file_log::disk::{Disk, FolderLock, OsDisk};
use crate::adapters::file_log::{FileLog, FileLogOptions};
use crate::domain::{
    Checked, Command, Idempotency, NoteId, NotePatch, Precondition, Submission, Version,
};
use crate::ports::CommandLog;
use crate::ports::contract::command_log::submission;

#[derive(Parser)]
pub(super) struct Line {
    #[command(subcommand)]
    pub(super) command: LogCommand,
}

/// What a command line does.
pub(super) struct Ran {
    pub(super) result: Result<Finding, LogCommandError>,
    pub(super) out: String,
    pub(super) err: String,
}

pub(super) fn run(data_dir: &Path, line: &str) -> Ran {
    let line = Line::parse_from(std::iter::once("log").chain(line.split(' ')));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let before = snapshot(data_dir);
    let result = line.command.run(data_dir, &mut out, &mut err);
    assert_eq!(snapshot(data_dir), before, "nothing was changed");
    Ran { result, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

impl Ran {
    #[track_caller]
    pub(super) fn found(&self, finding: Finding) -> &Self {
        assert_eq!(self.result.as_ref().unwrap(), &finding, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

pub(super) fn snapshot(data_dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let Ok(entries) = fs::read_dir(data_dir.join("log")) else { return BTreeMap::new() };
    entries.map(|e| e.unwrap().path()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

pub(super) fn segment(data_dir: &Path, first: u64) -> PathBuf {
    data_dir.join("log").join(format!("{first:020}.log"))
}

async fn log(data_dir: &Path, commands: impl IntoIterator<Item = Submission>) -> FileLog {
    let options = FileLogOptions { segment_bytes: 1000, ..FileLogOptions::default() };
    write(data_dir, options, commands).await
}

/// Opens the log and writes those commands.
pub(super) async fn write(
    data_dir: &Path,
    options: FileLogOptions,
    commands: impl IntoIterator<Item = Submission>,
) -> FileLog {
    let log = FileLog::open(Arc::new(OsDisk), &data_dir.join("log"), options).unwrap();
    for command in commands {
        log.append(command).await.unwrap();
    }
    log
}

/// A data folder with ten commands in a few segments, closed.
pub(super) async fn ten() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    log(dir.path(), (1..=10).map(submission)).await.close().await.unwrap();
    dir
}

pub(super) fn hold_lock(data_dir: &Path) -> FolderLock {
    OsDisk.lock(&data_dir.join("log/lock")).unwrap()
}

/// Cuts bytes off the last segment and returns its path and its length then.
pub(super) fn tear(data_dir: &Path, bytes: u64) -> (PathBuf, u64) {
    let segments: Vec<PathBuf> =
        snapshot(data_dir).into_keys().filter(|p| p.extension() == Some("log".as_ref())).collect();
    let last = segments.last().unwrap().clone();
    let file = fs::OpenOptions::new().write(true).open(&last).unwrap();
    let left = file.metadata().unwrap().len() - bytes;
    file.set_len(left).unwrap();
    (last, left)
}

#[tokio::test]
async fn a_sound_log_is_counted_in_full() {
    let dir = ten().await;
    let bytes: usize = snapshot(dir.path())
        .iter()
        .filter(|(p, _)| p.extension() == Some("log".as_ref()))
        .map(|(_, b)| b.len())
        .sum();
    let verified = run(dir.path(), "verify --json").found(Finding::Sound).json();
    let segments = verified["segments"].as_u64().unwrap();
    assert!(segments > 1);
    let tail = json!({ "state": "clean" });
    let expected = json!({
        "finding": "sound", "segments": segments, "frames": 10, "bytes": bytes, "tail": tail,
    });
    assert_eq!(verified, expected);
    let text = run(dir.path(), "verify");
    let expected = format!("checked {segments} segments, 10 frames, {bytes} bytes\ntail: clean\n");
    assert_eq!(text.found(Finding::Sound).out, expected);
}

#[tokio::test]
async fn status_tells_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(dir.path(), (1..=10).map(submission)).await;
    let status = run(dir.path(), "status --json").found(Finding::Sound).json();
    assert_eq!(status["log_id"], json!(log.id().to_string()));
    assert_eq!((&status["first"], &status["last"]), (&json!(1), &json!(10)));
    assert_eq!(status["commands"], json!(10));
    assert_eq!(status["bytes"], json!(log.positions().last.end));
    assert_eq!(status["tail"], json!({ "state": "clean" }));
    let segments = status["segments"].as_array().unwrap();
    assert_eq!(segments[0]["file"], json!("00000000000000000001.log"));
    assert_eq!(segments[0]["format"], json!("cbor"));
    let next = segments[0]["last"].as_u64().unwrap() + 1;
    assert_eq!(segments[1]["first"], json!(next));
    assert_eq!(segments.last().unwrap()["last"], json!(10));
    let text = run(dir.path(), "status");
    assert!(text.out.contains("commands   10 (1 to 10)\n"), "{}", text.out);
    assert!(text.out.contains(&format!("log        {}\n", log.id())), "{}", text.out);
}

#[tokio::test]
async fn cat_prints_everything_that_was_logged() {
    let dir = tempfile::tempdir().unwrap();
    let patch = NotePatch { title: Some("New".to_owned()), ..NotePatch::default() };
    let id = NoteId::from_key("a").unwrap();
    let change = Submission {
        command: Command::Patch { id: id.clone(), patch: Checked::new(patch).unwrap() },
        precondition: Precondition::VersionIn(vec![Version::FIRST]),
        idempotency: Some(Idempotency { key: "k".to_owned(), fingerprint: "f".to_owned() }),
        principal: Some("ann".to_owned()),
        trace_id: None,
        ..submission(2)
    };
    let delete = Submission {
        command: Command::Delete { id },
        precondition: Precondition::MustExist,
        trace_id: None,
        ..submission(3)
    };
    let log = log(dir.path(), [submission(1), change, delete]).await;
    let ran = run(dir.path(), "cat");
    let lines: Vec<Value> = ran
        .found(Finding::Sound)
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let command_id = |seq| format!("{}-{seq}", log.id());
    let first = json!({
        "sequence": 1, "command_id": command_id(1), "accepted_at": "2023-11-14T22:13:20.123456790Z",
        "kind": "create", "note_id": "notes:n1",
        "fields": { "title": "Note 1", "content": "x".repeat(41), "author": "ann", "tags": ["a"] },
        "precondition": null, "idempotency": null, "principal": null, "trace_id": "trace-1",
    });
    let second = json!({
        "sequence": 2, "command_id": command_id(2), "accepted_at": "2023-11-14T22:13:20.123456791Z",
        "kind": "patch", "note_id": "notes:a", "fields": { "title": "New" },
        "precondition": { "must_exist": true, "version_in": [1] },
        "idempotency": { "key": "k", "fingerprint": "f" }, "principal": "ann", "trace_id": null,
    });
    let third = json!({
        "sequence": 3, "command_id": command_id(3), "accepted_at": "2023-11-14T22:13:20.123456792Z",
        "kind": "delete", "note_id": "notes:a", "fields": {},
        "precondition": { "must_exist": true }, "idempotency": null, "principal": null,
        "trace_id": null,
    });
    assert_eq!(lines, [first, second, third]);
}

#[tokio::test]
async fn cat_prints_a_stretch() {
    let dir = ten().await;
    let sequences = |line: &str| -> Vec<u64> {
        let ran = run(dir.path(), line);
        let lines = ran.found(Finding::Sound).out.lines();
        lines
            .map(|l| serde_json::from_str::<Value>(l).unwrap()["sequence"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(sequences("cat"), (1..=10).collect::<Vec<_>>());
    assert_eq!(sequences("cat --from 7"), [7, 8, 9, 10]);
    assert_eq!(sequences("cat --to 2"), [1, 2]);
    assert_eq!(sequences("cat --from 4 --to 5 --json"), [4, 5]);
    assert_eq!(sequences("cat --from 11"), [0; 0]);
    assert_eq!(sequences("cat --from 5 --to 4"), [0; 0]);
}

#[tokio::test]
async fn damage_is_told_by_file_and_offset() {
    let dir = ten().await;
    let path = segment(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    let verified = run(dir.path(), "verify --json").found(Finding::Damaged).json();
    assert_eq!(verified["finding"], json!("damaged"));
    assert_eq!(verified["file"], json!(path));
    assert_eq!(verified["offset"], json!(44));
    let text = run(dir.path(), "verify");
    let place = format!("damaged: {} at byte 44: ", path.display());
    assert!(text.found(Finding::Damaged).out.starts_with(&place), "{}", text.out);
    let printed = run(dir.path(), "cat");
    assert_eq!(printed.found(Finding::Damaged).out, "");
    assert!(printed.err.contains("at byte 44"), "{}", printed.err);
    // Only what is read is judged.
    run(dir.path(), "cat --from 9").found(Finding::Sound);
}

#[tokio::test]
async fn an_unfinished_write_is_damage_only_when_nobody_is_at_it() {
    let dir = ten().await;
    let (path, length) = tear(dir.path(), 3);
    for line in ["verify --json", "status --json"] {
        let tail = &run(dir.path(), line).found(Finding::Damaged).json()["tail"];
        assert_eq!(tail["state"], json!("torn"));
        assert_eq!(tail["file"], json!(path));
        let end = tail["offset"].as_u64().unwrap() + tail["bytes"].as_u64().unwrap();
        assert_eq!(end, length);
    }
    assert!(run(dir.path(), "verify").out.contains("tail: torn: "));
    let lock = hold_lock(dir.path());
    for line in ["verify --json", "status --json"] {
        let tail = &run(dir.path(), line).found(Finding::Sound).json()["tail"];
        assert_eq!(tail["state"], json!("in progress"));
    }
    assert_eq!(run(dir.path(), "cat").found(Finding::Sound).out.lines().count(), 9);
    drop(lock);
    run(dir.path(), "verify").found(Finding::Damaged);
}

#[tokio::test]
async fn an_unfinished_write_is_told_when_nobody_knows_whose_it_is() {
    let dir = ten().await;
    tear(dir.path(), 3);
    let lock = dir.path().join("log/lock");
    fs::remove_file(&lock).unwrap();
    // A link to itself cannot be opened, not even by root.
    std::os::unix::fs::symlink("lock", &lock).unwrap();
    let line = Line::parse_from(["log", "verify", "--json"]);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let found = line.command.run(dir.path(), &mut out, &mut err).unwrap();
    assert_eq!(found, Finding::Damaged);
    let told: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(told["finding"], json!("unfinished"));
    assert_eq!(told["tail"]["state"], json!("unfinished"));
}

#[tokio::test]
async fn damage_beside_a_running_service_is_told_and_nothing_printed_twice() {
    let dir = ten().await;
    let path = segment(dir.path(), 1);
    let sound = run(dir.path(), "cat").out;
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let _lock = hold_lock(dir.path());
    run(dir.path(), "verify").found(Finding::Damaged);
    let printed = run(dir.path(), "cat");
    assert!(!printed.found(Finding::Damaged).out.is_empty());
    assert!(sound.starts_with(&printed.out), "{}", printed.out);
}

#[tokio::test]
async fn a_log_that_is_being_written_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(dir.path(), [submission(1)]).await;
    let verifier = std::thread::spawn({
        let data_dir = dir.path().to_owned();
        move || {
            let mut frames = 0;
            for _ in 0..20 {
                let command = Line::parse_from(["log", "verify", "--json"]).command;
                let (mut out, mut err) = (Vec::new(), Vec::new());
                let found = command.run(&data_dir, &mut out, &mut err).unwrap();
                assert_eq!(found, Finding::Sound, "{}", String::from_utf8_lossy(&out));
                let checked: Value = serde_json::from_slice(&out).unwrap();
                assert!(checked["frames"].as_u64().unwrap() >= frames, "a log only grows");
                frames = checked["frames"].as_u64().unwrap();
            }
        }
    });
    let mut number = 1;
    while !verifier.is_finished() {
        number += 1;
        log.append(submission(number)).await.unwrap();
    }
    verifier.join().unwrap();
}

#[tokio::test]
async fn a_segment_being_made_is_no_damage_either() {
    let dir = ten().await;
    fs::write(segment(dir.path(), 11), b"DAYB").unwrap();
    let tail = &run(dir.path(), "verify --json").found(Finding::Damaged).json()["tail"];
    assert_eq!((&tail["state"], &tail["bytes"]), (&json!("torn"), &json!(4)));
    let _lock = hold_lock(dir.path());
    run(dir.path(), "verify").found(Finding::Sound);
}

#[test]
fn a_missing_log_is_told_clearly() {
    let dir = tempfile::tempdir().unwrap();
    for line in ["status", "cat", "verify"] {
        let error = run(dir.path(), line).result.unwrap_err();
        assert!(matches!(error, LogCommandError::NoFolder(_)), "{error}");
        assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{error}");
    }
    fs::create_dir(dir.path().join("log")).unwrap();
    let error = run(dir.path(), "verify").result.unwrap_err();
    assert!(matches!(error, LogCommandError::NoSegment(_)), "{error}");
}

/// An output whose reader has gone away.
struct Closed;

impl io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_closed_pipe_ends_quietly() {
    let dir = ten().await;
    let mut err = Vec::new();
    for line in ["cat", "status", "verify"] {
        let command = Line::parse_from(["log", line]).command;
        let result = command.run(dir.path(), &mut Closed, &mut err);
        assert_eq!(result.unwrap(), Finding::Sound);
    }
    assert!(err.is_empty());
}
