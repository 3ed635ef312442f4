//! Whatever the database loses of what it acknowledged, it ends up the same.
//!
//! Thousands of generated schedules of commands, steps and crashes run against
//! the in-memory store. A crash takes out any subset of the acknowledged
//! batches, repairs included, from anywhere; it may come at any step, also in
//! the middle of a repair, and restart the process or only the connection.

use proptest::prelude::*;

use super::fixture::*;
use super::*;
use crate::adapters::memory::CommitFault;
use crate::domain::*;
use crate::ports::*;

/// Of the keys that [`Fixture::notes`] looks at.
const KEYS: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Debug)]
enum Action {
    Append {
        key: usize,
        kind: u8,
        precondition: u8,
    },
    Step,
    CatchUp,
    /// Loses the batches whose bit is set, counted from the latest.
    Crash {
        lost: u64,
        restart: bool,
    },
    CommitFault {
        after: bool,
    },
}

fn action() -> impl Strategy<Value = Action> {
    let append = (0..KEYS.len(), 0..4_u8, 0..5_u8)
        .prop_map(|(key, kind, precondition)| Action::Append { key, kind, precondition });
    let crash =
        (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(a, b, restart)| Action::Crash {
            // Half of the crashes lose half of the batches, the others fewer.
            lost: if restart { a } else { a & b },
            restart,
        });
    prop_oneof![
        12 => append,
        5 => Just(Action::Step),
        1 => Just(Action::CatchUp),
        2 => crash,
        1 => any::<bool>().prop_map(|after| Action::CommitFault { after }),
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
        3 => Precondition::MustExist,
        _ => Precondition::VersionIn([1, 2].into_iter().filter_map(Version::new).collect()),
    }
}

/// What a crash may take.
#[derive(Clone, Copy, PartialEq)]
enum Losses {
    /// Any batch.
    Any,
    /// Any batch, and the indexes that were made anew.
    AnyAndIndexes,
    /// Any batch that was committed since the indexes were made anew last.
    SinceRebuild,
    /// Any batch of the last five commands.
    InWindow,
}

/// Runs a schedule to its end and returns how many acknowledged batches were
/// lost on the way.
async fn run(
    batch: usize,
    heal_window_bytes: u64,
    losses: Losses,
    schedule: Vec<Action>,
) -> (Fixture, usize) {
    let batch = ReadLimit { max_commands: batch, max_bytes: u64::MAX };
    let options = Options { batch, heal_window_bytes, ..Options::default() };
    let mut fixture = match losses {
        Losses::AnyAndIndexes => Fixture::losing_indexes(options),
        _ => Fixture::with(options),
    };
    let mut lost_batches = 0;
    let mut newest = 0;
    for (number, action) in schedule.into_iter().enumerate() {
        match action {
            Action::Append { key, kind, precondition: expected } => {
                let command = command(key, kind, &format!("title {number}"));
                fixture.append(command, precondition(expected)).await;
            }
            Action::Step => {
                fixture.applier.apply_next().await.unwrap();
            }
            // An armed fault and an unnoticed crash block one step each.
            Action::CatchUp => fixture.catch_up_despite(2).await,
            Action::Crash { lost, restart } => {
                let batches = fixture.store.batches();
                let durable = fixture.store.durable_batches();
                let applied = batches.iter().map(|batch| batch.checkpoint.applied.get());
                newest = applied.fold(newest, u64::max);
                let at_risk = |index: usize| match losses {
                    Losses::Any | Losses::AnyAndIndexes => true,
                    Losses::SinceRebuild => index >= durable,
                    Losses::InWindow => {
                        let Batch { checkpoint, marker, .. } = &batches[index];
                        let first = marker.map_or(checkpoint.applied, |marker| marker.first);
                        first.get() + 5 > newest
                    }
                };
                let is_lost = |index: usize| {
                    let age = batches.len() - 1 - index;
                    at_risk(index) && age < 64 && lost >> age & 1 == 1
                };
                lost_batches += (0..batches.len()).filter(|index| is_lost(*index)).count();
                fixture.store.crash(|index| !is_lost(index));
                if restart {
                    fixture = fixture.restarted();
                }
            }
            Action::CommitFault { after } => fixture.store.fail_next_commit(if after {
                CommitFault::After
            } else {
                CommitFault::Before
            }),
        }
    }
    // A last crash may not have been noticed yet.
    fixture = fixture.restarted();
    fixture.catch_up_despite(2).await;
    (fixture, lost_batches)
}

/// Rejections of commands whose note was changed later may be gone with their
/// batch: nothing is left to judge them against. All others are there, and none
/// is there that does not belong.
async fn assert_rejections(fixture: &Fixture, folded: &Folded) {
    let stored = fixture.rejections().await;
    for (seq, rejection) in &stored {
        let known = folded.rejections.iter().any(|(s, _, r)| (s, r) == (seq, rejection));
        assert!(known, "{seq} {rejection:?} in {:?}", folded.rejections);
    }
    for (seq, id, rejection) in &folded.rejections {
        let overwritten = folded.last_change.get(id).is_some_and(|last| last > seq);
        assert!(overwritten || stored.contains(&(*seq, *rejection)), "{seq} is missing");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn any_loss_ends_in_the_same_notes_and_versions(
        batch in 1..6_usize,
        schedule in prop::collection::vec(action(), 1..80),
    ) {
        runtime().block_on(async {
            let (fixture, lost) = run(batch, u64::MAX, Losses::Any, schedule).await;
            let folded = fixture.folded().await;
            assert_eq!(fixture.notes().await, folded.notes, "after {lost} lost batches");
            assert_rejections(&fixture, &folded).await;
        });
    }

    #[test]
    fn lists_are_right_after_any_loss(
        batch in 1..6_usize,
        schedule in prop::collection::vec(action(), 1..80),
    ) {
        runtime().block_on(async {
            let (fixture, _) = run(batch, u64::MAX, Losses::SinceRebuild, schedule).await;
            assert_eq!(fixture.notes().await, fixture.folded().await.notes);
            fixture.assert_lists().await;
        });
    }

    #[test]
    fn lists_are_right_where_indexes_are_lost_too(
        batch in 1..6_usize,
        schedule in prop::collection::vec(action(), 1..80),
    ) {
        runtime().block_on(async {
            let (fixture, _) = run(batch, u64::MAX, Losses::AnyAndIndexes, schedule).await;
            assert_eq!(fixture.notes().await, fixture.folded().await.notes);
            fixture.assert_lists().await;
        });
    }

    #[test]
    fn without_any_loss_every_rejection_is_kept(
        batch in 1..6_usize,
        schedule in prop::collection::vec(action(), 1..60),
    ) {
        let schedule = schedule
            .into_iter()
            .map(|action| match action {
                Action::Crash { restart, .. } => Action::Crash { lost: 0, restart },
                other => other,
            })
            .collect();
        runtime().block_on(async {
            let (fixture, lost) = run(batch, u64::MAX, Losses::Any, schedule).await;
            assert_eq!(lost, 0);
            fixture.assert_exactly_once().await;
        });
    }

    /// With a window of five commands markers are forgotten all the time; what
    /// was forgotten must never be taken for lost.
    #[test]
    fn what_was_forgotten_is_not_taken_for_lost(
        batch in 1..4_usize,
        schedule in prop::collection::vec(action(), 1..200),
    ) {
        runtime().block_on(async {
            let (fixture, _) = run(batch, 500, Losses::InWindow, schedule).await;
            assert_eq!(fixture.notes().await, fixture.folded().await.notes);
        });
    }
}
