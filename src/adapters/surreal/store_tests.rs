//! What the contract does not reach: settings, folders, versions, timeouts.

use std::time::Duration;

use tempfile::TempDir;

use super::remote::fixture::Lines;
use super::{SurrealOptions, SurrealStore, read};
use crate::domain::{LogId, NoteId, Sequence};
use crate::ports::{
    Batch, Checkpoint, Continuity, Marker, NoteQuery, NoteStore, Sort, SortKey, StoreError,
};

fn options(parent: &TempDir) -> SurrealOptions {
    SurrealOptions::new(format!("surrealkv://{}", parent.path().join("db").display()))
}

fn store(options: SurrealOptions) -> SurrealStore {
    SurrealStore::new(options).unwrap()
}

fn batch(commit: u64) -> Batch {
    let at = |commit| Checkpoint {
        applied: Sequence::new(commit),
        accepted_at: chrono::DateTime::UNIX_EPOCH,
        commit,
        horizon: Sequence::FIRST,
        rebuilt_at: Sequence::ZERO,
    };
    let seq = Sequence::new(commit);
    let log = LogId::from_uuid(uuid::Uuid::from_u128(1));
    let expected = (commit > 1).then(|| at(commit - 1));
    Batch::new(log, expected, at(commit), Marker { first: seq, last: seq })
}

