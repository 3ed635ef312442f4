//! What `status` tells of the log and the database.

use std::path::Path;

use chrono::{DateTime, Utc};
use clap::Parser;
use rstest::rstest;
use serde_json::{Value, json};

use super::log_status::{AskedLog, DatabaseAnswer, LogSettings, StatusCommand};
use super::log_tests::{hold_lock, ten};
use super::{Finding, LogCommandError};
use crate::adapters::file_log::PayloadFormat;
use crate::domain::Sequence;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    status: StatusCommand,
}

/// A minute after the last command was accepted.
fn now() -> DateTime<Utc> {
    "2023-11-14T22:14:20.5Z".parse().unwrap()
}

/// What is told, and what the database was asked about.
fn status(dir: &Path, line: &str, answer: &DatabaseAnswer) -> (String, Vec<AskedLog>) {
    let settings = LogSettings { sync: "interval:5ms".to_owned(), format: PayloadFormat::Json };
    let (mut out, mut asked) = (Vec::new(), Vec::new());
    let status = Line::parse_from(line.split(' ')).status;
    let ask = &mut |log| {
        asked.push(log);
        answer.clone()
    };
    let found = status.run(dir, Some(&settings), now(), ask, &mut out);
    assert_eq!(found.unwrap(), Finding::Sound);
    (String::from_utf8(out).unwrap(), asked)
}

fn asked(checkpoint: Option<u64>) -> DatabaseAnswer {
    DatabaseAnswer::Asked { checkpoint: checkpoint.map(Sequence::new), parked: 2 }
}

fn served(unapplied: u64) -> DatabaseAnswer {
    DatabaseAnswer::Served { unapplied, parked: 2, note: "so it says".to_owned() }
}

/// Ten commands, all of which were accepted about a minute ago.
#[rstest]
#[case::behind(asked(Some(7)), json!([7, 3, 60, 2, null]))]
#[case::all_applied(asked(Some(10)), json!([10, 0, null, 2, null]))]
#[case::unknown_there(asked(None), json!([null, 10, 60, 2, null]))]
#[case::ahead(asked(Some(12)), json!([12, 0, null, 2, "it has applied command 12, and the log ends at 10"]))]
#[case::served(served(4), json!([null, 4, 60, 2, "so it says"]))]
#[case::served_all(served(0), json!([null, 0, null, 2, "so it says"]))]
#[case::served_more_than_there_was(served(99), json!([null, 99, 60, 2, "so it says"]))]
#[case::nobody(DatabaseAnswer::Unknown("gone".to_owned()), json!([null, null, null, null, "gone"]))]
#[tokio::test]
async fn what_the_database_tells_is_set_against_the_log(
    #[case] answer: DatabaseAnswer,
    #[case] expected: Value,
) {
    let dir = ten().await;
    let (out, asked) = status(dir.path(), "status --json", &answer);
    let told: Value = serde_json::from_str(&out).unwrap();
    let fields = ["checkpoint", "unapplied", "oldest_unapplied_seconds", "parked", "database"];
    assert_eq!(json!(fields.map(|field| &told[field])), expected);
    assert_eq!((&told["sync"], &told["format"]), (&json!("interval:5ms"), &json!("json")));
    assert_eq!(told["newest_accepted_at"], json!("2023-11-14T22:13:20.123456799Z"));
    let [log] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(json!(log.id.to_string()), told["log_id"]);
    assert_eq!((log.first, &log.holder), (Some(Sequence::FIRST), &None));
}

#[tokio::test]
async fn a_person_reads_the_same() {
    let dir = ten().await;
    let (out, _) = status(dir.path(), "status", &asked(Some(7)));
    for line in [
        "newest     accepted at 2023-11-14T22:13:20.123456799Z\n",
        "sync       interval:5ms\n",
        "format     json for new segments\n",
        "checkpoint 7\nunapplied  3, the oldest for 60 s\nparked     2\nsegments ",
    ] {
        assert!(out.contains(line), "{out}");
    }
    let (out, _) = status(dir.path(), "status", &asked(None));
    assert!(out.contains("checkpoint none: the database has none of this log\n"), "{out}");
    let (out, _) = status(dir.path(), "status", &DatabaseAnswer::Unknown("gone".to_owned()));
    assert!(out.contains("json for new segments\ndatabase   gone\nsegments"), "{out}");
}

#[tokio::test]
async fn the_database_is_asked_about_a_log_that_is_there() {
    let dir = ten().await;
    let _lock = hold_lock(dir.path());
    let (_, asked) = status(dir.path(), "status", &served(0));
    assert_eq!(asked[0].holder, Some(format!("process {}", std::process::id())));
    let none = dir.path().join("none");
    let status = Line::parse_from(["status"]).status;
    let error = status.run(&none, None, now(), &mut |_| panic!("asked"), &mut Vec::new());
    assert!(matches!(error, Err(LogCommandError::NoFolder(_))));
}
