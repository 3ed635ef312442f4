//! Every command against every state of its note.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

fn id() -> NoteId {
    NoteId::from_key("a").unwrap()
}

fn draft(title: &str) -> Checked<NoteDraft> {
    Checked::new(NoteDraft {
        title: title.to_owned(),
        content: "content".to_owned(),
        author: "ada".to_owned(),
        tags: vec!["tag".to_owned()],
    })
    .unwrap()
}

fn create() -> Command {
    Command::Create { id: id(), draft: draft("new") }
}

fn put() -> Command {
    Command::Put { id: id(), draft: draft("new") }
}

fn patch() -> Command {
    let patch = NotePatch { title: Some("new".to_owned()), ..NotePatch::default() };
    Command::Patch { id: id(), patch: Checked::new(patch).unwrap() }
}

fn delete() -> Command {
    Command::Delete { id: id() }
}

fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

fn versions(numbers: &[u64]) -> Precondition {
    Precondition::VersionIn(numbers.iter().map(|number| version(*number)).collect())
}

/// A note at version 3, made at 10 s, changed at 20 s.
fn present() -> Option<Note> {
    Some(Note {
        id: id(),
        title: "old".to_owned(),
        content: "old".to_owned(),
        author: "bob".to_owned(),
        tags: vec!["old".to_owned()],
        created_at: time(10),
        updated_at: time(20),
        version: version(3),
    })
}

const ABSENT: Option<Note> = None;

#[track_caller]
fn given_when_then(
    given: Option<Note>,
    when: (Command, Precondition),
    then: Result<Change, Rejection>,
) {
    assert_eq!(decide(given.as_ref(), &when.0, &when.1, time(30)), then);
}

fn created() -> Result<Change, Rejection> {
    Ok(Change::Created(Note {
        id: id(),
        title: "new".to_owned(),
        content: "content".to_owned(),
        author: "ada".to_owned(),
        tags: vec!["tag".to_owned()],
        created_at: time(30),
        updated_at: time(30),
        version: version(1),
    }))
}

fn replaced() -> Result<Change, Rejection> {
    let Ok(Change::Created(note)) = created() else { unreachable!() };
    Ok(Change::Updated(Note { created_at: time(10), version: version(4), ..note }))
}

fn patched() -> Result<Change, Rejection> {
    let note = present().unwrap();
    let title = "new".to_owned();
    Ok(Change::Updated(Note { title, updated_at: time(30), version: version(4), ..note }))
}

fn deleted() -> Result<Change, Rejection> {
    Ok(Change::Deleted)
}

fn exists() -> Result<Change, Rejection> {
    Err(Rejection::AlreadyExists { current: version(3) })
}

fn missing() -> Result<Change, Rejection> {
    Err(Rejection::NotFound)
}

fn failed(current: Option<u64>) -> Result<Change, Rejection> {
    Err(Rejection::PreconditionFailed { current: current.map(version) })
}

#[rstest]
// The note is absent.
#[case(ABSENT, create(), Precondition::None, created())]
#[case(ABSENT, create(), Precondition::MustNotExist, created())]
#[case(ABSENT, create(), Precondition::MustExist, failed(None))]
#[case(ABSENT, create(), versions(&[3]), failed(None))]
#[case(ABSENT, put(), Precondition::None, created())]
#[case(ABSENT, put(), Precondition::MustNotExist, created())]
#[case(ABSENT, put(), Precondition::MustExist, failed(None))]
#[case(ABSENT, put(), versions(&[3]), failed(None))]
#[case(ABSENT, patch(), Precondition::None, missing())]
#[case(ABSENT, patch(), Precondition::MustNotExist, missing())]
#[case(ABSENT, patch(), Precondition::MustExist, missing())]
#[case(ABSENT, patch(), versions(&[3]), missing())]
#[case(ABSENT, delete(), Precondition::None, missing())]
#[case(ABSENT, delete(), Precondition::MustNotExist, missing())]
#[case(ABSENT, delete(), Precondition::MustExist, missing())]
#[case(ABSENT, delete(), versions(&[3]), missing())]
// The note is present, at the expected version or none is expected.
#[case(present(), create(), Precondition::None, exists())]
#[case(present(), create(), Precondition::MustNotExist, exists())]
#[case(present(), create(), Precondition::MustExist, exists())]
#[case(present(), create(), versions(&[3]), exists())]
#[case(present(), put(), Precondition::None, replaced())]
#[case(present(), put(), Precondition::MustNotExist, failed(Some(3)))]
#[case(present(), put(), Precondition::MustExist, replaced())]
#[case(present(), put(), versions(&[3]), replaced())]
#[case(present(), put(), versions(&[9, 3]), replaced())]
#[case(present(), patch(), Precondition::None, patched())]
#[case(present(), patch(), Precondition::MustNotExist, failed(Some(3)))]
#[case(present(), patch(), Precondition::MustExist, patched())]
#[case(present(), patch(), versions(&[3]), patched())]
#[case(present(), delete(), Precondition::None, deleted())]
#[case(present(), delete(), Precondition::MustNotExist, failed(Some(3)))]
#[case(present(), delete(), Precondition::MustExist, deleted())]
#[case(present(), delete(), versions(&[3]), deleted())]
// The note is present at another version.
#[case(present(), create(), versions(&[2]), exists())]
#[case(present(), put(), versions(&[2]), failed(Some(3)))]
#[case(present(), put(), versions(&[]), failed(Some(3)))]
#[case(present(), patch(), versions(&[4]), failed(Some(3)))]
#[case(present(), delete(), versions(&[2, 4]), failed(Some(3)))]
fn every_command_meets_every_state(
    #[case] given: Option<Note>,
    #[case] command: Command,
    #[case] precondition: Precondition,
    #[case] then: Result<Change, Rejection>,
) {
    given_when_then(given, (command, precondition), then);
}