#[test]
fn bad_settings_are_named() {
    let named = |options: SurrealOptions| match SurrealStore::new(options) {
        Err(StoreError::Misconfigured(message)) => message,
        other => panic!("accepted: {:?}", other.map(|_| ())),
    };
    assert!(named(SurrealOptions::new("ws://user:pass@db:8000")).starts_with("DB_ENDPOINT:"));
    let mem = || SurrealOptions::new("mem://");
    let empty = String::new;
    assert!(named(SurrealOptions { namespace: empty(), ..mem() }).starts_with("DB_NAMESPACE:"));
    assert!(named(SurrealOptions { database: empty(), ..mem() }).starts_with("DB_DATABASE:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_is_named_until_it_is_free() {
    let parent = TempDir::new().unwrap();
    let owner = store(options(&parent));
    owner.connect().await.unwrap();
    owner.commit(&batch(1)).await.unwrap();
    let other =
        store(SurrealOptions { connect_timeout: Duration::from_millis(500), ..options(&parent) });
    let refused = other.connect().await.unwrap_err();
    assert!(matches!(refused, StoreError::Misconfigured(_)), "{refused:?}");
    let folder = parent.path().join("db");
    assert!(refused.to_string().contains(&*folder.to_string_lossy()), "{refused}");
    // The attempt did not take the owner's place, nor its word.
    owner.commit(&batch(2)).await.unwrap();
    owner.close(Continuity::Intact).await.unwrap();
    let other = store(options(&parent));
    assert_eq!(other.connect().await.unwrap(), Continuity::Intact);
    assert_eq!(other.checkpoint(batch(2).log).await.unwrap(), Some(batch(2).checkpoint));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_was_not_closed_is_suspect() {
    let parent = TempDir::new().unwrap();
    let crashed = store(options(&parent));
    assert_eq!(crashed.connect().await.unwrap(), Continuity::Intact);
    crashed.commit(&batch(1)).await.unwrap();
    drop(crashed);
    let next = store(options(&parent));
    assert_eq!(next.connect().await.unwrap(), Continuity::Suspect);
    assert_eq!(next.checkpoint(batch(1).log).await.unwrap(), Some(batch(1).checkpoint));
    // Connecting again does not make it less so.
    assert_eq!(next.connect().await.unwrap(), Continuity::Suspect);
    next.close(Continuity::Intact).await.unwrap();
    assert_eq!(next.connect().await.unwrap(), Continuity::Intact);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_failed_is_suspect() {
    let parent = TempDir::new().unwrap();
    let store = store(options(&parent));
    let fail = async |error| store.within("test", async { Err::<(), _>(error) }).await;
    let failures =
        || [StoreError::Internal(String::new()), StoreError::ConnectionFailed(String::new())];
    store.connect().await.unwrap();
    // Neither a refusal nor a delay says anything about the engine.
    let _ = fail(StoreError::Moved).await;
    let _ = fail(StoreError::Timeout { operation: "test", after: Duration::ZERO }).await;
    assert_eq!(store.connect().await.unwrap(), Continuity::Intact);
    for error in failures() {
        let _ = fail(error).await;
        assert_eq!(store.connect().await.unwrap(), Continuity::Suspect);
        store.close(Continuity::Intact).await.unwrap();
        assert_eq!(store.connect().await.unwrap(), Continuity::Intact);
    }
    for error in failures() {
        let _ = fail(error).await;
        store.close(Continuity::Intact).await.unwrap();
        assert_eq!(store.connect().await.unwrap(), Continuity::Suspect);
        store.close(Continuity::Intact).await.unwrap();
        assert_eq!(store.connect().await.unwrap(), Continuity::Intact);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_cannot_flush_is_suspect() {
    let parent = TempDir::new().unwrap();
    let (tables, away) = (parent.path().join("db/sstables"), parent.path().join("away"));
    let store = store(options(&parent));
    store.connect().await.unwrap();
    store.commit(&batch(1)).await.unwrap();
    for close in [false, true] {
        std::fs::rename(&tables, &away).unwrap();
        std::fs::write(&tables, b"no folder").unwrap();
        let error = if close {
            store.close(Continuity::Intact).await.unwrap_err()
        } else {
            store.connect().await.unwrap_err()
        };
        assert!(matches!(error, StoreError::Internal(_)), "{error:?}");
        std::fs::remove_file(&tables).unwrap();
        std::fs::rename(&away, &tables).unwrap();
        assert_eq!(store.connect().await.unwrap(), Continuity::Suspect);
        let found = store.checkpoint(batch(1).log).await.unwrap();
        assert_eq!(found.map(|checkpoint| checkpoint.commit), Some(if close { 2 } else { 1 }));
        store.close(Continuity::Intact).await.unwrap();
        assert_eq!(store.connect().await.unwrap(), Continuity::Intact);
        if !close {
            store.commit(&batch(2)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_that_is_given_up_can_be_repeated() {
    let parent = TempDir::new().unwrap();
    let store = store(options(&parent));
    store.connect().await.unwrap();
    store.commit(&batch(1)).await.unwrap();
    for millis in [0, 1, 5, 20, 50] {
        let _ = tokio::time::timeout(Duration::from_millis(millis), store.connect()).await;
        // An engine that was about to start is no other process.
        store.connect().await.unwrap();
        let found = store.checkpoint(batch(1).log).await.unwrap();
        assert_eq!(found, Some(batch(1).checkpoint), "{millis} ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_is_named() {
    let parent = TempDir::new().unwrap();
    std::fs::write(parent.path().join("db"), b"a file").unwrap();
    let error = store(options(&parent)).connect().await.unwrap_err();
    assert!(matches!(error, StoreError::Misconfigured(_)), "{error:?}");
    assert!(!error.is_transient());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_goes_on_after_its_timeout() {
    let hasty =
        SurrealOptions { operation_timeout: Duration::ZERO, ..SurrealOptions::new("mem://") };
    let store = store(hasty);
    store.connect().await.unwrap();
    // A commit may be quicker than its caller looks at the clock.
    let mut late = batch(1);
    let error = loop {
        match store.commit(&late).await {
            Ok(()) => late = batch(late.checkpoint.commit + 1),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Timeout { operation: "commit", .. }), "{error:?}");
    assert!(error.is_unclear());
    let client = store.client().unwrap();
    let applied = async {
        while read::checkpoint(&client, late.log).await.unwrap() != Some(late.checkpoint) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), applied).await.unwrap();
    // It is fenced by now: nobody can take its place.
    let again = super::commit::run(client, super::commit::inserting(&late).unwrap()).await;
    assert!(matches!(again, Err(StoreError::Moved)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_would_not_move_the_checkpoint_is_refused() {
    let store = store(SurrealOptions::new("mem://"));
    store.connect().await.unwrap();
    store.commit(&batch(1)).await.unwrap();
    let still = Batch { checkpoint: batch(1).checkpoint, ..batch(2) };
    let error = store.commit(&still).await.unwrap_err();
    assert!(matches!(error, StoreError::TransactionFailed(_)), "{error:?}");
    let far = Checkpoint { applied: Sequence::new(u64::MAX), ..batch(2).checkpoint };
    let error = store.commit(&Batch { checkpoint: far, ..batch(2) }).await.unwrap_err();
    assert!(matches!(error, StoreError::TransactionFailed(_)), "{error:?}");
}

/// What somebody else may do to a note, and what is said of it then.
const TAMPERED: [(&str, &str); 4] = [
    ("UPDATE notes:a SET version = 0", "notes:a, field version"),
    ("UPDATE notes:a SET version = -1", "notes:a, field version"),
    ("UPDATE notes:a UNSET title", "notes:a, field title"),
    (
        "UPDATE notes:a SET title = 'hidden', version = 1, tags = ['hidden', 1]",
        "notes:a, field tags",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_another_form_is_named_without_its_contents() {
    let store = store(SurrealOptions::new("mem://"));
    store.connect().await.unwrap();
    let client = store.client().unwrap();
    let create = |key: &str| {
        let note = "title: 'hidden', content: 'hidden', author: 'a', tags: ['hidden'], log: '', \
            seq: 1, created_at: time::now(), updated_at: time::now(), created_rank: '', \
            updated_rank: '', version: 1, lists: ['*']";
        client.query(format!("CREATE notes:{key} CONTENT {{ {note} }}"))
    };
    create("a").await.unwrap().check().unwrap();
    let id = NoteId::from_key("a").unwrap();
    for (statement, place) in TAMPERED {
        client.query(statement).await.unwrap().check().unwrap();
        let got = store.get(&id).await.unwrap_err();
        let loaded = store.load(std::slice::from_ref(&id)).await.unwrap_err();
        for error in [got, loaded] {
            assert!(matches!(error, StoreError::Unreadable(_)), "{error:?}");
            let message = error.to_string();
            assert!(message.contains(place) && !message.contains("hidden"), "{message}");
        }
    }
    // In a query text, digits are a number, which is not the text of a note id.
    client.query("DELETE notes").await.unwrap().check().unwrap();
    create("1").await.unwrap().check().unwrap();
    let sort = Sort { key: SortKey::CreatedAt, descending: true };
    let query = NoteQuery { author: None, tag: None, sort, limit: 1, after: None };
    let error = store.query(&query).await.unwrap_err();
    assert!(error.to_string().contains("notes:1, field id"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_outside_the_range_is_final() {
    let parent = TempDir::new().unwrap();
    let mut strict = options(&parent);
    strict.versions.accepted = semver::VersionReq::parse("<3").unwrap();
    let error = store(strict).connect().await.unwrap_err();
    assert!(matches!(error, StoreError::UnsupportedVersion { .. }), "{error:?}");
    let next = store(options(&parent));
    assert_eq!(next.connect().await.unwrap(), Continuity::Intact);
    assert_eq!(next.version().await.unwrap(), "3.3.5");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untested_version_is_warned_about_once() {
    let parent = TempDir::new().unwrap();
    let mut wary = options(&parent);
    wary.versions.tested.clear();
    let store = store(wary);
    let (lines, _guard) = Lines::collect();
    store.connect().await.unwrap();
    store.connect().await.unwrap();
    let lines = lines.text();
    assert_eq!(lines.matches("this version of SurrealDB was not tested").count(), 1, "{lines}");
}
