//! Which commands `cat` prints, and that it goes on with those to come.

use std::ops::ControlFlow;
use std::path::Path;

use clap::{CommandFactory, Parser};
use rstest::rstest;
use serde_json::Value;

use super::log_cat::CatCommand;
use super::log_tests::{Ran, hold_lock, run, segment, ten, write};
use super::{Finding, LogCommandError};
use crate::adapters::file_log::FileLogOptions;
use crate::domain::{Command, Submission};
use crate::ports::CommandLog;
use crate::ports::contract::command_log::submission;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    cat: CatCommand,
}

fn parse(line: &str) -> Result<CatCommand, clap::Error> {
    Line::try_parse_from(line.split(' ')).map(|line| line.cat)
}

fn sequences(out: &str) -> Vec<u64> {
    let sequence =
        |line| serde_json::from_str::<Value>(line).unwrap()["sequence"].as_u64().unwrap();
    out.lines().map(sequence).collect()
}

/// Follows the log; `meanwhile` is what happens between two looks.
fn follow(data_dir: &Path, line: &str, mut meanwhile: impl FnMut(usize) -> ControlFlow<()>) -> Ran {
    let (mut out, mut err, mut waits) = (Vec::new(), Vec::new(), 0);
    let cat = parse(&format!("cat --follow{line}")).unwrap();
    let result = cat.run(&data_dir.join("log"), &mut out, &mut err, &mut || {
        waits += 1;
        meanwhile(waits)
    });
    Ran { result, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// The commands that a test logs: number 3 is about the note of number 1.
fn numbered(number: u64) -> Submission {
    let about = if number == 3 { 1 } else { number };
    let id = submission(about).command.note_id().clone();
    match (number, submission(number)) {
        (3, submission) => Submission { command: Command::Delete { id }, ..submission },
        (_, submission) => submission,
    }
}

fn small() -> FileLogOptions {
    FileLogOptions { segment_bytes: 1000, ..FileLogOptions::default() }
}

/// Ten commands, each accepted a nanosecond after the one before.
#[rstest]
#[case("--since 2023-11-14T22:13:20.123456797Z", &[8, 9, 10])]
#[case("--since 2023-11-14T23:13:20.123456797+01:00 --to 9", &[8, 9])]
#[case("--since 2030-01-01T00:00:00Z", &[])]
#[case("--note n1", &[1, 3])]
#[case("--note notes:n1", &[1, 3])]
#[case("--note n1 --from 2", &[3])]
#[case("--note n1 --since 2023-11-14T22:13:20.123456791Z", &[3])]
#[case("--note other", &[])]
#[tokio::test]
async fn filters_combine(#[case] line: &str, #[case] expected: &[u64]) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), small(), (1..=10).map(numbered)).await.close().await.unwrap();
    let ran = run(dir.path(), &format!("cat {line}"));
    assert_eq!(sequences(&ran.found(Finding::Sound).out), expected);
}

#[rstest]
#[case("cat --since yesterday", "such as 2026-11-26T03:00:00Z")]
#[case("cat --note notes:", "at least one character")]
#[case("cat --note users:a", "notes")]
#[case("cat --note a.b", "not '.'")]
fn what_no_command_can_match_is_refused(#[case] line: &str, #[case] why: &str) {
    let error = parse(line).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_logged_is_followed_beside_the_writer_over_segments() {
    let dir = tempfile::tempdir().unwrap();
    let log = write(dir.path(), small(), (1..=4).map(submission)).await;
    let append = |number| {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(log.append(submission(number))).unwrap()
        })
    };
    let mut number = 4;
    let ran = follow(dir.path(), " --from 3", |waits| {
        // Some at a time, and at times none.
        for _ in 0..waits % 4 {
            number += 1;
            append(number);
        }
        if waits < 20 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    // What came during the last wait is not looked for.
    assert_eq!((20 % 4, number), (0, 34));
    assert_eq!(sequences(&ran.found(Finding::Sound).out), (3..=34).collect::<Vec<_>>());
    assert_eq!(ran.err, "");
    let stretch = follow(dir.path(), " --from 33 --to 36 --since 2023-11-14T22:13:20Z", |_| {
        number += 1;
        append(number);
        ControlFlow::Continue(())
    });
    assert_eq!(sequences(&stretch.found(Finding::Sound).out), [33, 34, 35, 36]);
    // Nothing is waited for when the last one is there.
    let past = follow(dir.path(), " --to 2", |_| panic!("waited"));
    assert_eq!(sequences(&past.found(Finding::Sound).out), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_in_the_place_of_others_are_printed_again() {
    let dir = tempfile::tempdir().unwrap();
    let options = FileLogOptions::default();
    write(dir.path(), options, [submission(1)]).await.close().await.unwrap();
    let first = std::fs::read(segment(dir.path(), 1)).unwrap();
    write(dir.path(), options, [submission(2)]).await.close().await.unwrap();
    let ran = follow(dir.path(), "", |waits| {
        if waits > 1 {
            return ControlFlow::Break(());
        }
        std::fs::write(segment(dir.path(), 1), &first).unwrap();
        tokio::task::block_in_place(|| {
            let rewritten = write(dir.path(), options, [submission(3), submission(4)]);
            drop(tokio::runtime::Handle::current().block_on(rewritten));
        });
        ControlFlow::Continue(())
    });
    assert_eq!(sequences(&ran.found(Finding::Sound).out), [1, 2, 2, 3]);
    assert!(ran.err.contains("from command 2 on"), "{}", ran.err);
    assert!(ran.out.contains("\"title\":\"Note 3\""), "{}", ran.out);
}

#[tokio::test]
async fn damage_ends_it_and_an_unfinished_write_does_not() {
    let dir = ten().await;
    let _lock = hold_lock(dir.path());
    let last = std::fs::read_dir(dir.path().join("log")).unwrap();
    let mut last: Vec<_> = last.map(|entry| entry.unwrap().path()).collect();
    last.retain(|path| path.extension() == Some("log".as_ref()));
    last.sort();
    let last = last.pop().unwrap();
    let mut bytes = std::fs::read(&last).unwrap();
    bytes.extend_from_slice(&[1; 30]);
    std::fs::write(&last, &bytes).unwrap();
    let ran = follow(dir.path(), "", |waits| {
        if waits < 5 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert_eq!(sequences(&ran.found(Finding::Sound).out), (1..=10).collect::<Vec<_>>());
    // Another segment behind it: that write will never be finished.
    std::fs::copy(segment(dir.path(), 1), segment(dir.path(), 11)).unwrap();
    let ran = follow(dir.path(), "", |_| panic!("waited"));
    ran.found(Finding::Damaged);
    let error = follow(&dir.path().join("none"), "", |_| panic!("waited")).result.unwrap_err();
    assert!(matches!(error, LogCommandError::NoFolder(_)), "{error}");
}

#[test]
fn the_help_has_examples_and_exit_codes() {
    let mut cli = super::Cli::command();
    cli.build();
    let log = cli.find_subcommand_mut("log").unwrap();
    let help = log.find_subcommand_mut("cat").unwrap().render_long_help().to_string();
    for part in ["JSON Lines", "Example: daybook log cat", "Exit codes:", "--follow"] {
        assert!(help.contains(part), "{part} is missing: {help}");
    }
}
