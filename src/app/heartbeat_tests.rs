//! An applier that stands still, on paused time.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::faulty_store::Fault;
use super::fixture::{Fixture, create, put, request};
use super::*;
use crate::domain::*;
use crate::ports::Refusal;

type Run = JoinHandle<Result<crate::ports::Continuity, ApplierError>>;

/// A service whose applier runs and has nothing to do, without the applier.
struct Running {
    daybook: std::sync::Arc<Daybook>,
    faults: std::sync::Arc<super::faulty_store::FaultyStore>,
    _stop: watch::Sender<bool>,
    run: Run,
}

async fn running(options: Options) -> Running {
    let mut fixture = Fixture::with(options);
    fixture.catch_up().await;
    let (stop, stopped) = watch::channel(false);
    let Fixture { daybook, faults, applier, .. } = fixture;
    let run = tokio::spawn(applier.run(stopped));
    // Not when a ping is due.
    sleep(Duration::from_secs(601)).await;
    Running { daybook, faults, _stop: stop, run }
}

async fn write(daybook: &std::sync::Arc<Daybook>, key: &str) -> Result<Submitted, SubmitError> {
    daybook.submit(request(create(key)), Instant::now() + Duration::from_secs(1)).await
}

#[tokio::test(start_paused = true)]
async fn a_stalled_applier_is_seen_though_the_database_answers() {
    let service = running(Options::default()).await;
    service.faults.plan([Fault::Hang]);
    assert!(write(&service.daybook, "a").await.unwrap().outcome.is_none());
    sleep(Duration::from_secs(55)).await;
    assert_eq!(service.daybook.health().state, State::Healthy);
    sleep(Duration::from_secs(6)).await;
    let health = service.daybook.health();
    let State::Unhealthy { reason } = &health.state else { panic!("{:?}", health.state) };
    assert!(reason.contains("none was applied for 60 s"), "{reason}");
    assert!(!health.state.is_ready());
    // It still answers what it is asked from aside.
    assert!(health.database.last_check.is_some());
    let refused = write(&service.daybook, "b").await.unwrap_err();
    assert!(
        matches!(refused, SubmitError::Refused { refusal: Refusal::Unavailable, .. }),
        "{refused:?}"
    );
    assert!(!service.run.is_finished());
}

#[tokio::test(start_paused = true)]
async fn who_accepts_for_ever_accepts_while_the_applier_is_stalled() {
    let service = running(Options { unavailable_after: None, ..Options::default() }).await;
    service.faults.plan([Fault::Hang]);
    write(&service.daybook, "a").await.unwrap();
    sleep(Duration::from_secs(120)).await;
    assert!(!service.daybook.health().state.is_ready());
    assert!(write(&service.daybook, "b").await.unwrap().outcome.is_none());
}

/// Neither having nothing to do nor an outage is a stall, however long.
#[tokio::test(start_paused = true)]
async fn what_is_no_stall_is_not_told_as_one() {
    let service = running(Options { unavailable_after: None, ..Options::default() }).await;
    assert_eq!(service.daybook.health().state, State::Healthy);
    write(&service.daybook, "a").await.unwrap();
    assert_eq!(service.daybook.health().state, State::Healthy);

    let mut fixture = Fixture::new();
    fixture.catch_up().await;
    fixture.store.set_outage(true);
    fixture.append(put("b", "t"), Precondition::None).await;
    for _ in 0..5 {
        fixture.applier.apply_next().await.unwrap();
        sleep(Duration::from_secs(60)).await;
        let State::Unhealthy { reason } = fixture.daybook.health().state else { panic!() };
        assert!(reason.contains("cannot be used"), "{reason}");
    }
    fixture.store.set_outage(false);
    // Back, but a step has yet to be made.
    fixture.applier.attach().await.unwrap();
    assert_eq!(fixture.daybook.health().state, State::Healthy);
}

/// A database that is slow is not a stall as long as anything is applied.
#[tokio::test(start_paused = true)]
async fn a_slow_applier_moves() {
    let mut fixture = Fixture::new();
    fixture.catch_up().await;
    for key in ["a", "b", "c", "d", "e"] {
        fixture.append(put(key, "t"), Precondition::None).await;
        fixture.append(put(key, "t"), Precondition::None).await;
        sleep(Duration::from_secs(50)).await;
        assert_eq!(fixture.daybook.health().state, State::Healthy, "{key}");
        fixture.applier.apply_next().await.unwrap();
        fixture.append(put(key, "t"), Precondition::None).await;
    }
}
