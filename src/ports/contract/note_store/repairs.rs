//! What healing relies on: markers, rejections and the horizon.

use super::{Change, Poster, Subject, id, known, note, put};
use crate::domain::{Rejection, Sequence, Version};
use crate::ports::{Batch, Marker};

fn seq(number: u64) -> Sequence {
    Sequence::new(number)
}

fn marker(first: u64, last: u64) -> Marker {
    Marker { first: seq(first), last: seq(last) }
}

const REFUSED: Change = Change::Reject(Rejection::NotFound);

pub(crate) async fn markers_come_by_their_end(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    let log = poster.log;
    assert_eq!(store.markers(log, Sequence::ZERO, 10).await.unwrap(), []);
    for size in [2, 1, 7, 90] {
        poster.post(&vec![REFUSED; size]).await;
    }
    let mut other = Poster::new(store, 2);
    other.post(&[REFUSED, REFUSED]).await;
    let all = [marker(1, 2), marker(3, 3), marker(4, 10), marker(11, 100)];
    for (from, limit, found) in [
        (0, 10, &all[..]),
        (2, 10, &all[..]),
        (3, 10, &all[1..]),
        (4, 10, &all[2..]),
        (10, 10, &all[2..]),
        (11, 10, &all[3..]),
        (100, usize::MAX, &all[3..]),
        (101, 10, &[]),
        (u64::MAX, 10, &[]),
        (0, 2, &all[..2]),
        (3, 1, &all[1..2]),
        (0, 0, &[]),
    ] {
        let markers = store.markers(log, seq(from), limit).await.unwrap();
        assert_eq!(markers, found, "from {from}, limit {limit}");
    }
    assert_eq!(store.markers(other.log, seq(0), 10).await.unwrap(), [marker(1, 2)]);
}

pub(crate) async fn rejections_come_by_range(subject: Subject) {
    let store = subject.connected().await;
    let current = Version::new(9_223_372_036_854_775_807).unwrap();
    let kinds = [
        Rejection::NotFound,
        Rejection::AlreadyExists { current },
        Rejection::PreconditionFailed { current: Some(Version::FIRST) },
        Rejection::PreconditionFailed { current: None },
    ];
    let mut poster = Poster::new(store, 1);
    let refused = |index: usize| Change::Reject(kinds[index]);
    poster.post(&[refused(0), put(&note("a")), refused(1)]).await;
    poster.post(&[refused(2), refused(3)]).await;
    Poster::new(store, 2).post(&[REFUSED]).await;
    let all: Vec<(Sequence, Rejection)> = [1, 3, 4, 5].map(seq).into_iter().zip(kinds).collect();
    for (first, last, found) in [
        (0, u64::MAX, &all[..]),
        (1, 5, &all[..]),
        (2, 4, &all[1..3]),
        (2, 2, &[]),
        (5, 5, &all[3..]),
        (6, u64::MAX, &[]),
        (4, 3, &[]),
    ] {
        let rejections = store.rejections(poster.log, seq(first), seq(last)).await.unwrap();
        assert_eq!(rejections, found, "{first} to {last}");
    }
}

fn with_horizon(mut batch: Batch, horizon: u64) -> Batch {
    batch.checkpoint.horizon = seq(horizon);
    batch
}

pub(crate) async fn the_horizon_forgets_what_it_passes(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    let log = poster.log;
    poster.post(&[put(&note("a")), put(&note("b")), put(&note("c"))]).await;
    for key in ["a", "b", "c"] {
        poster.post(&[Change::Delete(id(key))]).await;
    }
    assert_eq!(known(store, "b").await.unwrap().deleted, Some(poster.provenance(5)));
    poster.commit(with_horizon(poster.batch(&[REFUSED]), 5)).await;
    let left = [marker(5, 5), marker(6, 6), marker(7, 7)];
    assert_eq!(store.markers(log, seq(0), 10).await.unwrap(), left);
    assert_eq!(known(store, "a").await, None);
    assert_eq!(known(store, "b").await.unwrap().deleted, Some(poster.provenance(5)));
    assert_eq!(known(store, "c").await.unwrap().deleted, Some(poster.provenance(6)));
    // It stays where it is: nothing more is forgotten.
    poster.post(&[REFUSED]).await;
    assert_eq!(store.markers(log, seq(0), 10).await.unwrap().len(), 4);
    // It passes the batch that moves it.
    poster.commit(with_horizon(poster.batch(&[REFUSED]), 10)).await;
    assert_eq!(store.markers(log, seq(0), 10).await.unwrap(), []);
    assert_eq!(store.load(&[id("a"), id("b"), id("c")]).await.unwrap(), []);
    assert_eq!(store.rejections(log, seq(0), seq(99)).await.unwrap().len(), 3);
    assert_eq!(store.checkpoint(log).await.unwrap().unwrap().horizon, seq(10));
}

pub(crate) async fn the_horizon_of_a_log_is_its_own(subject: Subject) {
    let store = subject.connected().await;
    let mut other = Poster::new(store, 2);
    other.post(&[put(&note("a")), Change::Delete(id("b"))]).await;
    let mut poster = Poster::new(store, 1);
    poster.post(&[REFUSED, REFUSED, Change::Delete(id("c"))]).await;
    poster.commit(with_horizon(poster.batch(&[REFUSED]), 4)).await;
    assert_eq!(store.markers(poster.log, seq(0), 10).await.unwrap(), [marker(4, 4)]);
    assert_eq!(store.markers(other.log, seq(0), 10).await.unwrap(), [marker(1, 2)]);
    assert_eq!(known(store, "b").await.unwrap().deleted, Some(other.provenance(2)));
    assert_eq!(known(store, "c").await, None);
}
