//! Two instances on one database: each has its log, and none loses the other's
//! changes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::faulty_store::Fault;
use super::fixture::*;
use super::*;
use crate::adapters::memory::MemoryLog;
use crate::domain::*;

fn other(fixture: &Fixture) -> Fixture {
    fixture.beside(MemoryLog::new(LogId::from_uuid(uuid::Uuid::from_u128(8))))
}

fn expecting(version: u64) -> Precondition {
    Precondition::VersionIn(Version::new(version).into_iter().collect())
}

/// Steps of both at the same time, each with its calls delayed as planned.
async fn step_both(ours: &mut Fixture, theirs: &mut Fixture) {
    let (left, right) = tokio::join!(ours.applier.apply_next(), theirs.applier.apply_next());
    left.unwrap();
    right.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_two_changes_of_one_version_one_is_rejected() {
    // Whoever loads first, and whoever commits first.
    for (first, second) in [(0, 0), (1, 0), (0, 1), (3, 1), (1, 3)] {
        let mut ours = Fixture::new();
        let mut theirs = other(&ours);
        ours.append(create("a"), Precondition::None).await;
        ours.catch_up().await;
        theirs.catch_up().await;
        ours.append(patch("a", "ours"), expecting(1)).await;
        theirs.append(patch("a", "theirs"), expecting(1)).await;
        ours.faults.plan([Fault::Yield(first), Fault::Yield(second)]);
        theirs.faults.plan([Fault::Yield(second), Fault::Yield(first)]);
        step_both(&mut ours, &mut theirs).await;
        assert_eq!(ours.notes().await[&id("a")].version.get(), 2);
        let rejected = [ours.rejections().await, theirs.rejections().await].concat();
        let expected = Rejection::PreconditionFailed { current: Version::new(2) };
        assert_eq!(rejected.iter().map(|(_, why)| *why).collect::<Vec<_>>(), [expected]);
        assert_eq!(ours.daybook.health().state, State::Healthy);
    }
}

#[derive(Clone, Debug)]
enum Action {
    Append { instance: usize, key: usize },
    Step { instance: usize },
    Both { delays: [u8; 6] },
    Crash { lost: u64 },
    Restart { instance: usize },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (0..2_usize, 0..3_usize)
            .prop_map(|(instance, key)| Action::Append { instance, key }),
        2 => (0..2_usize).prop_map(|instance| Action::Step { instance }),
        6 => [0..4_u8, 0..4_u8, 0..4_u8, 0..4_u8, 0..4_u8, 0..4_u8]
            .prop_map(|delays| Action::Both { delays }),
        1 => any::<u64>().prop_map(|lost| Action::Crash { lost }),
        1 => (0..2_usize).prop_map(|instance| Action::Restart { instance }),
    ]
}

/// A note's version counts the changes that it has seen, so with changes that
/// are never rejected it tells a lost one and a repeated one.
async fn run(losing: bool, schedule: Vec<Action>) {
    let ours = Fixture::new();
    let mut instances = [Some(other(&ours)), Some(ours)];
    let mut changes: BTreeMap<NoteId, u64> = BTreeMap::new();
    for instance in &mut instances {
        instance.as_mut().unwrap().catch_up().await;
    }
    for (number, action) in schedule.into_iter().enumerate() {
        match action {
            Action::Append { instance, key } => {
                let key = ["a", "b", "c"][key];
                let title = format!("title {number}");
                *changes.entry(id(key)).or_default() += 1;
                let command = put(key, &title);
                instances[instance].as_ref().unwrap().append(command, Precondition::None).await;
            }
            Action::Step { instance } => {
                instances[instance].as_mut().unwrap().applier.apply_next().await.unwrap();
            }
            Action::Both { delays } => {
                let [left, right] = &mut instances;
                let (left, right) = (left.as_mut().unwrap(), right.as_mut().unwrap());
                left.faults.plan(delays[..3].iter().map(|delay| Fault::Yield(*delay)));
                right.faults.plan(delays[3..].iter().map(|delay| Fault::Yield(*delay)));
                step_both(left, right).await;
            }
            Action::Crash { lost } => {
                let lost = if losing { lost } else { 0 };
                let store = &instances[0].as_ref().unwrap().store;
                store.crash(|index| lost >> (index % 64) & 1 == 0);
            }
            Action::Restart { instance } => {
                let restarted = instances[instance].take().unwrap().restarted();
                instances[instance] = Some(restarted);
            }
        }
    }
    // A last crash may not have been noticed yet.
    let [left, right] = instances.map(|instance| instance.unwrap().restarted());
    let mut instances = [left, right];
    for instance in &mut instances {
        instance.catch_up_despite(3).await;
    }
    let notes = instances[0].notes().await;
    let versions: BTreeMap<_, _> =
        notes.iter().map(|(id, note)| (id.clone(), note.version.get())).collect();
    assert_eq!(versions, changes);
    if !losing {
        instances[0].assert_lists().await;
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn no_change_is_lost_or_repeated(schedule in prop::collection::vec(action(), 1..60)) {
        runtime().block_on(run(false, schedule));
    }

    #[test]
    fn nor_when_the_database_loses_what_it_acknowledged(
        schedule in prop::collection::vec(action(), 1..60),
    ) {
        runtime().block_on(run(true, schedule));
    }
}
