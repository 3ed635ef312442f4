//! `daybook log repair` on logs in every state.

use std::fs;
use std::path::Path;

use clap::Parser;
use serde_json::json;
use tempfile::TempDir;

use super::log_tests::{Line, hold_lock, run, segment, snapshot, tear, ten, write};
use super::{Finding, LogCommandError};
use crate::adapters::file_log::FileLogOptions;
use crate::ports::CommandLog;
use crate::ports::contract::command_log::submission;

/// A data folder with three commands in one segment, closed.
async fn three() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let log = write(dir.path(), FileLogOptions::default(), (1..=3).map(submission)).await;
    log.close().await.unwrap();
    dir
}

fn change(data_dir: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = segment(data_dir, 1);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// The finding and the output of a repair that changes the log.
fn apply(data_dir: &Path, line: &str) -> (Finding, String) {
    let line = Line::parse_from(["log"].into_iter().chain(line.split(' ')));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let finding = line.command.run(data_dir, &mut out, &mut err).unwrap();
    assert_eq!(String::from_utf8(err).unwrap(), "");
    (finding, String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn there_is_nothing_to_do_to_a_sound_or_a_torn_log() {
    let dir = ten().await;
    let nothing = json!({
        "needed": false, "faults": [], "lost": [], "lost_commands": 0, "files": [],
        "quarantine": null,
    });
    assert_eq!(run(dir.path(), "repair --json").found(Finding::Sound).json(), nothing);
    tear(dir.path(), 3);
    for line in ["repair --json", "repair --apply --json"] {
        assert_eq!(run(dir.path(), line).found(Finding::Sound).json(), nothing);
    }
    let told = "Nothing has to be repaired.\n";
    assert_eq!(run(dir.path(), "repair").found(Finding::Sound).out, told);
}

#[tokio::test]
async fn it_is_shown_then_done_then_needless() {
    let dir = three().await;
    change(dir.path(), |bytes| bytes[74] ^= 1);
    let damaged = fs::read(segment(dir.path(), 1)).unwrap();
    let shown = run(dir.path(), "repair --json").found(Finding::Damaged).json();
    assert_eq!((&shown["needed"], &shown["lost"]), (&json!(true), &json!([[1, 1]])));
    assert_eq!(shown["quarantine"], json!(null));
    let (finding, told) = apply(dir.path(), "repair --apply");
    assert_eq!(finding, Finding::Sound);
    for part in ["lost: command 1\n", "written anew", "quarantine-"] {
        assert!(told.contains(part), "{told}");
    }
    let kept = fs::read_dir(dir.path().join("log")).unwrap().map(|entry| entry.unwrap().path());
    let kept = kept.filter(|path| path.is_dir()).collect::<Vec<_>>();
    let [kept] = &kept[..] else { panic!("{kept:?}") };
    assert!(kept.to_str().unwrap().ends_with("-lost-1-of-1-to-1"), "{kept:?}");
    assert_eq!(fs::read(kept.join("00000000000000000001.log")).unwrap(), damaged);
    assert_eq!(apply(dir.path(), "repair").0, Finding::Sound);
    assert_eq!(apply(dir.path(), "verify").0, Finding::Sound);
    let (_, printed) = apply(dir.path(), "cat");
    let kinds: Vec<serde_json::Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&kinds[0]["kind"], kinds.len()), (&json!("lost"), 3));
}

#[tokio::test]
async fn what_cannot_be_done_is_told() {
    let dir = three().await;
    change(dir.path(), |bytes| bytes[..44].fill(0));
    let error = run(dir.path(), "repair --apply").result.unwrap_err();
    assert!(matches!(error, LogCommandError::Repair { .. }), "{error}");
    assert!(error.to_string().contains("from a copy"), "{error}");
    let none = tempfile::tempdir().unwrap();
    let error = run(none.path(), "repair").result.unwrap_err();
    assert!(matches!(error, LogCommandError::NoFolder(_)), "{error}");
    assert_eq!(snapshot(none.path()).len(), 0);
}

#[tokio::test]
async fn a_log_in_use_is_left_alone() {
    let dir = three().await;
    let _service = hold_lock(dir.path());
    for line in ["repair", "repair --apply"] {
        let told = run(dir.path(), line).result.unwrap_err().to_string();
        let holder = format!("held by process {}", std::process::id());
        assert!(told.contains(&holder) && told.contains("stop the service"), "{told}");
    }
}
