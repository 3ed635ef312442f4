//! What an audit tells.

use std::sync::Arc;

use clap::{CommandFactory, Parser};
use serde_json::{Value, json};
use uuid::Uuid;

use super::audit::{Audited, Comparison};
use super::{Cli, Command, LogSubcommand};
use crate::adapters::memory::{MemoryLog, MemoryStore};
use crate::app::{Audit, AuditedNote};
use crate::domain::{LogId, Note, NoteId, Version};
use crate::ports::NoteStore;

fn note(key: &str) -> Note {
    let time = "2026-11-26T03:00:00Z".parse().unwrap();
    Note {
        id: NoteId::from_key(key).unwrap(),
        title: "A secret title".to_owned(),
        content: "secret".to_owned(),
        author: "ann".to_owned(),
        tags: vec!["secret".to_owned()],
        created_at: time,
        updated_at: time,
        version: Version::FIRST,
    }
}

/// An audit of these notes, as the log and the database have them.
async fn audited(notes: &[(Option<Note>, Option<Note>, bool)]) -> Audited {
    let log = Arc::new(MemoryLog::new(LogId::from_uuid(Uuid::from_u128(7))));
    let store = Arc::new(MemoryStore::new());
    store.connect().await.unwrap();
    let audit = Audit::new(log, store).await.unwrap();
    let mut comparison = Comparison::default();
    for (log, database, of_other_logs) in notes {
        let (log, database, of_other_logs) = (log.as_ref(), database.as_ref(), *of_other_logs);
        let id = &log.or(database).unwrap().id;
        comparison.take(AuditedNote { id, log, database, of_other_logs }).unwrap();
    }
    comparison.audited(&audit, true)
}

fn text(audited: &Audited) -> String {
    let mut out = Vec::new();
    audited.print(false, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn json_of(audited: &Audited) -> Value {
    let mut out = Vec::new();
    audited.print(true, &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

#[tokio::test]
async fn equal_sides_have_one_digest() {
    let (a, b) = (note("a"), note("b"));
    let same = |note: &Note| (Some(note.clone()), Some(note.clone()), false);
    let equal = audited(&[same(&a), same(&b), (None, Some(note("c")), true)]).await;
    assert!(equal.is_equal());
    let told = json_of(&equal);
    assert_eq!(told["finding"], "equal");
    assert_eq!(told["log"], told["database"]);
    assert_eq!((&told["log"]["notes"], &told["of_other_logs"]), (&json!(2), &json!(1)));
    assert_eq!(told["differences"], json!([]));
    assert_eq!(told["may_be_healed"], json!(false));
    let digest = told["log"]["sha256"].as_str().unwrap();
    let text = text(&equal);
    assert!(text.starts_with("finding     equal\n"), "{text}");
    assert!(text.contains(&format!("database    2 notes, sha256 {digest}\n")), "{text}");
    assert!(text.contains("left out    1 notes of other logs\n"), "{text}");
    let other = json_of(&audited(&[same(&b)]).await);
    assert_ne!(other["log"]["sha256"], told["log"]["sha256"]);
}

/// The canonical form is part of the interface: digests of different versions
/// and machines are compared.
#[tokio::test]
async fn the_digest_is_that_of_lines_of_json() {
    use sha2::{Digest, Sha256};
    let line = concat!(
        r#"{"id":"notes:a","title":"A secret title","content":"secret","author":"ann","#,
        r#""tags":["secret"],"created_at":"2026-11-26T03:00:00Z","#,
        r#""updated_at":"2026-11-26T03:00:00Z","version":1}"#,
        "\n"
    );
    let told = json_of(&audited(&[(Some(note("a")), Some(note("a")), false)]).await);
    assert_eq!(told["log"]["sha256"], json!(format!("{:x}", Sha256::digest(line))));
}

#[tokio::test]
async fn differences_are_told_without_what_is_in_the_notes() {
    let mut changed = note("b");
    changed.title = "A private title".to_owned();
    changed.version = changed.version.next();
    changed.updated_at += chrono::TimeDelta::nanoseconds(1);
    let different = audited(&[
        (Some(note("a")), None, false),
        (Some(note("b")), Some(changed), false),
        (None, Some(note("c")), false),
    ])
    .await;
    assert!(!different.is_equal());
    let told = json_of(&different);
    assert_eq!(told["finding"], "different");
    assert_eq!(json!(["missing", "unexpected", "differing"].map(|c| &told[c])), json!([1, 1, 1]));
    assert_ne!(told["log"]["sha256"], told["database"]["sha256"]);
    let [missing, differs, unexpected] = &told["differences"].as_array().unwrap()[..] else {
        panic!("{told}")
    };
    assert_eq!(missing, &json!({ "id": "notes:a", "difference": "missing" }));
    assert_eq!(unexpected, &json!({ "id": "notes:c", "difference": "unexpected" }));
    let [title, updated_at, version] = &differs["fields"].as_array().unwrap()[..] else {
        panic!("{told}")
    };
    assert_eq!((&title["field"], &title["database"]["bytes"]), (&json!("title"), &json!(15)));
    assert_eq!(updated_at["database"], json!("2026-11-26T03:00:00.000000001Z"));
    let versions = json!({ "field": "version", "log": 1, "database": 2 });
    assert_eq!(version, &versions);
    let text = text(&different);
    assert!(text.contains("missing     notes:a\ndiffers     notes:b\n            title: log 14 "));
    assert!(text.contains("            version: log 1, database 2\nunexpected  notes:c\n"));
    assert!(text.contains("differences 1 missing, 1 unexpected, 1 differing\n"), "{text}");
    assert!(text.contains("`daybook log replay` heals"), "{text}");
    for contents in [text, told.to_string()] {
        assert!(!contents.contains("secret") && !contents.contains("private"), "{contents}");
    }
}

#[test]
fn it_is_a_command_with_help() {
    let cli = Cli::parse_from(["daybook", "log", "audit", "--json", "--data-dir", "x"]);
    let Some(Command::Log(LogSubcommand::Audit(audit))) = cli.command else { panic!("{cli:?}") };
    assert!(audit.json);
    let mut cli = Cli::command();
    cli.build();
    let log = cli.find_subcommand_mut("log").unwrap();
    let help = log.find_subcommand_mut("audit").unwrap().render_long_help().to_string();
    for part in ["Compare the database", "Example: daybook log audit", "Exit codes: 0"] {
        assert!(help.contains(part), "{part} is missing: {help}");
    }
}
