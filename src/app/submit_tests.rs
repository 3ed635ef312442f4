//! What a client is told of its write, and what it can read afterwards.

use std::time::Duration;

use tokio::sync::watch;

use super::fixture::*;
use super::*;
use crate::domain::*;
use crate::ports::*;

fn limited(max_commands: u64, max_bytes: u64) -> Fixture {
    let queue = QueueLimits { max_commands, max_bytes };
    Fixture::with(Options { queue, ..Options::default() })
}

fn seconds(count: u64) -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn a_write_is_answered_with_its_outcome() {
    let mut fixture = Fixture::new();
    let daybook = fixture.daybook.clone();
    let write = tokio::spawn(async move { daybook.submit(request(create("a")), soon()).await });
    fixture.log.wait_past(Sequence::ZERO).await.unwrap();
    fixture.catch_up().await;
    let submitted = write.await.unwrap().unwrap();
    assert_eq!(submitted.command_id, CommandId { log: fixture.log.id(), seq: Sequence::FIRST });
    assert!(matches!(submitted.outcome, Some(Ok(Change::Created(_)))), "{submitted:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_an_outcome() {
    let mut fixture = Fixture::new();
    let daybook = fixture.daybook.clone();
    let write = tokio::spawn(async move { daybook.submit(request(delete("a")), soon()).await });
    fixture.log.wait_past(Sequence::ZERO).await.unwrap();
    fixture.catch_up().await;
    assert_eq!(write.await.unwrap().unwrap().outcome, Some(Err(Rejection::NotFound)));
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_comes_too_late_is_pending_and_still_takes_effect() {
    let mut fixture = Fixture::new();
    let submitted = fixture.daybook.submit(request(create("a")), seconds(1)).await.unwrap();
    assert_eq!(submitted.outcome, None);
    fixture.catch_up().await;
    assert!(fixture.daybook.get(&id("a"), soon()).await.unwrap().note.is_some());
}

/// Nobody waits for a database that is known to be away.
#[tokio::test(start_paused = true)]
async fn without_a_database_a_write_is_pending_at_once() {
    let mut fixture = Fixture::new();
    fixture.store.set_outage(true);
    assert!(matches!(fixture.applier.apply_next().await.unwrap(), Step::Blocked { .. }));
    let started = tokio::time::Instant::now();
    let submitted = fixture.daybook.submit(request(create("a")), seconds(30)).await.unwrap();
    assert_eq!((submitted.outcome, started.elapsed()), (None, Duration::ZERO));
    fixture.store.set_outage(false);
    fixture.catch_up().await;
    // It may go away while someone waits.
    let daybook = fixture.daybook.clone();
    let write =
        tokio::spawn(async move { daybook.submit(request(create("b")), seconds(30)).await });
    fixture.log.wait_past(Sequence::FIRST).await.unwrap();
    fixture.store.set_outage(true);
    assert!(matches!(fixture.applier.apply_next().await.unwrap(), Step::Blocked { .. }));
    assert_eq!(write.await.unwrap().unwrap().outcome, None);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_kept_for_a_caller_that_asks_a_moment_later() {
    let mut fixture = Fixture::new();
    fixture.append(create("a"), Precondition::None).await;
    fixture.catch_up().await;
    let pending = &super::pending::Pending::new(
        Positions {
            first: Sequence::FIRST,
            compacted: Sequence::ZERO,
            last: Position::default(),
            bytes: 0,
        },
        &fixture.options,
    );
    let position = fixture.log.positions().last;
    let limit = ReadLimit { max_commands: 1, max_bytes: 0 };
    let entries = fixture.log.read(Sequence::FIRST, limit).await.unwrap();
    assert!(pending.enter(1, 1, 1));
    pending.publish(position, &entries, vec![(Sequence::FIRST, Ok(Change::Deleted))]);
    let outcome = pending.register(Sequence::FIRST, &id("a"), 1, true).await.unwrap();
    assert_eq!(outcome, Ok(Change::Deleted));
    assert_eq!(pending.waits_for(&id("a")), None);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_and_takes_again_once_it_is_drained() {
    let mut fixture = limited(3, u64::MAX);
    fixture.catch_up().await;
    for key in ["a", "b", "c"] {
        fixture.daybook.submit(request(create(key)), seconds(1)).await.unwrap();
    }
    let error = fixture.daybook.submit(request(create("d")), seconds(1)).await.unwrap_err();
    assert!(
        matches!(
            error,
            SubmitError::Refused { refusal: Refusal::QueueFull, retry_after_seconds: 1..=60 }
        ),
        "{error:?}"
    );
    assert_eq!(fixture.log.positions().last.seq, Sequence::new(3), "nothing reached the log");
    assert!(matches!(fixture.daybook.health().state, State::Degraded { .. }));
    fixture.catch_up().await;
    assert_eq!(fixture.daybook.health().state, State::Healthy);
    assert!(fixture.daybook.submit(request(create("d")), seconds(1)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_limited_by_bytes_too() {
    // The in-memory log counts 100 bytes per command.
    let mut fixture = limited(100, 300);
    fixture.catch_up().await;
    for key in ["a", "b", "c"] {
        fixture.daybook.submit(request(create(key)), seconds(1)).await.unwrap();
    }
    assert!(fixture.daybook.submit(request(create("d")), seconds(1)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_failing_log_refuses_tells_the_health_and_recovers() {
    let mut fixture = Fixture::new();
    fixture.catch_up().await;
    fixture.log.set_outage(Some("the disk is gone"));
    let error = fixture.daybook.submit(request(create("a")), soon()).await.unwrap_err();
    assert!(matches!(error, SubmitError::Refused { refusal: Refusal::Disk, .. }), "{error:?}");
    assert_eq!(fixture.daybook.health().state.name(), "unhealthy");
    fixture.log.set_outage(None);
    assert!(fixture.daybook.submit(request(create("a")), seconds(1)).await.is_ok());
    assert_eq!(fixture.daybook.health().state, State::Healthy);
    assert_eq!(fixture.daybook.health().queue.commands, 1, "the refused one holds no place");
}

#[tokio::test(start_paused = true)]
async fn a_closed_log_refuses_because_of_the_shutdown() {
    let fixture = Fixture::new();
    fixture.log.close().await.unwrap();
    let error = fixture.daybook.submit(request(create("a")), soon()).await.unwrap_err();
    assert!(matches!(error, SubmitError::Refused { refusal: Refusal::ShuttingDown, .. }));
}

#[tokio::test(start_paused = true)]
async fn a_command_is_pending_then_applied_or_rejected_also_after_a_restart() {
    let mut fixture = Fixture::new();
    fixture.catch_up().await;
    let first = fixture.daybook.submit(request(create("a")), seconds(1)).await.unwrap().command_id;
    let second = fixture.daybook.submit(request(create("a")), seconds(1)).await.unwrap().command_id;
    let state = async |fixture: &Fixture, id| fixture.daybook.command(id, soon()).await;
    assert_eq!(state(&fixture, first).await, Ok(Some(CommandState::Pending)));
    let third = CommandId { seq: Sequence::new(3), ..first };
    assert_eq!(state(&fixture, third).await, Ok(None));
    let mut fixture = fixture.restarted();
    assert!(state(&fixture, first).await.is_err(), "only the database knows, and it was not asked");
    fixture.catch_up().await;
    let rejection = Rejection::AlreadyExists { current: Version::FIRST };
    for _ in 0..2 {
        assert_eq!(state(&fixture, first).await, Ok(Some(CommandState::Applied(Version::new(1)))));
        assert_eq!(state(&fixture, second).await, Ok(Some(CommandState::Rejected(rejection))));
        fixture = fixture.restarted();
        fixture.catch_up().await;
    }
    let other_log = CommandId { log: LogId::from_uuid(uuid::Uuid::from_u128(8)), ..first };
    assert_eq!(state(&fixture, other_log).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn many_writers_each_get_their_own_outcome() {
    let fixture = Fixture::new();
    let (stop, stopped) = watch::channel(false);
    let applier = tokio::spawn(fixture.applier.run(stopped));
    let writers = (0..200).map(|number| {
        let daybook = fixture.daybook.clone();
        tokio::spawn(async move {
            let key = format!("n{}", number % 50);
            let submitted = daybook.submit(request(put(&key, "title")), soon()).await.unwrap();
            let note = submitted.outcome.unwrap().unwrap().note().cloned().unwrap();
            assert_eq!(note.id, id(&key));
            (note.id, note.version)
        })
    });
    let mut seen = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        seen.push(writer.await.unwrap());
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 200, "every write was answered with a version of its own");
    stop.send(true).unwrap();
    assert_eq!(applier.await.unwrap().unwrap(), Continuity::Intact);
}
