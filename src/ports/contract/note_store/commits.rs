//! Transactions, and what they leave.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Change, Poster, Subject, id, known, note, put, time};
use crate::domain::{Note, Rejection, Sequence, Version};
use crate::ports::{Batch, Checkpoint, NoteStore, Provenance, Stamp, StoreError, Stored};

fn versioned(key: &str, version: u64, tags: &[&str]) -> Note {
    Note {
        title: format!("{key} at {version}"),
        tags: tags.iter().map(ToString::to_string).collect(),
        version: Version::new(version).unwrap(),
        ..note(key)
    }
}

pub(crate) async fn a_batch_leaves_all_it_holds(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    assert_eq!(store.checkpoint(poster.log).await.unwrap(), None);
    let refused = Change::Reject(Rejection::AlreadyExists { current: Version::FIRST });
    let batch = poster.post(&[put(&note("a")), refused, Change::Delete(id("b"))]).await;
    assert_eq!(store.checkpoint(poster.log).await.unwrap(), Some(batch.checkpoint));
    assert_eq!(
        store.markers(poster.log, Sequence::ZERO, 9).await.unwrap(),
        [batch.marker.unwrap()]
    );
    let rejections = store.rejections(poster.log, Sequence::ZERO, batch.marker.unwrap().last).await;
    assert_eq!(rejections.unwrap(), batch.rejections);
    assert_eq!(store.get(&id("a")).await.unwrap(), Some(note("a")));
    let a = Stored { id: id("a"), note: Some((note("a"), poster.provenance(1))), deleted: None };
    let b = Stored { id: id("b"), note: None, deleted: Some(poster.provenance(3)) };
    assert_eq!(known(store, "a").await, Some(a));
    assert_eq!(known(store, "b").await, Some(b));
}

pub(crate) async fn a_batch_that_expects_another_checkpoint_changes_nothing(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    let refused = |expected: Option<Checkpoint>, batch: &Batch| Batch {
        checkpoint: Checkpoint { commit: 99, ..batch.checkpoint },
        expected,
        ..batch.clone()
    };
    let first = poster.batch(&[put(&note("a"))]);
    let moved = store.commit(&refused(Some(first.checkpoint), &first)).await;
    assert!(matches!(moved, Err(StoreError::Moved)), "{moved:?}");
    assert_eq!(known(store, "a").await, None);
    assert_eq!(store.checkpoint(poster.log).await.unwrap(), None);
    poster.commit(first.clone()).await;
    let at = poster.at.unwrap();
    let next = poster.batch(&[
        put(&versioned("a", 2, &[])),
        put(&note("b")),
        Change::Reject(Rejection::NotFound),
    ]);
    for expected in [
        None,
        Some(Checkpoint { applied: at.applied.next(), ..at }),
        Some(Checkpoint { applied: at.applied.previous(), ..at }),
        Some(Checkpoint { accepted_at: time(1, 2), ..at }),
        Some(Checkpoint { commit: at.commit + 1, ..at }),
        Some(Checkpoint { horizon: at.horizon.next(), ..at }),
        Some(Checkpoint { rebuilt_at: at.rebuilt_at.next(), ..at }),
    ] {
        let moved = store.commit(&refused(expected, &next)).await;
        assert!(matches!(moved, Err(StoreError::Moved)), "{expected:?}: {moved:?}");
    }
    assert_eq!(store.get(&id("a")).await.unwrap(), Some(note("a")));
    assert_eq!(known(store, "b").await, None);
    assert_eq!(store.checkpoint(poster.log).await.unwrap(), Some(at));
    assert_eq!(
        store.markers(poster.log, Sequence::ZERO, 9).await.unwrap(),
        [first.marker.unwrap()]
    );
    assert_eq!(
        store.rejections(poster.log, Sequence::ZERO, next.marker.unwrap().last).await.unwrap(),
        []
    );
    poster.commit(next).await;
}

pub(crate) async fn of_two_batches_from_one_checkpoint_one_is_applied(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    for round in 0..20 {
        let (left, right) = (note(&format!("l{round}")), note(&format!("r{round}")));
        let batches = [poster.batch(&[put(&left)]), poster.batch(&[put(&right)])];
        let (l, r) = tokio::join!(store.commit(&batches[0]), store.commit(&batches[1]));
        let applied = [l.is_ok(), r.is_ok()];
        assert_eq!(applied.iter().filter(|applied| **applied).count(), 1, "{l:?} {r:?}");
        for (note, applied) in [left, right].iter().zip(applied) {
            assert_eq!(store.get(&note.id).await.unwrap().is_some(), applied);
        }
        for error in [l, r].into_iter().filter_map(Result::err) {
            assert!(matches!(error, StoreError::Moved | StoreError::Conflict(_)), "{error:?}");
        }
        poster.at = Some(batches[0].checkpoint);
    }
}

