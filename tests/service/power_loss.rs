//! A power loss takes what the database had not synced, in whatever way, and nothing
//! from the command log.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use daybook_rig::copy_folder;
use reqwest::Method;
use serde_json::{Value, json};

use crate::outages::until;
use crate::program::{Service, json_of};

/// As much of the database's write-ahead log is written before the end, in bytes.
const WRITTEN: u64 = 256 << 10;

/// The unit in which a file system writes.
const PAGE: u64 = 4 << 10;

/// The segment of the write-ahead log that the database writes to.
fn segment(data_dir: &Path) -> PathBuf {
    let segments = std::fs::read_dir(data_dir.join("database").join("wal")).unwrap();
    segments.map(|segment| segment.unwrap().path()).max().unwrap()
}

/// Writes the same bytes all over a range.
fn overwrite(file: &File, from: u64, upto: u64, byte: u8) {
    let bytes = vec![byte; usize::try_from(upto - from).unwrap()];
    file.write_all_at(&bytes, from).unwrap();
}

/// What a power loss leaves of a segment of that length. Pages reach the disk in any
/// order, so one that is missing may lie before others that are not.
type Damage = fn(&File, u64);
const DAMAGES: [(&str, Damage); 8] = [
    ("nothing", |_, _| {}),
    ("everything", |file, _| file.set_len(0).unwrap()),
    ("the second half", |file, length| file.set_len(length / 2 / PAGE * PAGE).unwrap()),
    ("the end of a record", |file, length| file.set_len(length - 7).unwrap()),
    ("the second half, but for its length", |file, length| {
        overwrite(file, length / 2 / PAGE * PAGE, length, 0);
    }),
    ("a page in the middle", |file, length| {
        let page = length / 2 / PAGE * PAGE;
        overwrite(file, page, page + PAGE, 0);
    }),
    ("the first page", |file, _| overwrite(file, 0, PAGE, 0)),
    ("the sense of the last page", |file, length| overwrite(file, length - PAGE, length, 0xa5)),
];

fn sorted(mut notes: Vec<Value>) -> Vec<Value> {
    notes.sort_by_key(|note| note["id"].to_string());
    notes
}

#[tokio::test]
async fn what_the_database_had_not_synced_comes_back_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before");
    let service = Service::start(&before).await;
    let mut notes = Vec::new();
    while std::fs::metadata(segment(&before)).unwrap().len() < WRITTEN {
        assert!(notes.len() < 190, "the database writes less than expected");
        let note = json!({
            "title": format!("note {}", notes.len()), "content": "x".repeat(8_000),
            "author": format!("author{}", notes.len() % 3), "tags": ["one", "two"],
        });
        let created = service.send(Method::POST, "/v1/notes", &note).await;
        notes.push(json_of(created).await);
    }
    let path = |note: &Value| format!("/v1/notes/{}", note["id"].as_str().unwrap());
    let patch = json!({"content": "changed"});
    let patched = service.send(Method::PATCH, &path(&notes[1]), &patch).await;
    notes[1] = json_of(patched).await;
    let deleted = service.request(Method::DELETE, &path(&notes[0])).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    notes.remove(0);
    service.kill();
    let notes = sorted(notes);

    for (lost, damage) in DAMAGES {
        let after = folder.path().join("after");
        copy_folder(&before, &after).unwrap();
        let segment = OpenOptions::new().write(true).open(segment(&after)).unwrap();
        damage(&segment, segment.metadata().unwrap().len());
        drop(segment);
        let service = Service::start(&after).await;
        let what = format!("the repair of a database that lost {lost}");
        until(&what, async || sorted(service.list().await) == notes).await;
        service.stop();
        // And what was put back stays.
        let service = Service::start(&after).await;
        assert!(sorted(service.list().await) == notes, "lost, a start later: {lost}");
        service.stop();
        std::fs::remove_dir_all(&after).unwrap();
    }
}
