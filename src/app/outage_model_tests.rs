//! Whatever calls to the database fail, whenever and however, every command
//! takes effect exactly once.
//!
//! Thousands of generated schedules against the in-memory store behind a
//! [`FaultyStore`]: calls fail before, fail after they were made, are made long
//! after they were given up (ghosts), lose the connection, and the process
//! restarts in between.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::faulty_store::Fault;
use super::fixture::*;
use super::*;
use crate::domain::*;
use crate::ports::*;

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Debug)]
enum Action {
    Append {
        key: usize,
        kind: u8,
        precondition: u8,
    },
    Step,
    /// What the next calls meet.
    Plan(Vec<Fault>),
    Ghosts,
    Restart,
    /// The database loses these batches, and every connection breaks.
    Crash {
        lost: u64,
    },
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::None),
        2 => Just(Fault::Before),
        2 => Just(Fault::After),
        2 => Just(Fault::Ghost),
        1 => Just(Fault::Cut),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        10 => (0..KEYS.len(), 0..4_u8, 0..4_u8)
            .prop_map(|(key, kind, precondition)| Action::Append { key, kind, precondition }),
        8 => Just(Action::Step),
        4 => prop::collection::vec(fault(), 1..8).prop_map(Action::Plan),
        2 => Just(Action::Ghosts),
        1 => Just(Action::Restart),
        1 => any::<u64>().prop_map(|lost| Action::Crash { lost }),
    ]
}

fn command(key: usize, kind: u8, title: &str) -> Command {
    match kind {
        0 => create(KEYS[key]),
        1 => put(KEYS[key], title),
        2 => patch(KEYS[key], title),
        _ => delete(KEYS[key]),
    }
}

fn precondition(kind: u8) -> Precondition {
    match kind {
        0 | 1 => Precondition::None,
        2 => Precondition::MustNotExist,
        _ => Precondition::VersionIn([1, 2].into_iter().filter_map(Version::new).collect()),
    }
}

async fn run(batch: usize, losing: bool, schedule: Vec<Action>) {
    let batch = ReadLimit { max_commands: batch, max_bytes: u64::MAX };
    let options = Options { batch, unavailable_after: None, ..Options::default() };
    let mut fixture = Fixture::alone(options);
    for (number, action) in schedule.into_iter().enumerate() {
        if !losing {
            // What is remembered is what is there.
            let notes = fixture.notes().await;
            for key in KEYS {
                if let Some(settled) = fixture.settled(key) {
                    assert_eq!(settled.as_ref(), notes.get(&id(key)), "{key}, before {number}");
                }
            }
        }
        match action {
            Action::Append { key, kind, precondition: expected } => {
                let command = command(key, kind, &format!("title {number}"));
                let precondition = precondition(expected);
                let request =
                    WriteRequest { command, precondition, trace_id: None, wait: Wait::No };
                let soon = Instant::now() + Duration::from_secs(1);
                fixture.daybook.submit(request, soon).await.unwrap();
            }
            Action::Step => {
                fixture.applier.apply_next().await.unwrap();
            }
            Action::Plan(faults) => fixture.faults.plan(faults),
            Action::Ghosts => {
                fixture.faults.release_ghosts().await;
            }
            Action::Restart => fixture = fixture.restarted_among_faults(),
            Action::Crash { lost } => {
                let lost = if losing { lost } else { 0 };
                fixture.store.crash(|index| lost >> (index % 64) & 1 == 0);
            }
        }
    }
    fixture.faults.plan([]);
    // A last break of the connection may not have been noticed yet.
    fixture = fixture.restarted_among_faults();
    fixture.catch_up_despite(3).await;
    // Too late: everything they hold is there already, or superseded.
    assert_eq!(fixture.faults.release_ghosts().await, 0, "a ghost took effect");
    assert_eq!(fixture.faults.disturbing(), 0, "a ghost met the indexes while they were made");
    let folded = fixture.folded().await;
    assert_eq!(fixture.notes().await, folded.notes);
    if !losing {
        fixture.assert_exactly_once().await;
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn any_failures_end_in_exactly_once(
        batch in 1..6_usize,
        schedule in prop::collection::vec(action(), 1..80),
    ) {
        runtime().block_on(run(batch, false, schedule));
    }

    #[test]
    fn failures_and_losses_end_in_the_same_notes(
        batch in 1..6_usize,
        schedule in prop::collection::vec(action(), 1..80),
    ) {
        runtime().block_on(run(batch, true, schedule));
    }
}
