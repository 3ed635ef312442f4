//! Several logs on one database, and commands that stand aside.

use super::{Change, Poster, Subject, id, known, note, put, time};
use crate::domain::{Note, Rejection, Sequence, Version};
use crate::ports::{
    Batch, Found, Marker, NoteStore, Parked, Provenance, Recorded, Stamp, StoreError, Write,
};

/// How the store knows these notes now.
async fn found(store: &dyn NoteStore, keys: &[&str]) -> Vec<Found> {
    let mut found = Vec::new();
    for key in keys {
        let absent = Found { id: id(key), note: None, deleted: None };
        found.push(known(store, key).await.map_or(absent, |stored| Found::of(&stored)));
    }
    found
}

pub(crate) async fn notes_as_they_were_found_are_no_obstacle(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    poster.post(&[put(&note("b")), put(&note("c")), put(&note("d"))]).await;
    poster.post(&[Change::Delete(id("c")), Change::Delete(id("d")), put(&note("d"))]).await;
    // Never there, there, deleted, and made again; in any order.
    for keys in [["a", "b", "c", "d"], ["d", "c", "b", "a"], ["c", "a", "d", "b"]] {
        let batch = poster.batch(&[Change::Reject(Rejection::NotFound)]);
        let found = found(store, &keys).await;
        poster.commit(Batch { found, ..batch }).await;
    }
}

pub(crate) async fn a_note_that_another_log_changed_stops_the_batch(subject: Subject) {
    let store = subject.connected().await;
    let (mut ours, mut theirs) = (Poster::new(store, 1), Poster::new(store, 2));
    ours.post(&[put(&note("a")), put(&note("b"))]).await;
    let changes: [fn() -> Change; 4] = [
        || put(&note("a")),
        || Change::Delete(id("a")),
        || put(&note("a")),
        || Change::Delete(id("b")),
    ];
    for change in changes {
        let found = found(store, &["a", "b", "c"]).await;
        theirs.post(&[change()]).await;
        let batch = Batch { found, ..ours.batch(&[put(&note("c"))]) };
        let refused = store.commit(&batch).await;
        assert!(matches!(refused, Err(StoreError::Changed)), "{refused:?}");
        assert_eq!(known(store, "c").await, None);
        assert_eq!(store.checkpoint(ours.log).await.unwrap(), ours.at);
    }
    // Of both guards that of the checkpoint speaks first.
    let stale = found(store, &["a"]).await;
    theirs.post(&[put(&note("a"))]).await;
    let batch = Batch { found: stale, expected: None, ..ours.batch(&[put(&note("c"))]) };
    assert!(matches!(store.commit(&batch).await, Err(StoreError::Moved)));
}

pub(crate) async fn a_creation_that_was_judged_on_nothing_meets_another(subject: Subject) {
    let store = subject.connected().await;
    let (ours, mut theirs) = (Poster::new(store, 1), Poster::new(store, 2));
    let batch = Batch { found: found(store, &["a"]).await, ..ours.batch(&[put(&note("a"))]) };
    theirs.post(&[put(&note("a"))]).await;
    let refused = store.commit(&batch).await;
    assert!(matches!(refused, Err(StoreError::Changed)), "{refused:?}");
    assert_eq!(known(store, "a").await.unwrap().note.unwrap().1, theirs.provenance(1));
}

pub(crate) async fn a_note_that_was_taken_to_be_absent_stops_the_batch(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    let later = Note { version: Version::new(2).unwrap(), ..note("a") };
    // Made; made and changed; made and removed; made and not written.
    let changes: [fn(Note) -> Change; 4] = [
        |_| put(&note("a")),
        |later| put(&later),
        |_| Change::Delete(id("a")),
        |_| Change::Reject(Rejection::NotFound),
    ];
    let batch = |poster: &Poster<'_>, change: fn(Note) -> Change| {
        let changes = [put(&note("b")), change(later.clone())];
        Batch { absent: vec![id("a"), id("b")], ..poster.batch(&changes) }
    };
    poster.post(&[put(&note("a"))]).await;
    for change in changes {
        let refused = store.commit(&batch(&poster, change)).await;
        assert!(matches!(refused, Err(StoreError::Changed)), "{refused:?}");
        assert_eq!(known(store, "b").await, None);
        assert_eq!(store.checkpoint(poster.log).await.unwrap(), poster.at);
    }
    for change in changes {
        poster.post(&[Change::Delete(id("a")), Change::Delete(id("b"))]).await;
        poster.commit(batch(&poster, change)).await;
        assert_eq!(known(store, "b").await.unwrap().note.unwrap().0, note("b"));
    }
    // Of both guards that of the checkpoint speaks first.
    let stale = Batch { expected: None, ..batch(&poster, changes[0]) };
    assert!(matches!(store.commit(&stale).await, Err(StoreError::Moved)));
}