pub(crate) async fn a_note_is_replaced_as_a_whole(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    poster.post(&[put(&note("a"))]).await;
    let replaced = Note {
        title: "t".to_owned(),
        content: "c".to_owned(),
        author: "bob".to_owned(),
        tags: vec![],
        created_at: time(5, 5),
        updated_at: time(6, 6),
        version: Version::new(7).unwrap(),
        ..note("a")
    };
    poster.post(&[put(&replaced)]).await;
    let stored = known(store, "a").await.unwrap();
    assert_eq!(stored.note, Some((replaced, poster.provenance(2))));
}

pub(crate) async fn a_put_does_not_depend_on_what_was_there(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    poster.post(&[put(&versioned("a", 5, &["x"])), put(&versioned("b", 1, &["x"]))]).await;
    // Back to version 1 where there is a note, beside one where there is none,
    // and ahead to version 9 where there is none.
    let again =
        [versioned("a", 1, &["y"]), versioned("b", 2, &[]), note("c"), versioned("d", 9, &["z"])];
    poster.post(&again.each_ref().map(put)).await;
    for (note, seq) in again.iter().zip(3..) {
        let stored = known(store, note.id.key()).await.unwrap();
        assert_eq!(stored.note, Some((note.clone(), poster.provenance(seq))));
    }
}

pub(crate) async fn deletions_are_remembered_beside_the_note(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    let log = poster.log;
    let deleted = |seq| Some(Provenance::new(Stamp { log, seq: Sequence::new(seq) }));
    poster.post(&[put(&note("a"))]).await;
    poster.post(&[Change::Delete(id("a"))]).await;
    assert_eq!(store.get(&id("a")).await.unwrap(), None);
    let gone = Stored { id: id("a"), note: None, deleted: deleted(2) };
    assert_eq!(known(store, "a").await, Some(gone));
    poster.post(&[put(&note("a"))]).await;
    let again =
        Stored { id: id("a"), note: Some((note("a"), poster.provenance(3))), deleted: deleted(2) };
    assert_eq!(known(store, "a").await, Some(again));
    poster.post(&[Change::Delete(id("a"))]).await;
    let gone = Stored { id: id("a"), note: None, deleted: deleted(4) };
    assert_eq!(known(store, "a").await, Some(gone));
}

pub(crate) async fn a_repair_may_be_repeated(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    let refused = Change::Reject(Rejection::NotFound);
    poster.post(&[put(&note("b"))]).await;
    let lost = poster.post(&[put(&note("a")), refused, Change::Delete(id("b"))]).await;
    for _ in 0..2 {
        let at = poster.at.unwrap();
        let checkpoint = Checkpoint { commit: at.commit + 1, ..at };
        poster.commit(Batch { expected: poster.at, checkpoint, ..lost.clone() }).await;
        assert_eq!(store.get(&id("a")).await.unwrap(), Some(note("a")));
        assert_eq!(known(store, "b").await.unwrap().deleted, Some(poster.provenance(4)));
        let markers = store.markers(poster.log, lost.marker.unwrap().last, 9).await.unwrap();
        assert_eq!(markers, [lost.marker.unwrap()]);
        let rejections =
            store.rejections(poster.log, Sequence::ZERO, lost.marker.unwrap().last).await;
        assert_eq!(rejections.unwrap(), lost.rejections);
    }
}

pub(crate) async fn logs_do_not_see_each_other(subject: Subject) {
    let store = subject.connected().await;
    // The ids differ in their first and in their last place only.
    let mut posters = [1, 2, 1 << 127].map(|log| Poster::new(store, log));
    for (poster, key) in posters.iter_mut().zip(["a", "b", "c"]) {
        poster.post(&[put(&note(key)), Change::Reject(Rejection::NotFound)]).await;
    }
    posters[0].post(&[Change::Delete(id("b"))]).await;
    for (poster, markers) in posters.iter().zip([2, 1, 1]) {
        assert_eq!(store.checkpoint(poster.log).await.unwrap(), poster.at);
        let found = store.markers(poster.log, Sequence::ZERO, 9).await.unwrap();
        assert_eq!(found.len(), markers);
        let all = store.rejections(poster.log, Sequence::ZERO, Sequence::new(u64::MAX)).await;
        assert_eq!(all.unwrap(), [(Sequence::new(2), Rejection::NotFound)]);
    }
    assert_eq!(known(store, "b").await.unwrap().deleted, Some(posters[0].provenance(3)));
    assert_eq!(known(store, "c").await.unwrap().note.unwrap().1, posters[2].provenance(1));
}

pub(crate) async fn unknown_ids_are_left_out(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    poster.post(&[put(&note("a")), put(&note("b")), Change::Delete(id("c"))]).await;
    assert_eq!(store.load(&[]).await.unwrap(), []);
    assert_eq!(store.load(&[id("x")]).await.unwrap(), []);
    assert_eq!(store.get(&id("x")).await.unwrap(), None);
    assert_eq!(store.get(&id("c")).await.unwrap(), None);
    let mut stored = store.load(&[id("x"), id("c"), id("a"), id("y")]).await.unwrap();
    stored.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(stored.iter().map(|s| s.id.key()).collect::<Vec<_>>(), ["a", "c"]);
}

