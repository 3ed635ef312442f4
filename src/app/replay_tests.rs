//! A log posted to a new database amounts to what the service made of it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::fixture::*;
use super::*;
use crate::adapters::memory::MemoryStore;
use crate::domain::*;
use crate::ports::*;

/// A service that has applied some commands, rejections among them.
async fn served() -> Fixture {
    let mut fixture = Fixture::new();
    for command in [create("a"), put("b", "first"), create("a"), delete("b"), patch("a", "last")] {
        fixture.clock.advance(chrono::TimeDelta::seconds(1));
        fixture.append(command, Precondition::None).await;
    }
    fixture.catch_up().await;
    fixture
}

fn onto(fixture: &Fixture, log: Arc<dyn CommandLog>, store: &Arc<MemoryStore>) -> Replay {
    let ports = Ports { log, store: store.clone(), ..fixture.ports() };
    Replay::new(ports, Options::default())
}

async fn note(store: &MemoryStore, key: &str) -> Option<Note> {
    store.get(&id(key)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_new_database_becomes_what_the_old_one_is() {
    let fixture = served().await;
    let store = Arc::new(MemoryStore::new());
    let mut replay = onto(&fixture, fixture.log.clone(), &store);
    replay.connect().await.unwrap();
    replay.check_empty().await.unwrap();
    let backlog = replay.backlog().await.unwrap();
    assert_eq!((backlog.applied, backlog.commands()), (None, 5));
    let mut at = Vec::new();
    replay.run(None, |seq| at.push(seq)).await.unwrap();
    assert_eq!(at, [Sequence::new(5)]);
    for key in ["a", "b"] {
        assert_eq!(note(&store, key).await, note(&fixture.store, key).await);
    }
    let log = fixture.log.id();
    let rejections = |store: Arc<MemoryStore>| async move {
        store.rejections(log, Sequence::ZERO, Sequence::new(9)).await.unwrap()
    };
    assert_eq!(rejections(store.clone()).await, rejections(fixture.store.clone()).await);
    assert_eq!(replay.backlog().await.unwrap().commands(), 0);
    // Another replay has nothing to do, and a rebuild no place.
    onto(&fixture, fixture.log.clone(), &store).run(None, |_| panic!("again")).await.unwrap();
    let mut taken = onto(&fixture, fixture.log.clone(), &store);
    taken.connect().await.unwrap();
    let taken = taken.check_empty().await;
    assert!(matches!(taken, Err(ReplayError::NotEmpty("a checkpoint of this log"))), "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_point_in_time_is_the_notes_as_they_were_then() {
    let fixture = served().await;
    let entries = fixture.log.read(Sequence::FIRST, ReadLimit { max_commands: 9, max_bytes: 9999 });
    let second = entries.await.unwrap()[1].submission.accepted_at;
    for just_before in [false, true] {
        let store = Arc::new(MemoryStore::new());
        let time = if just_before { second - Duration::from_nanos(1) } else { second };
        let log = Arc::new(BoundedLog::until(fixture.log.clone(), time).await.unwrap());
        onto(&fixture, log, &store).run(None, |_| ()).await.unwrap();
        assert!(note(&store, "a").await.is_some_and(|note| note.version == Version::FIRST));
        assert_eq!(note(&store, "b").await.is_some(), !just_before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bounded_log_ends_where_it_is_told_and_the_rest_can_follow() {
    let fixture = served().await;
    let store = Arc::new(MemoryStore::new());
    let log = BoundedLog::upto(fixture.log.clone(), Sequence::new(3)).await.unwrap();
    assert_eq!(log.positions().last, fixture.log.locate(Sequence::new(3)).await.unwrap());
    assert!(matches!(log.wait_past(Sequence::new(3)).await, Err(LogError::Closed)));
    onto(&fixture, Arc::new(log), &store).run(None, |_| ()).await.unwrap();
    assert!(note(&store, "b").await.is_some(), "it is deleted by command 4");
    onto(&fixture, fixture.log.clone(), &store).run(None, |_| ()).await.unwrap();
    assert_eq!(note(&store, "b").await, None);
    let beyond = BoundedLog::upto(fixture.log.clone(), Sequence::new(99)).await.unwrap();
    assert_eq!(beyond.positions(), fixture.log.positions());
}

#[tokio::test(start_paused = true)]
async fn a_database_of_another_history_is_left_alone() {
    let fixture = served().await;
    let log = BoundedLog::upto(fixture.log.clone(), Sequence::new(3)).await.unwrap();
    let mut replay = onto(&fixture, Arc::new(log), &fixture.store.clone());
    let refused = replay.run(None, |_| panic!("applied")).await;
    assert!(matches!(refused, Err(ReplayError::Refused(_))), "{refused:?}");
    assert!(matches!(replay.backlog().await, Err(ReplayError::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_and_an_outage_is_waited_for() {
    let fixture = served().await;
    let store = Arc::new(MemoryStore::new());
    let batch = ReadLimit { max_commands: 1, max_bytes: u64::MAX };
    let ports = Ports { store: store.clone(), ..fixture.ports() };
    let mut replay = Replay::new(ports, Options { batch, ..Options::default() });
    let began = tokio::time::Instant::now();
    replay.run(NonZeroU32::new(2), |_| ()).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_millis(2_500));

    let store = Arc::new(MemoryStore::new());
    store.set_outage(true);
    let mut replay = onto(&fixture, fixture.log.clone(), &store);
    let back = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        store.set_outage(false);
    };
    let (replayed, ()) = tokio::join!(replay.run(None, |_| ()), back);
    replayed.unwrap();
    assert!(note(&store, "a").await.is_some());
}
