//! Commands that the database refuses for good, and those behind them.

use super::fixture::*;
use super::*;
use crate::domain::*;
use crate::ports::*;

const BATCH: usize = 8;

fn fixture() -> Fixture {
    let batch = ReadLimit { max_commands: BATCH, max_bytes: u64::MAX };
    Fixture::with(Options { batch, ..Options::default() })
}

async fn append(fixture: &Fixture, commands: impl IntoIterator<Item = Command>) {
    for command in commands {
        fixture.append(command, Precondition::None).await;
    }
}

async fn parked(fixture: &Fixture) -> Vec<(u64, u32)> {
    let parked = fixture.store.parked(fixture.log.id(), Sequence::ZERO, 99).await.unwrap();
    parked.iter().map(|parked| (parked.seq.get(), parked.attempts)).collect()
}

async fn state(fixture: &Fixture, seq: u64) -> CommandState {
    let id = CommandId { log: fixture.log.id(), seq: Sequence::new(seq) };
    fixture.daybook.command(id, soon()).await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_command_stands_aside_and_others_go_on() {
    let mut fixture = fixture();
    fixture.store.refuse([id("b")]);
    append(&fixture, [create("a"), create("c"), create("b"), create("d"), put("a", "two")]).await;
    append(&fixture, [patch("b", "later"), create("e")]).await;
    fixture.catch_up().await;
    assert_eq!(fixture.daybook.health().state, State::Healthy);
    assert_eq!(fixture.daybook.health().queue.parked, 2);
    assert_eq!(fixture.daybook.health().queue.commands, 2);
    assert_eq!(parked(&fixture).await, [(3, 3), (6, 0)]);
    let notes = fixture.notes().await;
    assert_eq!(notes.keys().map(NoteId::key).collect::<Vec<_>>(), ["a", "c", "d", "e"]);
    assert_eq!(notes[&id("a")].title, "two");
    assert_eq!(state(&fixture, 3).await, CommandState::Parked);
    assert_eq!(state(&fixture, 6).await, CommandState::Parked);
    assert_eq!(state(&fixture, 5).await, CommandState::Applied(Version::new(2)));
}

#[tokio::test(start_paused = true)]
async fn what_is_parked_stays_so_over_a_restart_and_is_attempted_once_more() {
    let mut fixture = fixture();
    fixture.store.refuse([id("b")]);
    append(&fixture, [create("b"), create("a"), patch("b", "two")]).await;
    fixture.catch_up().await;
    let mut fixture = fixture.restarted();
    append(&fixture, [patch("b", "three"), create("c")]).await;
    fixture.catch_up().await;
    assert_eq!(parked(&fixture).await, [(1, 4), (3, 0), (4, 0)]);
    assert_eq!(state(&fixture, 4).await, CommandState::Parked);

    fixture.store.refuse([]);
    let mut fixture = fixture.restarted();
    fixture.catch_up().await;
    assert_eq!(parked(&fixture).await, []);
    fixture.assert_exactly_once().await;
    assert_eq!(state(&fixture, 4).await, CommandState::Applied(Version::new(3)));
    assert_eq!(fixture.daybook.health().queue.commands, 0);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_parks_the_commands_of_its_note_only() {
    let mut fixture = fixture();
    append(&fixture, [create("a"), create("b")]).await;
    fixture.catch_up().await;
    fixture.store.make_unreadable([id("b")]);
    append(&fixture, [patch("a", "two"), patch("b", "two"), create("c")]).await;
    fixture.catch_up().await;
    assert_eq!(parked(&fixture).await, [(4, 3)]);
    fixture.store.make_unreadable([]);
    let mut fixture = fixture.restarted();
    fixture.catch_up().await;
    fixture.assert_exactly_once().await;
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_never_parks() {
    let mut fixture = fixture();
    fixture.catch_up().await;
    append(&fixture, [create("a"), create("b")]).await;
    for _ in 0..20 {
        fixture.store.set_outage(true);
        fixture.applier.apply_next().await.unwrap();
        fixture.store.set_outage(false);
        fixture.store.fail_next_commit(crate::adapters::memory::CommitFault::Before);
        fixture.applier.apply_next().await.unwrap();
    }
    fixture.catch_up_despite(2).await;
    assert_eq!(parked(&fixture).await, []);
    fixture.assert_exactly_once().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_batch_with_a_parked_command_is_healed_as_parked() {
    for lost in 0..6 {
        let mut fixture = fixture();
        fixture.store.refuse([id("b")]);
        append(&fixture, [create("a"), create("b"), patch("b", "two"), create("c")]).await;
        fixture.catch_up().await;
        fixture.store.crash(|index| index != lost);
        let mut fixture = fixture.restarted();
        fixture.catch_up().await;
        let notes = fixture.notes().await;
        assert_eq!(notes.keys().map(NoteId::key).collect::<Vec<_>>(), ["a", "c"], "{lost}");
        let parked: Vec<u64> = parked(&fixture).await.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(parked, [2, 3], "batch {lost} was lost");
        fixture.store.refuse([]);
        let mut fixture = fixture.restarted();
        fixture.catch_up().await;
        fixture.assert_exactly_once().await;
    }
}

/// Where in its batch a released command stands leaves nothing to be mended.
#[tokio::test(start_paused = true)]
async fn what_was_released_is_not_taken_for_a_loss() {
    for last in [false, true] {
        for refused_once_more in [false, true] {
            let mut fixture = fixture();
            fixture.store.refuse([id("b")]);
            append(&fixture, [create("b")]).await;
            fixture.catch_up().await;
            let behind = [create("a"), put("a", "two"), patch("b", "two")];
            append(&fixture, behind).await;
            if !last {
                append(&fixture, [create("c")]).await;
            }
            fixture.catch_up().await;
            if refused_once_more {
                fixture = fixture.restarted();
                fixture.catch_up().await;
            }
            fixture.store.refuse([]);
            let mut fixture = fixture.restarted();
            fixture.catch_up().await;
            fixture.store.crash(|_| true);
            let mut fixture = fixture.restarted();
            fixture.catch_up().await;
            fixture.assert_exactly_once().await;
            let healed = |of: &Measurement| matches!(of, Measurement::Healed { .. });
            assert!(!fixture.metrics.taken().iter().any(healed), "{last} {refused_once_more}");
            assert_eq!(state(&fixture, 3).await, CommandState::Applied(Version::new(2)));
        }
    }
}

/// A database that comes back empty has nothing parked either.
#[tokio::test(start_paused = true)]
async fn what_was_parked_in_a_lost_database_is_applied_to_the_new_one() {
    let mut fixture = fixture();
    fixture.store.refuse([id("b")]);
    append(&fixture, [create("a"), create("b")]).await;
    fixture.catch_up().await;
    assert_eq!(parked(&fixture).await, [(2, 3)]);
    fixture.store.refuse([]);
    fixture.store.crash(|_| false);
    append(&fixture, [create("c")]).await;
    fixture.catch_up_despite(1).await;
    let mut fixture = fixture.restarted();
    fixture.catch_up().await;
    fixture.assert_exactly_once().await;
    assert_eq!(state(&fixture, 2).await, CommandState::Applied(Some(Version::FIRST)));
}

#[tokio::test(start_paused = true)]
async fn parked_commands_count_towards_the_limit_of_the_queue() {
    let queue = QueueLimits { max_commands: 2, ..Options::default().queue };
    let mut fixture = Fixture::with(Options { queue, ..Options::default() });
    fixture.store.refuse([id("a"), id("b")]);
    append(&fixture, [create("a"), create("b")]).await;
    fixture.catch_up().await;
    let refused = fixture.daybook.submit(request(create("c")), soon()).await.unwrap_err();
    let SubmitError::Refused { refusal, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(refusal, Refusal::QueueFull);
}
