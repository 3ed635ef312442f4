//! Connecting, closing, and what remains.

use super::{Poster, Subject, id, note, put};
use crate::domain::Sequence;
use crate::ports::{Continuity, NoteQuery, NoteStore, Sort, SortKey, StoreError};

async fn assert_not_connected(store: &dyn NoteStore) {
    let poster = Poster::new(store, 1);
    let batch = poster.batch(&[put(&note("a"))]);
    let sort = Sort { key: SortKey::CreatedAt, descending: true };
    let query = NoteQuery { author: None, tag: None, sort, limit: 1, after: None };
    let errors = [
        store.ping().await.err(),
        store.version().await.err(),
        store.get(&id("a")).await.err(),
        store.load(&[id("a")]).await.err(),
        store.query(&query).await.err(),
        store.checkpoint(poster.log).await.err(),
        store.commit(&batch).await.err(),
        store.markers(poster.log, Sequence::ZERO, 1).await.err(),
        store.rejections(poster.log, Sequence::ZERO, Sequence::FIRST).await.err(),
    ];
    for error in errors {
        assert!(matches!(error, Some(StoreError::NotConnected)), "{error:?}");
    }
}

pub(crate) async fn every_call_needs_a_connection(subject: Subject) {
    assert_not_connected(subject.store.as_ref()).await;
    let store = subject.connected().await;
    store.close(Continuity::Intact).await.unwrap();
    assert_not_connected(store).await;
    store.close(Continuity::Intact).await.unwrap();
}

pub(crate) async fn connecting_again_keeps_everything(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    poster.post(&[put(&note("a"))]).await;
    assert_eq!(store.connect().await.unwrap(), Continuity::Intact);
    assert_eq!(store.get(&id("a")).await.unwrap(), Some(note("a")));
    poster.post(&[put(&note("b"))]).await;
    assert_eq!(store.get(&id("b")).await.unwrap(), Some(note("b")));
}

pub(crate) async fn it_answers_while_it_is_connected(subject: Subject) {
    let continuity = subject.store.connect().await.unwrap();
    assert_eq!(continuity == Continuity::Intact, subject.keeps_word);
    subject.store.ping().await.unwrap();
    assert!(!subject.store.version().await.unwrap().is_empty());
}

pub(crate) async fn a_clean_close_is_vouched_for(subject: Subject) {
    let store = subject.connected().await;
    let mut poster = Poster::new(store, 1);
    for round in ["a", "b"] {
        poster.post(&[put(&note(round))]).await;
        store.close(Continuity::Intact).await.unwrap();
        assert_eq!(store.connect().await.unwrap(), Continuity::Intact);
        assert_eq!(store.get(&id(round)).await.unwrap(), Some(note(round)));
        assert_eq!(store.checkpoint(poster.log).await.unwrap(), poster.at);
    }
}

pub(crate) async fn a_suspicion_outlives_the_connection(subject: Subject) {
    let store = subject.connected().await;
    Poster::new(store, 1).post(&[put(&note("a"))]).await;
    store.close(Continuity::Suspect).await.unwrap();
    let continuity = store.connect().await.unwrap();
    // A server was there all the time, and knows that by itself.
    assert_eq!(continuity == Continuity::Suspect, subject.keeps_word);
    store.close(Continuity::Intact).await.unwrap();
    assert_eq!(store.connect().await.unwrap(), Continuity::Intact);
    assert_eq!(store.get(&id("a")).await.unwrap(), Some(note("a")));
}

pub(crate) async fn a_restart_finds_everything(subject: Subject) {
    let restart = &subject.restart;
    // Nobody leaves word for the next process of what happens on a server.
    let expected = |word| if subject.keeps_word { word } else { Continuity::Suspect };
    let mut word = Continuity::Intact;
    let mut at = None;
    for (round, next_word) in
        [("a", Continuity::Intact), ("b", Continuity::Suspect), ("c", Continuity::Intact)]
    {
        let store = restart();
        assert_eq!(store.connect().await.unwrap(), expected(word), "{round}");
        let mut poster = Poster { at, ..Poster::new(store.as_ref(), 1) };
        assert_eq!(store.checkpoint(poster.log).await.unwrap(), at);
        poster.post(&[put(&note(round))]).await;
        at = poster.at;
        store.close(next_word).await.unwrap();
        word = next_word;
    }
    let store = restart();
    assert_eq!(store.connect().await.unwrap(), expected(word));
    assert_eq!(store.load(&[id("a"), id("b"), id("c")]).await.unwrap().len(), 3);
}
