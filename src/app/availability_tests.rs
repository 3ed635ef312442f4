//! Every state and every transition, on paused time.

use std::time::Duration;

use chrono::DateTime;
use tokio::time::advance;

use super::State;
use super::availability::Availability;

const WINDOW: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_millis(3500);

fn window() -> Availability {
    Availability::new(Some(WINDOW))
}

impl Availability {
    fn fails(&self) {
        self.down(DateTime::UNIX_EPOCH, "away".to_owned(), RETRY);
    }

    fn comes_up(&self) {
        self.up();
    }
}

#[tokio::test(start_paused = true)]
async fn starting_accepts_writes_inside_the_window_and_refuses_after_it() {
    let availability = window();
    assert_eq!(availability.state(), State::Starting);
    assert!(availability.accepts_writes() && !availability.is_up());
    availability.fails();
    advance(WINDOW - Duration::from_millis(1)).await;
    assert_eq!(availability.state(), State::Starting);
    advance(Duration::from_millis(1)).await;
    assert_eq!(availability.state(), State::Unhealthy { reason: "away".to_owned() });
    assert!(!availability.accepts_writes());
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_degraded_then_unhealthy_then_over() {
    let availability = window();
    availability.comes_up();
    assert_eq!(availability.state(), State::Healthy);
    availability.fails();
    assert_eq!(availability.state(), State::Degraded { reason: "away".to_owned() });
    assert!(availability.accepts_writes());
    advance(WINDOW / 2).await;
    // A further failure does not start the window anew.
    availability.fails();
    advance(WINDOW / 2).await;
    assert_eq!(availability.state().name(), "unhealthy");
    availability.comes_up();
    assert_eq!(availability.state(), State::Healthy);
    availability.fails();
    assert_eq!(availability.state().name(), "degraded");
}

#[tokio::test(start_paused = true)]
async fn without_a_window_writes_are_accepted_for_ever() {
    let availability = Availability::new(None);
    availability.comes_up();
    availability.fails();
    advance(Duration::from_secs(1_000_000)).await;
    assert_eq!(availability.state().name(), "degraded");
    assert!(availability.accepts_writes());
}

#[tokio::test(start_paused = true)]
async fn a_database_that_must_not_be_written_refuses_at_once() {
    let availability = window();
    availability.barred("another history".to_owned(), RETRY);
    assert_eq!(availability.state().reason(), Some("another history"));
    assert!(!availability.accepts_writes());
    availability.comes_up();
    assert!(availability.accepts_writes());
}

#[tokio::test(start_paused = true)]
async fn a_failing_log_is_unhealthy_but_writes_are_still_tried() {
    let availability = window();
    availability.comes_up();
    availability.log_answered(Some("log-full"));
    assert_eq!(availability.state().name(), "unhealthy");
    assert!(availability.state().reason().unwrap().contains("log-full"));
    assert!(availability.accepts_writes());
    // No balancer would send the write that shows that there is room again.
    advance(Duration::from_secs(10)).await;
    assert_eq!(availability.state().name(), "degraded");
    availability.log_answered(None);
    assert_eq!(availability.state(), State::Healthy);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_the_next_attempt_in_whole_seconds_from_1_to_60() {
    let availability = window();
    assert_eq!(availability.retry_after_seconds(), 1);
    availability.fails();
    assert_eq!(availability.retry_after_seconds(), 4);
    advance(Duration::from_secs(2)).await;
    assert_eq!(availability.retry_after_seconds(), 2);
    advance(Duration::from_secs(20)).await;
    assert_eq!(availability.retry_after_seconds(), 1);
    availability.down(DateTime::UNIX_EPOCH, "away".to_owned(), Duration::from_secs(90));
    assert_eq!(availability.retry_after_seconds(), 60);
}
