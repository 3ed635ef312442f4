//! Healing, case by case.

use super::faulty_store::Fault;
use super::fixture::*;
use super::*;
use crate::domain::*;
use crate::ports::*;

/// One command per batch, each applied; then the batches in `lost` (counted
/// from 1, so by sequence) are taken out, and the database is healed.
async fn healed(commands: Vec<Command>, lost: &[usize]) -> Fixture {
    let batch = ReadLimit { max_commands: 1, max_bytes: u64::MAX };
    let mut fixture = Fixture::with(Options { batch, ..Options::default() });
    for command in commands {
        fixture.append(command, Precondition::None).await;
    }
    fixture.catch_up().await;
    fixture.store.crash(|index| !lost.contains(&(index + 1)));
    let mut fixture = fixture.restarted();
    fixture.catch_up().await;
    fixture
}

fn healed_batches(fixture: &Fixture) -> u64 {
    let healed = |measurement: &Measurement| match measurement {
        Measurement::Healed { batches } => *batches,
        _ => 0,
    };
    fixture.metrics.taken().iter().map(healed).sum()
}

#[tokio::test]
async fn a_lost_creation_is_put_back() {
    let fixture = healed(vec![create("a"), create("b"), create("c")], &[2]).await;
    fixture.assert_exactly_once().await;
    assert_eq!(healed_batches(&fixture), 1);
}

#[tokio::test]
async fn a_lost_rejection_is_put_back() {
    let fixture = healed(vec![create("a"), create("a"), create("b")], &[2]).await;
    fixture.assert_exactly_once().await;
}

#[tokio::test]
async fn a_note_that_was_changed_later_is_left_alone() {
    let fixture = healed(vec![create("a"), patch("a", "two"), patch("a", "three")], &[2]).await;
    fixture.assert_exactly_once().await;
}

#[tokio::test]
async fn a_note_that_was_deleted_later_does_not_come_back() {
    let fixture = healed(vec![create("a"), delete("a"), create("b")], &[1]).await;
    fixture.assert_exactly_once().await;
    assert!(!fixture.notes().await.contains_key(&id("a")));
}

#[tokio::test]
async fn a_lost_deletion_is_done_again() {
    let fixture = healed(vec![create("a"), delete("a"), create("b")], &[2]).await;
    fixture.assert_exactly_once().await;
}

#[tokio::test]
async fn losses_of_one_note_are_repaired_in_order() {
    let commands = vec![create("a"), patch("a", "2"), put("a", "3"), patch("a", "4"), create("b")];
    for lost in [&[2, 3][..], &[2, 4], &[3, 4], &[2, 3, 4], &[1, 3], &[1, 2, 3, 4]] {
        healed(commands.clone(), lost).await.assert_exactly_once().await;
    }
}

#[tokio::test]
async fn adjacent_losses_are_one_gap() {
    let commands = vec![create("a"), create("b"), create("c"), create("d"), create("e")];
    assert_eq!(healed_batches(&healed(commands.clone(), &[2, 3]).await), 1);
    assert_eq!(healed_batches(&healed(commands, &[2, 4]).await), 2);
}

#[tokio::test]
async fn a_loss_at_the_end_is_replayed_not_healed() {
    let fixture = healed(vec![create("a"), create("b"), create("c")], &[2, 3]).await;
    fixture.assert_exactly_once().await;
    assert_eq!(healed_batches(&fixture), 0);
}

#[tokio::test]
async fn nothing_is_compared_after_a_clean_shutdown() {
    let mut fixture = Fixture::new();
    for key in ["a", "b"] {
        fixture.append(create(key), Precondition::None).await;
        fixture.catch_up().await;
    }
    // Were anything compared, this would be noticed.
    fixture.store.crash(|index| index != 0);
    assert_eq!(fixture.applier.vouches(), Continuity::Intact);
    fixture.store.close(Continuity::Intact).await.unwrap();
    let mut fixture = fixture.restarted();
    fixture.catch_up().await;
    assert_eq!(fixture.store.get(&id("a")).await.unwrap(), None);
}

#[tokio::test]
async fn a_store_that_was_never_compared_is_not_vouched_for() {
    let mut fixture = Fixture::new();
    fixture.append(create("a"), Precondition::None).await;
    fixture.catch_up().await;
    fixture.store.crash(|_| true);
    let fixture = fixture.restarted();
    // The process stops before its first step.
    fixture.store.close(fixture.applier.vouches()).await.unwrap();
    assert_eq!(fixture.store.connect().await.unwrap(), Continuity::Suspect);
}

#[tokio::test]
async fn markers_outside_the_window_are_forgotten() {
    let batch = ReadLimit { max_commands: 1, max_bytes: u64::MAX };
    let options = Options { batch, heal_window_bytes: 1000, ..Options::default() };
    let mut fixture = Fixture::with(options);
    for number in 0..200 {
        fixture.append(create(&format!("n{number}")), Precondition::None).await;
    }
    fixture.catch_up().await;
    let markers =
        fixture.store.markers(fixture.log.id(), Sequence::ZERO, usize::MAX).await.unwrap();
    assert!((10..=12).contains(&markers.len()), "{} markers", markers.len());
}

