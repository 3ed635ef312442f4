//! Lists are right after the indexes were built anew, whatever was lost.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::DateTime;
use daybook_rig::copy_folder;
use rstest::rstest;
use tempfile::TempDir;

use super::{SurrealOptions, SurrealStore};
use crate::domain::{LogId, Note, NoteId, Sequence, Version};
use crate::ports::{
    Batch, Checkpoint, Continuity, Marker, NoteQuery, NoteStore, Provenance, Sort, SortKey, Stamp,
    StoreError, Write,
};

fn database(path: &Path) -> SurrealOptions {
    SurrealOptions::new(format!("surrealkv://{}", path.display()))
}

async fn connected(options: SurrealOptions) -> SurrealStore {
    let store = SurrealStore::new(options).unwrap();
    store.connect().await.unwrap();
    store
}

pub(super) fn note(key: &str, version: u64, updated: i64) -> Note {
    Note {
        id: NoteId::from_key(key).unwrap(),
        title: String::new(),
        content: String::new(),
        author: "ann".to_owned(),
        tags: vec!["one".to_owned()],
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::from_timestamp(updated, 0).unwrap(),
        version: Version::new(version).unwrap(),
    }
}

/// The `number`th batch: these notes are put.
pub(super) async fn put(store: &SurrealStore, number: u64, notes: &[Note]) {
    let seq = Sequence::new(number);
    let at = |number| Checkpoint {
        applied: Sequence::new(number),
        accepted_at: DateTime::UNIX_EPOCH,
        commit: number,
        horizon: Sequence::FIRST,
        rebuilt_at: Sequence::ZERO,
    };
    let log = LogId::from_uuid(uuid::Uuid::from_u128(1));
    let write = |note: &Note| Write::Put {
        note: note.clone(),
        provenance: Provenance::new(Stamp { log, seq }),
    };
    let expected = (number > 1).then(|| at(number - 1));
    let batch = Batch::new(log, expected, at(number), Marker { first: seq, last: seq });
    let batch = Batch { writes: notes.iter().map(write).collect(), ..batch };
    store.commit(&batch).await.unwrap();
}

/// The keys of a whole list, read in pages of that size.
async fn keys(store: &SurrealStore, key: SortKey, filtered: bool, limit: usize) -> Vec<String> {
    let mut query = NoteQuery {
        author: filtered.then(|| "ann".to_owned()),
        tag: None,
        sort: Sort { key, descending: true },
        limit,
        after: None,
    };
    let mut keys = Vec::new();
    loop {
        let page = store.query(&query).await.unwrap();
        keys.extend(page.notes.iter().map(|note| note.id.key().to_owned()));
        query.after = page.next;
        if query.after.is_none() {
            return keys;
        }
    }
}

async fn assert_lists(store: &SurrealStore, created: &[&str], updated: &[&str]) {
    for filtered in [false, true] {
        assert_eq!(keys(store, SortKey::CreatedAt, filtered, 2).await, created);
        assert_eq!(keys(store, SortKey::UpdatedAt, filtered, 2).await, updated);
    }
}

/// Whether lists walk along the index: one that is not complete is not used.
async fn assert_indexes_are_used(store: &SurrealStore) {
    let explain =
        "EXPLAIN SELECT * FROM notes WHERE lists CONTAINS '*' ORDER BY updated_rank LIMIT 2";
    let mut results = store.client().unwrap().query(explain).await.unwrap();
    let plan = results.take::<Option<String>>(0).unwrap().unwrap();
    assert!(plan.contains("index: by_list_updated"), "{plan}");
}

#[rstest]
#[case::memory(false)]
#[case::folder(true)]
#[tokio::test(flavor = "multi_thread")]
async fn rebuilding_keeps_every_list_right(#[case] durable: bool) {
    let parent = TempDir::new().unwrap();
    let mem = SurrealOptions::new("mem://");
    let options = if durable { database(&parent.path().join("db")) } else { mem };
    let store = connected(options).await;
    // Without a note, with notes, and again.
    store.rebuild_indexes().await.unwrap();
    put(&store, 1, &[note("a", 1, 1), note("b", 1, 2), note("c", 1, 3)]).await;
    for _ in 0..2 {
        store.rebuild_indexes().await.unwrap();
        assert_indexes_are_used(&store).await;
        assert_lists(&store, &["c", "b", "a"], &["c", "b", "a"]).await;
    }
    // The new indexes follow changes.
    put(&store, 2, &[note("a", 2, 9)]).await;
    assert_lists(&store, &["c", "b", "a"], &["a", "c", "b"]).await;
    // It vouches for no more than before, and for no less.
    assert_eq!(store.connect().await.unwrap(), Continuity::Intact);
    assert_lists(&store, &["c", "b", "a"], &["a", "c", "b"]).await;
}

/// The only segment of the write-ahead log.
fn segment(database: &Path) -> PathBuf {
    let segments = std::fs::read_dir(database.join("wal")).unwrap();
    let mut segments = segments.map(|segment| segment.unwrap().path());
    let segment = segments.next().unwrap();
    assert_eq!(segments.next(), None);
    segment
}