/// Commits the notes, and reads each back in both ways.
async fn round_trip(store: &dyn NoteStore, log: u128, notes: &[Note]) {
    let changes: Vec<Change> = notes.iter().map(put).collect();
    Poster::new(store, log).post(&changes).await;
    for note in notes {
        assert_eq!(store.get(&note.id).await.unwrap().as_ref(), Some(note));
        let stored = known(store, note.id.key()).await.unwrap();
        assert_eq!(stored.note.map(|(note, _)| note).as_ref(), Some(note));
    }
}

pub(crate) async fn texts_come_back_exactly(subject: Subject) {
    let store = subject.connected().await;
    let texts = [
        "\0",
        "a\0b\0",
        "line\nline\r\n\ttab",
        "שלום \u{202E}العربية",
        "\u{FFFD}\u{FEFF}",
        "👩‍👩‍👧‍👦🦀",
        "'; DELETE notes; --",
        "\\u{0000} ${x} `notes:1`",
        "2024-01-01T00:00:00Z",
        "notes:abc",
        "u'3e0f6f0c-0000-4000-8000-000000000000'",
        "NONE",
        "12",
        " ",
    ];
    let mut notes: Vec<Note> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| Note {
            title: (*text).to_owned(),
            content: format!("{text}{text}"),
            tags: vec![(*text).to_owned(), "twice".to_owned(), "twice".to_owned()],
            ..note(&format!("n{index}"))
        })
        .collect();
    notes.push(Note { content: "\u{10FFFF}".repeat(10_000), ..note("large") });
    round_trip(store, 1, &notes).await;
}

pub(crate) async fn every_form_of_key_is_its_own_note(subject: Subject) {
    let store = subject.connected().await;
    let longest = "9".repeat(64);
    let keys = [
        "0",
        "00",
        "1",
        "-1",
        "1_0",
        "10",
        "9223372036854775808",
        "-",
        "_",
        "--",
        "__",
        "a",
        "A",
        "NONE",
        "true",
        "null",
        "rand",
        "1e5",
        "0x10",
        "3e0f6f0c-0000-4000-8000-000000000000",
        &longest,
    ];
    keys_round_trip(store, 1, &keys.map(str::to_owned)).await;
}

/// Commits a note under each key, and reads each back.
pub(crate) async fn keys_round_trip(store: &dyn NoteStore, log: u128, keys: &[String]) {
    let keys: BTreeSet<&String> = keys.iter().collect();
    let notes: Vec<Note> = keys.into_iter().map(|key| note(key)).collect();
    round_trip(store, log, &notes).await;
}

pub(crate) async fn times_keep_their_nanoseconds(subject: Subject) {
    let store = subject.connected().await;
    let notes = [(0, 1), (0, 999_999_999), (-1_700_000_001, 999_999_999), (7_000_000_000, 0)];
    let timed = |(index, (seconds, nanoseconds))| Note {
        created_at: time(seconds, nanoseconds),
        updated_at: time(seconds, nanoseconds),
        ..note(&format!("n{index}"))
    };
    round_trip(store, 1, &notes.into_iter().enumerate().map(timed).collect::<Vec<_>>()).await;
}

pub(crate) async fn large_batches_are_one_transaction(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    for version in [1, 2] {
        let notes: Vec<Note> =
            (0..300).map(|n| versioned(&format!("n{n}"), version, &["t"])).collect();
        poster.post(&notes.iter().map(put).collect::<Vec<_>>()).await;
        let ids: Vec<_> = notes.iter().map(|note| note.id.clone()).collect();
        let stored = store.load(&ids).await.unwrap();
        assert_eq!(stored.len(), 300);
        assert!(stored.iter().all(|s| s.note.as_ref().unwrap().0.version.get() == version));
    }
}

pub(crate) async fn a_caller_that_gives_up_leaves_all_or_nothing(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    for micros in [0, 1, 50, 200, 500, 1_000, 2_000, 5_000, 20_000] {
        let notes: Vec<Note> = (0..20).map(|n| note(&format!("n{micros}-{n}"))).collect();
        let batch = poster.batch(&notes.iter().map(put).collect::<Vec<_>>());
        let _ = tokio::time::timeout(Duration::from_micros(micros), store.commit(&batch)).await;
        // The abandoned commit may come first, or this one; never both.
        while store.checkpoint(poster.log).await.unwrap() != Some(batch.checkpoint) {
            let again = store.commit(&batch).await;
            let lost = matches!(again, Err(StoreError::Moved | StoreError::Conflict(_)));
            assert!(again.is_ok() || lost, "{again:?}");
        }
        poster.at = Some(batch.checkpoint);
        let ids: Vec<_> = notes.iter().map(|note| note.id.clone()).collect();
        assert_eq!(store.load(&ids).await.unwrap().len(), 20, "{micros}");
    }
}
