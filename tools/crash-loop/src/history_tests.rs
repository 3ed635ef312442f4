//! The history finds every kind of breach, and none where there is none.

use crate::history::{Answer, Breach, History, Seen, Write};

fn seen(version: u64, counter: u64) -> Option<Seen> {
    Some(Seen { version, counter })
}

fn create(counter: u64) -> Write {
    Write::Create { counter }
}

fn change(counter: u64) -> Write {
    Write::Change { counter, if_match: None }
}

const DELETE: Write = Write::Delete { if_match: None };

/// A history of writes that were done one after the other, counting up.
fn done(changes: u64) -> History {
    let mut history = History::default();
    assert_eq!(history.answered(create(1), Answer::Done(seen(1, 1))), None);
    for n in 2..=changes + 1 {
        assert_eq!(history.answered(change(n), Answer::Done(seen(n, n))), None);
    }
    history
}

#[test]
fn what_was_acknowledged_is_expected() {
    assert_eq!(done(2).observed(seen(3, 3)), None);
    assert_eq!(done(2).settled(), Some(seen(3, 3)));
}

#[test]
fn a_note_that_is_gone_is_lost() {
    assert_eq!(done(0).observed(None), Some(Breach::Lost));
}

#[test]
fn an_older_version_is_a_loss() {
    assert_eq!(done(2).observed(seen(2, 2)), Some(Breach::Lost));
}

#[test]
fn a_deletion_without_effect_is_a_loss() {
    let mut history = done(1);
    assert_eq!(history.answered(DELETE, Answer::Done(None)), None);
    assert_eq!(history.clone().observed(None), None);
    assert_eq!(history.observed(seen(2, 2)), Some(Breach::Lost));
}

#[test]
fn a_version_too_many_is_a_duplicate() {
    assert_eq!(done(2).observed(seen(4, 3)), Some(Breach::Duplicated));
}

#[test]
fn a_refused_creation_that_took_effect_is_a_duplicate() {
    let mut history = History::default();
    assert_eq!(history.answered(create(1), Answer::Refused), None);
    assert_eq!(history.observed(seen(1, 1)), Some(Breach::Duplicated));
}

#[test]
fn a_refused_change_that_took_effect_is_a_duplicate() {
    let mut history = done(0);
    assert_eq!(history.answered(change(2), Answer::Refused), None);
    assert_eq!(history.observed(seen(2, 2)), Some(Breach::Duplicated));
}

#[test]
fn the_content_of_an_earlier_write_at_the_last_version_is_out_of_order() {
    assert_eq!(done(2).observed(seen(3, 2)), Some(Breach::OutOfOrder));
}

#[test]
fn an_unknown_outcome_allows_both() {
    let mut history = done(0);
    assert_eq!(history.answered(change(2), Answer::Unknown), None);
    assert_eq!(history.settled(), None);
    assert_eq!(history.clone().observed(seen(1, 1)), None);
    assert_eq!(history.clone().observed(seen(2, 2)), None);
    assert_eq!(history.clone().observed(None), Some(Breach::Lost));
    assert_eq!(history.observed(seen(3, 2)), Some(Breach::Duplicated));
}

#[test]
fn a_look_ends_the_doubt() {
    let mut history = done(0);
    assert_eq!(history.answered(change(2), Answer::Unknown), None);
    assert_eq!(history.observed(seen(1, 1)), None);
    assert_eq!(history.observed(seen(2, 2)), Some(Breach::Duplicated), "it came back later");
}

#[test]
fn an_acknowledgement_after_a_doubt_ends_it_too() {
    let mut history = done(0);
    assert_eq!(history.answered(change(2), Answer::Unknown), None);
    assert_eq!(history.answered(change(3), Answer::Done(seen(3, 3))), None);
    assert_eq!(history.settled(), Some(seen(3, 3)));
}

#[test]
fn a_recorded_write_must_be_there() {
    let mut history = done(0);
    assert_eq!(history.answered(change(2), Answer::Recorded), None);
    assert_eq!(history.clone().observed(seen(2, 2)), None);
    assert_eq!(history.observed(seen(1, 1)), Some(Breach::Lost));
}