fn length(database: &Path) -> usize {
    usize::try_from(std::fs::metadata(segment(database)).unwrap().len()).unwrap()
}

/// Copies the database as a kill leaves it that takes the second of three
/// batches: the records of that transaction are cut out of the log.
async fn lose_the_second_batch(parent: &Path) -> PathBuf {
    let (before, after) = (parent.join("before"), parent.join("after"));
    let store = connected(database(&before)).await;
    // Everything so far is flushed, so that the log has one block, in which a
    // record stays readable wherever it begins.
    store.connect().await.unwrap();
    put(&store, 1, &[note("a", 1, 1), note("b", 1, 2)]).await;
    let start = length(&before);
    put(&store, 2, &[note("a", 2, 3), note("c", 1, 4)]).await;
    let end = length(&before);
    put(&store, 3, &[note("a", 3, 5), note("c", 2, 6)]).await;
    assert!(start < end && end < length(&before) && length(&before) < 32 * 1024);
    copy_folder(&before, &after).unwrap();
    let mut log = std::fs::read(segment(&after)).unwrap();
    log.drain(start..end);
    std::fs::write(segment(&after), log).unwrap();
    after
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_batch_leaves_no_trace_in_the_lists() {
    let parent = TempDir::new().unwrap();
    let damaged = lose_the_second_batch(parent.path()).await;
    let store = SurrealStore::new(database(&damaged)).unwrap();
    assert_eq!(store.connect().await.unwrap(), Continuity::Suspect);
    let log = LogId::from_uuid(uuid::Uuid::from_u128(1));
    let markers = store.markers(log, Sequence::FIRST, 9).await.unwrap();
    assert_eq!(markers.iter().map(|marker| marker.last.get()).collect::<Vec<_>>(), [1, 3]);
    // The notes are as the third batch left them, the indexes are not: the first
    // entry of one note came back, and the first of the other is gone.
    let versions = async |key| {
        let id = NoteId::from_key(key).unwrap();
        store.get(&id).await.unwrap().unwrap().version.get()
    };
    assert_eq!((versions("a").await, versions("c").await), (3, 2));
    assert_eq!(keys(&store, SortKey::CreatedAt, false, 9).await, ["b", "a"]);
    assert_eq!(keys(&store, SortKey::UpdatedAt, false, 9).await, ["c", "a", "b", "a"]);

    store.rebuild_indexes().await.unwrap();
    assert_indexes_are_used(&store).await;
    assert_lists(&store, &["c", "b", "a"], &["c", "a", "b"]).await;
    // A crash does not undo it, and does not make it forget the suspicion.
    let crashed = parent.path().join("crashed");
    copy_folder(&damaged, &crashed).unwrap();
    let next = SurrealStore::new(database(&crashed)).unwrap();
    assert_eq!(next.connect().await.unwrap(), Continuity::Suspect);
    assert_indexes_are_used(&next).await;
    assert_lists(&next, &["c", "b", "a"], &["c", "a", "b"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_broken_off_can_be_repeated() {
    let parent = TempDir::new().unwrap();
    let path = parent.path().join("db");
    let store = connected(database(&path)).await;
    let all: Vec<Note> = (0..40).map(|n| note(&format!("{n:02}"), 1, n)).collect();
    put(&store, 1, &all).await;
    let listed: Vec<String> = (0..40).rev().map(|n| format!("{n:02}")).collect();
    let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
    for millis in [0, 3, 10, 30, 60, 100, 200, 400] {
        let some_time = Duration::from_millis(millis);
        let _ = tokio::time::timeout(some_time, store.rebuild_indexes()).await;
        // As the next process finds it after a kill at this moment.
        let killed = parent.path().join(format!("killed-{millis}"));
        copy_folder(&path, &killed).unwrap();
        let next = connected(database(&killed)).await;
        assert_lists(&next, &listed, &listed).await;
        next.rebuild_indexes().await.unwrap();
        assert_indexes_are_used(&next).await;
        assert_lists(&next, &listed, &listed).await;
        // As this process goes on.
        store.connect().await.unwrap();
        assert_lists(&store, &listed, &listed).await;
    }
    store.rebuild_indexes().await.unwrap();
    assert_indexes_are_used(&store).await;
    assert_lists(&store, &listed, &listed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_has_a_bound_of_its_own() {
    let mem = || SurrealOptions::new("mem://");
    let hasty = connected(SurrealOptions { rebuild_timeout: Duration::ZERO, ..mem() }).await;
    let error = hasty.rebuild_indexes().await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { operation: "rebuild", .. }), "{error:?}");
    let unbound = connected(SurrealOptions { operation_timeout: Duration::ZERO, ..mem() }).await;
    unbound.rebuild_indexes().await.unwrap();
    let none = SurrealStore::new(mem()).unwrap();
    assert!(matches!(none.rebuild_indexes().await, Err(StoreError::NotConnected)));
}
