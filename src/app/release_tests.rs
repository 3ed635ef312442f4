//! Parked commands are attempted again, or given up, while the service runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::fixture::*;
use super::*;
use crate::domain::*;

/// A running service that has parked `create b` (2) and, behind it, `patch b` (3)
/// and `patch b` (4).
async fn running() -> (Arc<Daybook>, Arc<crate::adapters::memory::MemoryStore>, watch::Sender<bool>)
{
    let fixture = Fixture::new();
    fixture.store.refuse([id("b")]);
    for command in [create("a"), create("b"), patch("b", "two"), patch("b", "three")] {
        fixture.append(command, Precondition::None).await;
    }
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(fixture.applier.run(stopped));
    let daybook = fixture.daybook;
    while daybook.parked(Sequence::ZERO, 9).len() < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (daybook, fixture.store, stop)
}

async fn release(daybook: &Daybook, seq: u64, how: Release) -> Result<CommandState, ReleaseError> {
    daybook.release(Sequence::new(seq), how, soon()).await
}

fn parked(daybook: &Daybook) -> Vec<u64> {
    daybook.parked(Sequence::ZERO, 9).iter().map(|parked| parked.seq.get()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_mended_command_is_applied_with_those_behind_it() {
    let (daybook, store, _stop) = running().await;
    assert_eq!(release(&daybook, 2, Release::Retry).await, Ok(CommandState::Parked));
    assert_eq!(daybook.parked(Sequence::ZERO, 1)[0].attempts, 4);
    store.refuse([]);
    let applied = Ok(CommandState::Applied(Version::new(2)));
    assert_eq!(release(&daybook, 3, Release::Retry).await, applied);
    assert_eq!(parked(&daybook), [0; 0]);
    let read = daybook.get(&id("b"), soon()).await.unwrap();
    assert_eq!(
        (read.note.unwrap().title.as_str(), read.consistency),
        ("three", Consistency::Current)
    );
    assert_eq!(release(&daybook, 2, Release::Retry).await, Err(ReleaseError::NotParked));
    // The service goes on.
    assert!(daybook.submit(request(create("c")), soon()).await.unwrap().outcome.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_discarded_command_never_takes_effect() {
    let (daybook, store, _stop) = running().await;
    let discarded = Ok(CommandState::Rejected(Rejection::Discarded));
    assert_eq!(release(&daybook, 3, Release::Discard).await, discarded);
    assert_eq!(parked(&daybook), [2, 4]);
    store.refuse([]);
    release(&daybook, 2, Release::Retry).await.unwrap();
    let note = daybook.get(&id("b"), soon()).await.unwrap().note.unwrap();
    assert_eq!((note.title.as_str(), note.version.get()), ("three", 2));
    let third = CommandId { log: daybook.log(), seq: Sequence::new(3) };
    let state = daybook.command(third, soon()).await.unwrap();
    assert_eq!(state, Some(CommandState::Rejected(Rejection::Discarded)));
}

/// What waited behind a discarded command does no longer.
#[tokio::test(start_paused = true)]
async fn commands_behind_a_discarded_one_are_judged() {
    let (daybook, _store, _stop) = running().await;
    release(&daybook, 2, Release::Discard).await.unwrap();
    assert_eq!(parked(&daybook), [0; 0]);
    let fourth = CommandId { log: daybook.log(), seq: Sequence::new(4) };
    let state = daybook.command(fourth, soon()).await.unwrap();
    assert_eq!(state, Some(CommandState::Rejected(Rejection::NotFound)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_later_about_what_was_refused() {
    let (daybook, store, _stop) = running().await;
    store.set_outage(true);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let refused = release(&daybook, 2, Release::Discard).await;
    assert!(matches!(refused, Err(ReleaseError::Unavailable { .. })), "{refused:?}");
    store.set_outage(false);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(parked(&daybook), [2, 3, 4]);
}

/// Nobody runs the applier, so the order is taken back at the deadline.
#[tokio::test(start_paused = true)]
async fn an_order_that_was_not_begun_is_taken_back() {
    let mut fixture = Fixture::new();
    fixture.store.refuse([id("b")]);
    fixture.append(create("b"), Precondition::None).await;
    fixture.catch_up().await;
    let deadline = Instant::now() + Duration::from_secs(1);
    let late = fixture.daybook.release(Sequence::FIRST, Release::Discard, deadline).await;
    assert!(matches!(late, Err(ReleaseError::Unavailable { .. })), "{late:?}");
    fixture.catch_up().await;
    assert_eq!(parked(&fixture.daybook), [1]);
}

/// A client that went away gets no answer, and nothing done.
#[tokio::test(start_paused = true)]
async fn an_order_that_nobody_waits_for_is_dropped() {
    let mut fixture = Fixture::new();
    fixture.store.refuse([id("b")]);
    fixture.append(create("b"), Precondition::None).await;
    fixture.catch_up().await;
    let release = fixture.daybook.release(Sequence::FIRST, Release::Discard, soon());
    let gone = tokio::time::timeout(Duration::ZERO, release).await;
    assert!(gone.is_err(), "{gone:?}");
    fixture.catch_up().await;
    assert_eq!(parked(&fixture.daybook), [1]);
}

#[tokio::test(start_paused = true)]
async fn without_a_service_the_same_is_done() {
    let mut fixture = Fixture::new();
    fixture.store.refuse([id("b"), id("c")]);
    for command in [create("b"), create("c"), patch("b", "two")] {
        fixture.append(command, Precondition::None).await;
    }
    fixture.catch_up().await;
    let mut replay = Replay::new(fixture.ports(), fixture.options);
    replay.connect().await.unwrap();
    assert_eq!(replay.list_parked().await.unwrap().len(), 3);
    let discarded = replay.release(Sequence::FIRST, Release::Discard).await.unwrap();
    assert_eq!(discarded, Ok(CommandState::Rejected(Rejection::Discarded)));
    assert_eq!(replay.parked(), 1);
    let again = replay.release(Sequence::FIRST, Release::Retry).await.unwrap();
    assert_eq!(again, Err(ReleaseError::NotParked));
    fixture.store.refuse([]);
    let mut replay = Replay::new(fixture.ports(), fixture.options);
    replay.connect().await.unwrap();
    let applied = replay.release(Sequence::new(2), Release::Retry).await.unwrap();
    assert_eq!(applied, Ok(CommandState::Applied(Version::new(1))));
}
