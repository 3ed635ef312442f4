//! Only what nobody needs any more is given up.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::fixture::*;
use super::*;
use crate::domain::*;
use crate::ports::*;

/// Four commands of a memory log.
const WINDOW: Options = Options {
    queue: QueueLimits { max_commands: 1000, max_bytes: 1 << 20 },
    batch: ReadLimit { max_commands: 1, max_bytes: 1 << 20 },
    heal_window_bytes: 400,
    unavailable_after: None,
    startup_max_wait: Duration::MAX,
    stalled_after: Duration::from_secs(60),
    probe_interval: Duration::from_secs(3600),
    return_interval: Duration::from_secs(1),
    retention_interval: Duration::from_secs(60),
    cache_max_bytes: 0,
    cache_ttl: Duration::ZERO,
};

async fn released(fixture: Fixture, expected: u64) {
    let (stop, stopped) = watch::channel(false);
    let log = fixture.log.clone();
    log.forget_released();
    let running = tokio::spawn(fixture.applier.run(stopped));
    // The clock of the test stands still while anything else can be done.
    sleep(Duration::from_secs(121)).await;
    assert_eq!(log.positions().first, Sequence::new(expected));
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
}

async fn with_commands(count: u64, refused: Option<&str>) -> Fixture {
    let fixture = Fixture::with(WINDOW);
    fixture.store.refuse(refused.map(id));
    for number in 0..count {
        let key = if number == 3 { "b" } else { "a" };
        fixture.append(put(key, &number.to_string()), Precondition::None).await;
    }
    fixture
}

#[tokio::test(start_paused = true)]
async fn what_is_applied_and_out_of_the_window_is_released() {
    // The horizon follows the window at the next commit.
    released(with_commands(20, None).await, 16).await;
}

#[tokio::test(start_paused = true)]
async fn a_parked_command_and_what_follows_it_are_kept() {
    released(with_commands(20, Some("b")).await, 4).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_released_while_the_database_is_away() {
    let mut fixture = with_commands(20, None).await;
    // Something is settled before it goes away.
    fixture.catch_up().await;
    fixture.store.set_outage(true);
    fixture.append(put("a", "late"), Precondition::None).await;
    assert!(matches!(fixture.applier.apply_next().await.unwrap(), Step::Blocked { .. }));
    released(fixture, 1).await;
}

#[tokio::test(start_paused = true)]
async fn what_fits_the_window_is_kept() {
    released(with_commands(4, None).await, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_was_released_late_is_kept_until_that_is_out_of_the_window() {
    let mut fixture = with_commands(20, Some("b")).await;
    fixture.catch_up_despite(9).await;
    // Another attempt at each connect; this one succeeds.
    fixture.store.refuse([]);
    fixture.store.set_outage(true);
    fixture.append(put("a", "next"), Precondition::None).await;
    assert!(matches!(fixture.applier.apply_next().await.unwrap(), Step::Blocked { .. }));
    fixture.store.set_outage(false);
    fixture.catch_up_despite(9).await;
    assert!(fixture.daybook.parked(Sequence::ZERO, 9).is_empty());
    let first = fixture.log.positions().first;
    assert_eq!(first, Sequence::FIRST);
    released(fixture, 4).await;
}