#[test]
fn a_patch_changes_only_the_given_fields() {
    let patch =
        NotePatch { tags: Some(vec![]), author: Some("eve".to_owned()), ..Default::default() };
    let command = Command::Patch { id: id(), patch: Checked::new(patch).unwrap() };
    let note = present().unwrap();
    let then = Note {
        author: "eve".to_owned(),
        tags: vec![],
        updated_at: time(30),
        version: version(4),
        ..note.clone()
    };
    given_when_then(Some(note), (command, Precondition::None), Ok(Change::Updated(then)));
}

#[test]
fn a_patch_without_fields_still_counts_as_a_change() {
    let command = Command::Patch { id: id(), patch: Checked::new(NotePatch::default()).unwrap() };
    let note = present().unwrap();
    let then = Note { updated_at: time(30), version: version(4), ..note.clone() };
    given_when_then(Some(note), (command, Precondition::None), Ok(Change::Updated(then)));
}

#[rstest]
#[case(put())]
#[case(patch())]
fn time_does_not_go_backwards_when_the_clock_does(#[case] command: Command) {
    let change = decide(present().as_ref(), &command, &Precondition::None, time(5)).unwrap();
    let note = change.note().unwrap();
    assert_eq!((note.created_at, note.updated_at), (time(10), time(20)));
}

#[test]
fn every_rejection_is_rebuilt_from_its_parts() {
    let all = [missing(), exists(), failed(None), failed(Some(7))].map(Result::unwrap_err);
    for rejection in all {
        let parts = (rejection.code(), rejection.current());
        assert_eq!(Rejection::from_parts(parts.0, parts.1), Some(rejection));
    }
    assert_eq!(Rejection::from_parts("already-exists", None), None);
    assert_eq!(Rejection::from_parts("no-such-code", None), None);
}

fn any_command() -> impl Strategy<Value = (Command, Precondition)> {
    let commands = prop_oneof![Just(create()), Just(put()), Just(patch()), Just(delete())];
    let preconditions = prop_oneof![
        Just(Precondition::None),
        Just(Precondition::MustNotExist),
        Just(Precondition::MustExist),
        (1..4_u64).prop_map(|number| versions(&[number])),
    ];
    (commands, preconditions)
}

proptest! {
    /// Over any history: versions count up by one from one, `created_at` never
    /// changes in a note's life, and a rejection changes nothing.
    #[test]
    fn histories_are_consistent(history in prop::collection::vec((any_command(), 0..100_i64), 0..40)) {
        let mut current: Option<Note> = None;
        for ((command, precondition), at) in history {
            match decide(current.as_ref(), &command, &precondition, time(at)) {
                Ok(change) => {
                    match (&current, change.note()) {
                        (None, Some(after)) => {
                            prop_assert_eq!(after.version, Version::FIRST);
                            prop_assert_eq!(after.created_at, time(at));
                        }
                        (Some(before), Some(after)) => {
                            prop_assert_eq!(after.version, before.version.next());
                            prop_assert_eq!(after.created_at, before.created_at);
                            prop_assert!(after.updated_at >= before.updated_at);
                        }
                        (Some(_), None) => prop_assert_eq!(command.kind(), "delete"),
                        (None, None) => prop_assert!(false, "deleted what was not there"),
                    }
                    current = change.note().cloned();
                }
                Err(rejection) => {
                    prop_assert_eq!(rejection.current(), current.as_ref().map(|note| note.version));
                }
            }
        }
    }
}