/// Found by the model: the repair of the creation had left the note alone,
/// since the patch was there; then the patch was lost, and with it the note.
#[tokio::test]
async fn a_repair_does_not_rely_on_the_batch_that_it_found_there() {
    let mut fixture = healed(vec![create("a"), patch("a", "two"), create("b")], &[1]).await;
    fixture.store.crash(|index| index != 0);
    fixture = fixture.restarted();
    fixture.catch_up().await;
    fixture.assert_exactly_once().await;
}

/// Found by a reader: the note was put back, but the index entries of the lost
/// batch were not, nor were those gone again that it had removed.
#[tokio::test]
async fn a_list_shows_every_note_once_after_a_loss() {
    healed(vec![create("a"), patch("a", "two"), create("b")], &[1]).await.assert_lists().await;
    healed(vec![create("a"), patch("a", "2"), patch("a", "3")], &[2]).await.assert_lists().await;
    healed(vec![create("a"), patch("a", "two"), delete("a")], &[2]).await.assert_lists().await;
}

/// Found by the loop of outages: notes that were written while a server made an
/// index anew were listed twice.
#[tokio::test]
async fn no_commit_on_its_way_is_applied_while_indexes_are_made_anew() {
    let mut fixture = healed(vec![create("a"), create("b")], &[]).await;
    fixture.append(patch("b", "two"), Precondition::None).await;
    // The calls of one step: of the notes, and the commit.
    fixture.faults.plan([Fault::None, Fault::Ghost]);
    fixture.applier.apply_next().await.unwrap();
    fixture.store.crash(|index| index != 0);
    let mut fixture = fixture.restarted_among_faults();
    fixture.catch_up().await;
    assert_eq!(fixture.store.rebuilds(), 1);
    assert_eq!(fixture.faults.disturbing(), 0);
    fixture.assert_exactly_once().await;
}

/// Crashes, which undoes what made the indexes anew and loses nothing else, and
/// restarts. Tells how often the indexes were made anew since.
async fn rebuilds_after_crash(fixture: Fixture) -> (Fixture, usize) {
    fixture.store.crash(|_| true);
    let mut fixture = fixture.restarted();
    fixture.catch_up().await;
    let rebuilds = fixture.store.rebuilds();
    (fixture, rebuilds)
}

#[tokio::test]
async fn indexes_that_a_crash_may_take_are_made_anew_as_long_as_it_may() {
    let batch = ReadLimit { max_commands: 1, max_bytes: u64::MAX };
    // About ten commands.
    let options = Options { batch, heal_window_bytes: 1_000, ..Options::default() };
    let mut fixture = Fixture::losing_indexes(options);
    for key in ["a", "b", "c"] {
        fixture.append(create(key), Precondition::None).await;
    }
    fixture.catch_up().await;
    fixture.store.crash(|index| index != 1);
    fixture = fixture.restarted();
    fixture.catch_up().await;
    assert_eq!(fixture.store.rebuilds(), 1);
    let (mut fixture, rebuilds) = rebuilds_after_crash(fixture).await;
    assert_eq!(rebuilds, 1);
    for number in 0..100 {
        fixture.append(put("a", &format!("title {number}")), Precondition::None).await;
    }
    fixture.catch_up().await;
    let (_, rebuilds) = rebuilds_after_crash(fixture).await;
    assert_eq!(rebuilds, 0, "it is behind the horizon");
}

/// Three commands were applied, one each; the log was repaired without `lost`,
/// and the database has not the batches in `gone`. Another command follows.
async fn repaired(lost: u64, gone: &[usize]) -> Fixture {
    let fixture = healed(vec![create("a"), create("b"), create("c")], &[]).await;
    fixture.store.crash(|index| !gone.contains(&(index + 1)));
    let at = fixture.clock.now() + chrono::TimeDelta::hours(1);
    let log = with_lost(&fixture.log, lost, at).await;
    let mut fixture = fixture.with_log(log);
    fixture.append(create("d"), Precondition::None).await;
    fixture.catch_up().await;
    fixture
}

#[tokio::test]
async fn what_the_database_has_of_a_lost_command_stays() {
    // The last one is that at the checkpoint.
    for lost in [2, 3] {
        let fixture = repaired(lost, &[]).await;
        let notes = fixture.notes().await;
        assert_eq!(notes.keys().map(NoteId::key).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert_eq!(fixture.rejections().await, []);
    }
}

#[tokio::test]
async fn a_command_that_both_have_lost_is_rejected() {
    let fixture = repaired(2, &[2]).await;
    let notes = fixture.notes().await;
    assert_eq!(notes.keys().map(NoteId::key).collect::<Vec<_>>(), ["a", "c", "d"]);
    assert_eq!(fixture.rejections().await, [(Sequence::new(2), Rejection::Lost)]);
}
