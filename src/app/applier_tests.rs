//! The applier, step by step: order, doubt, outages, and logs that do not
//! belong to the database.

use std::time::Duration;

use tokio::sync::watch;

use super::faulty_store::Fault;
use super::fixture::*;
use super::*;
use crate::adapters::memory::CommitFault;
use crate::domain::*;
use crate::ports::*;

fn small_batches() -> Fixture {
    let batch = ReadLimit { max_commands: 2, max_bytes: u64::MAX };
    Fixture::with(Options { batch, ..Options::default() })
}

async fn with_commands(mut fixture: Fixture, count: usize) -> Fixture {
    fixture.catch_up().await;
    for number in 0..count {
        fixture.append(put(&format!("n{}", number % 3), "title"), Precondition::None).await;
    }
    fixture
}

#[track_caller]
fn assert_blocked(step: Step) -> Duration {
    let Step::Blocked { retry_after } = step else { panic!("{step:?}") };
    retry_after
}

fn unhealthy_reason(fixture: &Fixture) -> String {
    let state = fixture.daybook.health().state;
    let State::Unhealthy { reason } = state else { panic!("{state:?}") };
    reason
}

#[tokio::test(start_paused = true)]
async fn commands_are_applied_in_order_and_in_batches() {
    let mut fixture = with_commands(small_batches(), 5).await;
    for (upto, commands) in [(2, 2), (4, 2), (5, 1)] {
        let upto = Sequence::new(upto);
        let step = fixture.applier.apply_next().await.unwrap();
        assert_eq!(step, Step::Applied { upto, commands });
    }
    assert_eq!(fixture.applier.apply_next().await.unwrap(), Step::CaughtUp);
    fixture.assert_exactly_once().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_from_the_checkpoint() {
    let mut fixture = with_commands(small_batches(), 6).await;
    fixture.applier.apply_next().await.unwrap();
    let mut fixture = fixture.restarted();
    let step = fixture.applier.apply_next().await.unwrap();
    assert_eq!(step, Step::Applied { upto: Sequence::new(4), commands: 2 });
    fixture.catch_up().await;
    fixture.assert_exactly_once().await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_failed_before_it_was_applied_is_made_again() {
    let mut fixture = with_commands(Fixture::new(), 4).await;
    fixture.store.fail_next_commit(CommitFault::Before);
    assert_blocked(fixture.applier.apply_next().await.unwrap());
    fixture.catch_up().await;
    fixture.assert_exactly_once().await;
    assert_eq!(fixture.store.batches().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_failed_after_it_was_applied_is_not_made_again() {
    let mut fixture = Fixture::new();
    fixture.catch_up().await;
    let daybook = fixture.daybook.clone();
    let write = tokio::spawn(async move { daybook.submit(request(create("a")), soon()).await });
    fixture.log.wait_past(Sequence::ZERO).await.unwrap();
    fixture.store.fail_next_commit(CommitFault::After);
    assert_blocked(fixture.applier.apply_next().await.unwrap());
    assert_eq!(fixture.applier.apply_next().await.unwrap(), Step::CaughtUp);
    fixture.assert_exactly_once().await;
    assert_eq!(fixture.store.batches().len(), 1);
    let outcome = write.await.unwrap().unwrap().outcome;
    assert!(matches!(outcome, Some(Ok(Change::Created(_)))), "the writer was told: {outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn the_same_batch_is_offered_again_while_it_is_in_doubt() {
    let mut fixture = with_commands(Fixture::new(), 2).await;
    fixture.store.fail_next_commit(CommitFault::Before);
    assert_blocked(fixture.applier.apply_next().await.unwrap());
    // More commands must not make it another batch under the same checkpoint.
    fixture.append(create("z"), Precondition::None).await;
    let step = fixture.applier.apply_next().await.unwrap();
    assert_eq!(step, Step::Applied { upto: Sequence::new(2), commands: 2 });
    fixture.catch_up().await;
    fixture.assert_exactly_once().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_backs_off_and_recovers_by_itself() {
    let mut fixture = with_commands(Fixture::new(), 2).await;
    fixture.store.set_outage(true);
    for least in [1, 2, 4, 8, 16, 32, 60, 60] {
        let delay = assert_blocked(fixture.applier.apply_next().await.unwrap());
        assert!((least..=least + 1).contains(&delay.as_secs()), "{delay:?} for {least}");
    }
    assert_eq!(fixture.daybook.health().state.name(), "degraded");
    fixture.store.set_outage(false);
    fixture.catch_up().await;
    assert_eq!(fixture.daybook.health().state, State::Healthy);
    fixture.store.set_outage(true);
    fixture.append(create("z"), Precondition::None).await;
    let delay = assert_blocked(fixture.applier.apply_next().await.unwrap());
    assert!(delay <= Duration::from_secs(2), "the backoff starts over: {delay:?}");
}

/// One that says that it is there and cannot be used is not asked without pause.
#[tokio::test(start_paused = true)]
async fn a_database_that_answers_in_vain_is_tried_as_the_backoff_says() {
    let fixture = Fixture::new();
    fixture.faults.plan(std::iter::repeat_n(Fault::Before, 1000));
    let (_stop, stopped) = watch::channel(false);
    let applier = tokio::spawn(fixture.applier.run(stopped));
    tokio::time::sleep(Duration::from_secs(63)).await;
    let failed = |of: &Measurement| matches!(of, Measurement::Retrying { .. });
    let attempts = fixture.metrics.taken().iter().filter(|of| failed(of)).count();
    assert!((5..=7).contains(&attempts), "{attempts} attempts in 63 s");
    applier.abort();
}

#[tokio::test(start_paused = true)]
async fn a_database_that_never_comes_ends_the_service() {
    let fixture = Fixture::new();
    fixture.store.set_outage(true);
    let (_stop, stopped) = watch::channel(false);
    let started = tokio::time::Instant::now();
    let error = fixture.applier.run(stopped).await.unwrap_err();
    assert!(matches!(error, ApplierError::NeverReached { .. }), "{error}");
    assert_eq!(started.elapsed().as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_database_that_is_away() {
    let fixture = Fixture::new();
    fixture.store.set_outage(true);
    let (stop, stopped) = watch::channel(false);
    let applier = tokio::spawn(fixture.applier.run(stopped));
    tokio::time::sleep(Duration::from_secs(100)).await;
    let told = tokio::time::Instant::now();
    stop.send(true).unwrap();
    assert_eq!(applier.await.unwrap().unwrap(), Continuity::Suspect);
    assert_eq!(told.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_nobody_is_left_to_stop_it() {
    let fixture = Fixture::new();
    let (stop, stopped) = watch::channel(false);
    let applier = tokio::spawn(fixture.applier.run(stopped));
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(stop);
    assert_eq!(applier.await.unwrap().unwrap(), Continuity::Intact);
}

#[tokio::test(start_paused = true)]
async fn an_idle_service_notices_an_outage_by_its_probe() {
    let fixture = Fixture::new();
    let (stop, stopped) = watch::channel(false);
    let applier = tokio::spawn(fixture.applier.run(stopped));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fixture.daybook.health().state, State::Healthy);
    fixture.store.set_outage(true);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(fixture.daybook.health().state.name(), "degraded");
    fixture.store.set_outage(false);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(fixture.daybook.health().state, State::Healthy);
    stop.send(true).unwrap();
    applier.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_older_copy_of_the_log_is_refused() {
    let mut fixture = with_commands(small_batches(), 6).await;
    fixture.catch_up().await;
    let before = fixture.notes().await;
    let older = fixture.log.copy_upto(Sequence::new(4));
    let mut fixture = fixture.with_log(older);
    assert_blocked(fixture.applier.apply_next().await.unwrap());
    let reason = unhealthy_reason(&fixture);
    for part in ["command 6", "ends at 4", "daybook log adopt"] {
        assert!(reason.contains(part), "{reason}");
    }
    let refused = fixture.daybook.submit(request(create("z")), soon()).await;
    assert!(matches!(refused, Err(SubmitError::Refused { .. })), "{refused:?}");
    assert_eq!(fixture.notes().await, before);
}

#[tokio::test(start_paused = true)]
async fn an_older_copy_that_has_grown_past_the_checkpoint_is_refused() {
    let mut fixture = with_commands(small_batches(), 6).await;
    fixture.catch_up().await;
    let before = fixture.notes().await;
    let older = fixture.log.copy_upto(Sequence::new(4));
    let mut fixture = fixture.with_log(older);
    for _ in 0..5 {
        fixture.append(create("z"), Precondition::None).await;
    }
    assert_blocked(fixture.applier.apply_next().await.unwrap());
    assert!(unhealthy_reason(&fixture).contains("is not the command 6 of this log"));
    assert_eq!(fixture.notes().await, before, "new commands 5 and 6 would have been skipped");
}

#[tokio::test(start_paused = true)]
async fn a_gap_between_database_and_log_is_refused() {
    let mut fixture = with_commands(small_batches(), 2).await;
    fixture.catch_up().await;
    for _ in 0..4 {
        fixture.append(create("z"), Precondition::None).await;
    }
    fixture.log.retain_from(Sequence::new(5));
    let mut fixture = fixture.restarted();
    assert_blocked(fixture.applier.apply_next().await.unwrap());
    assert!(unhealthy_reason(&fixture).contains("starts at 5"));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_starts_right_after_the_checkpoint_goes_on() {
    let mut fixture = with_commands(small_batches(), 2).await;
    fixture.catch_up().await;
    fixture.append(create("z"), Precondition::None).await;
    fixture.log.retain_from(Sequence::new(3));
    let mut fixture = fixture.restarted();
    fixture.catch_up().await;
    assert!(fixture.notes().await.contains_key(&id("z")));
}

#[tokio::test(start_paused = true)]
async fn an_empty_database_is_filled_from_the_log() {
    let mut fixture = with_commands(small_batches(), 6).await;
    fixture.catch_up().await;
    let log = fixture.log.copy_upto(Sequence::new(6));
    let mut fixture = Fixture::new().with_log(log);
    fixture.catch_up().await;
    fixture.assert_exactly_once().await;
}

/// A note that is made is not looked for where nobody else can have made it.
#[tokio::test(start_paused = true)]
async fn what_is_made_is_not_looked_for_in_a_database_of_our_own() {
    let mut fixture = Fixture::alone(Options::default());
    fixture.catch_up().await;
    fixture.store.make_unreadable([id("a")]);
    fixture.append(create("a"), Precondition::None).await;
    fixture.append(patch("a", "changed"), Precondition::None).await;
    fixture.catch_up().await;
    fixture.store.make_unreadable([]);
    fixture.assert_exactly_once().await;
}

/// And is, when it turns out to be there.
#[tokio::test(start_paused = true)]
async fn a_note_that_is_made_twice_is_refused_in_a_database_of_our_own() {
    let mut fixture = Fixture::alone(Options::default());
    fixture.append(create("a"), Precondition::None).await;
    fixture.catch_up().await;
    fixture.append(create("b"), Precondition::None).await;
    let again = fixture.append(create("a"), Precondition::None).await;
    fixture.catch_up().await;
    let log = fixture.log.id();
    let rejected = fixture.store.rejections(log, Sequence::FIRST, again).await.unwrap();
    assert_eq!(rejected.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [again]);
    fixture.assert_exactly_once().await;
}