pub(crate) async fn of_two_logs_that_found_the_same_note_one_is_applied(subject: Subject) {
    let store = subject.connected().await;
    let (mut ours, mut theirs) = (Poster::new(store, 1), Poster::new(store, 2));
    ours.post(&[put(&note("a"))]).await;
    for _ in 0..20 {
        let found = found(store, &["a"]).await;
        let batches = [&ours, &theirs]
            .map(|poster| Batch { found: found.clone(), ..poster.batch(&[put(&note("a"))]) });
        let (l, r) = tokio::join!(store.commit(&batches[0]), store.commit(&batches[1]));
        assert!(l.is_ok() != r.is_ok(), "{l:?} {r:?}");
        let winner = if l.is_ok() { &mut ours } else { &mut theirs };
        winner.at = Some(batches[usize::from(r.is_ok())].checkpoint);
        let lost = l.err().or(r.err()).unwrap();
        assert!(lost.is_contention(), "{lost:?}");
    }
}

pub(crate) async fn what_other_logs_did_is_remembered(subject: Subject) {
    let store = subject.connected().await;
    let poster = Poster::new(store, 1);
    let others = [(2, 7), (3, 1 << 40)].map(|(log, seq)| {
        (crate::domain::LogId::from_uuid(uuid::Uuid::from_u128(log)), Sequence::new(seq))
    });
    let provenance = |seq| Provenance {
        last: Stamp { log: poster.log, seq: Sequence::new(seq) },
        earlier: others.into_iter().collect(),
    };
    let writes = vec![
        Write::Put { note: note("a"), provenance: provenance(1) },
        Write::Delete { id: id("b"), provenance: provenance(2) },
    ];
    let two = [Change::Delete(id("x")), Change::Delete(id("y"))];
    store.commit(&Batch { writes, ..poster.batch(&two) }).await.unwrap();
    assert_eq!(known(store, "a").await.unwrap().note, Some((note("a"), provenance(1))));
    assert_eq!(known(store, "b").await.unwrap().deleted, Some(provenance(2)));
}

fn parked(seq: u64, key: &str, attempts: u32) -> Parked {
    let reason = format!("attempt {attempts} of '{key}'\n\"refused\"");
    Parked { seq: Sequence::new(seq), note: id(key), attempts, reason, since: time(seq as i64, 9) }
}

pub(crate) async fn parked_commands_are_kept_until_they_are_released(subject: Subject) {
    let store = subject.connected().await;
    let (mut poster, mut other) = (Poster::new(store, 1), Poster::new(store, 2));
    let five = [1, 2, 3, 4, 5].map(|_| Change::Reject(Rejection::NotFound));
    let all = vec![parked(2, "a", 3), parked(3, "b", 1), parked(5, "a", 0)];
    let batch = Batch { rejections: vec![], parked: all.clone(), ..poster.batch(&five) };
    poster.commit(batch).await;
    let batch = Batch { parked: vec![parked(1, "z", 1)], ..other.batch(&five[..1]) };
    other.commit(batch).await;
    let listed = async |from: u64, limit| {
        store.parked(poster.log, Sequence::new(from), limit).await.unwrap()
    };
    assert_eq!(listed(0, 9).await, all);
    assert_eq!(listed(3, 9).await, all[1..]);
    assert_eq!(listed(0, 1).await, all[..1]);
    assert_eq!(store.parked(other.log, Sequence::ZERO, 9).await.unwrap(), [parked(1, "z", 1)]);

    let mut released = poster.batch(&[]);
    released.marker = Some(Marker { first: Sequence::new(2), last: Sequence::new(2) });
    released.released = vec![Sequence::new(2)];
    released.parked = vec![parked(5, "a", 1)];
    store.commit(&released).await.unwrap();
    let left = store.parked(poster.log, Sequence::ZERO, 9).await.unwrap();
    assert_eq!(left, [parked(3, "b", 1), parked(5, "a", 1)]);
}

pub(crate) async fn what_became_of_a_command_is_recorded(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    let at = |key, version| {
        put(&crate::domain::Note { version: Version::new(version).unwrap(), ..note(key) })
    };
    let refused = Rejection::AlreadyExists { current: Version::FIRST };
    poster.post(&[at("a", 1), Change::Reject(refused), at("b", 7), Change::Delete(id("a"))]).await;
    let batch = poster.batch(&[at("c", 3), Change::Reject(Rejection::NotFound)]);
    let batch = Batch { rejections: vec![], parked: vec![parked(6, "d", 1)], ..batch };
    poster.commit(batch).await;
    // One that was parked has a marker of its own within that of its batch.
    let mut again = poster.batch(&[]);
    again.marker = Some(Marker { first: Sequence::new(3), last: Sequence::new(3) });
    again.versions = vec![(Sequence::new(3), Version::new(9).unwrap())];
    store.commit(&again).await.unwrap();
    let applied = |version| Recorded::Applied(Version::new(version));
    for (seq, expected) in [
        (1, applied(1)),
        (2, Recorded::Rejected(refused)),
        (3, applied(9)),
        (4, Recorded::Applied(None)),
        (5, applied(3)),
        (6, Recorded::Parked(parked(6, "d", 1))),
    ] {
        assert_eq!(store.recorded(poster.log, Sequence::new(seq)).await.unwrap(), expected);
    }
}