#[test]
fn a_recorded_write_may_be_rejected_later() {
    let mut history = done(0);
    let stale = Write::Change { counter: 2, if_match: Some(7) };
    assert_eq!(history.answered(stale, Answer::Recorded), None);
    assert_eq!(history.observed(seen(1, 1)), None);
}

#[test]
fn an_answer_that_tells_another_version_breaks_a_promise() {
    let answer = |state| done(1).answered(change(3), Answer::Done(state));
    assert_eq!(answer(seen(3, 3)), None);
    assert_eq!(answer(seen(4, 3)), Some(Breach::Duplicated));
    assert_eq!(answer(seen(2, 3)), Some(Breach::Lost));
    assert_eq!(answer(seen(3, 2)), Some(Breach::OutOfOrder));
}

#[test]
fn a_rejection_that_nothing_explains_is_unexpected() {
    let mut history = done(1);
    let exact = Write::Change { counter: 3, if_match: Some(2) };
    assert_eq!(history.answered(exact, Answer::Rejected), Some(Breach::Unexpected));
    // What happened is found by looking: it was applied twice, the second time
    // against its own result.
    assert_eq!(history.observed(seen(3, 3)), Some(Breach::Duplicated));
}

#[test]
fn a_rejection_after_a_doubt_tells_which_it_was() {
    let mut history = done(0);
    assert_eq!(history.answered(DELETE, Answer::Unknown), None);
    assert_eq!(history.answered(change(2), Answer::Rejected), None);
    assert_eq!(history.settled(), Some(None));
}

#[test]
fn a_note_made_twice_lost_its_first_making() {
    let mut history = done(0);
    assert_eq!(history.answered(create(2), Answer::Done(seen(1, 2))), Some(Breach::Lost));
}

/// A store that can misbehave once: the checker must see each misbehaviour,
/// whatever the schedule, and nothing without one.
mod injected {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Fault {
        None,
        Drop,
        Twice,
        Swap,
    }

    fn run(seed: u64, fault: Fault) -> bool {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut history = History::default();
        let mut state = None;
        let mut breached = false;
        let at = random.u64(1..20);
        let mut counter = 0;
        while counter < 40 {
            counter += 1;
            let write = match state {
                None => create(counter),
                Some(_) if random.u8(0..8) == 0 && counter < 18 => DELETE,
                Some(_) => change(counter),
            };
            let faulty = counter >= at && matches!(write, Write::Change { .. });
            let before = state;
            state = step(state, write);
            if random.u8(0..4) == 0 && !faulty {
                // The answer got lost on its way, or the process died before.
                let kept = if random.bool() { state } else { before };
                state = kept;
                breached |= history.answered(write, Answer::Unknown).is_some();
                breached |= random.bool() && history.observed(state).is_some();
                continue;
            }
            breached |= history.answered(write, Answer::Done(state)).is_some();
            if faulty && fault != Fault::None {
                state = match fault {
                    Fault::None => state,
                    Fault::Drop => before,
                    Fault::Twice => step(state, write),
                    Fault::Swap => {
                        let next = change(counter + 1);
                        let expected = step(state, next);
                        breached |= history.answered(next, Answer::Done(expected)).is_some();
                        step(step(before, next), write)
                    }
                };
                breached |= history.observed(state).is_some();
                return breached;
            }
        }
        breached | history.observed(state).is_some()
    }

    fn step(state: Option<Seen>, write: Write) -> Option<Seen> {
        match (write, state) {
            (Write::Create { counter }, None) => seen(1, counter),
            (Write::Change { counter, .. }, Some(now)) => seen(now.version + 1, counter),
            (Write::Delete { .. }, Some(_)) => None,
            (_, state) => state,
        }
    }

    #[test]
    fn every_injected_fault_is_found() {
        for seed in 0..2_000 {
            for fault in [Fault::Drop, Fault::Twice, Fault::Swap] {
                assert!(run(seed, fault), "seed {seed}: {fault:?} was not found");
            }
        }
    }

    #[test]
    fn without_a_fault_nothing_is_found() {
        for seed in 0..2_000 {
            assert!(!run(seed, Fault::None), "seed {seed}");
        }
    }
}
