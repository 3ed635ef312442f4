//! What commands make of a note that is known, or not.

use chrono::DateTime;
use rstest::rstest;

use super::fixture::*;
use super::overlay::Overlaid;
use crate::domain::*;

fn submission(command: Command, precondition: Precondition) -> Submission {
    Submission {
        accepted_at: DateTime::UNIX_EPOCH,
        command,
        precondition,
        idempotency: None,
        principal: None,
        trace_id: None,
    }
}

fn version(number: u64) -> Precondition {
    Precondition::VersionIn(Version::new(number).into_iter().collect())
}

/// The state in short: the title and version, with a question mark if assumed.
fn shown(state: &Overlaid) -> String {
    match state {
        Overlaid::Unknown => "unknown".to_owned(),
        Overlaid::Known { note: None, .. } => "gone".to_owned(),
        Overlaid::Known { note: Some(note), assumed } => {
            let mark = if *assumed { "?" } else { "" };
            format!("{} {}{mark}", note.title, note.version)
        }
    }
}

fn folded(start: Overlaid, commands: &[(Command, Precondition)]) -> String {
    let fold = |state: Overlaid, (command, expected): &(Command, Precondition)| {
        state.after(&submission(command.clone(), expected.clone()))
    };
    shown(&commands.iter().fold(start, fold))
}

use Precondition::{MustExist, MustNotExist, None as Any};

#[rstest]
#[case::created(&[(create("a"), Any)], "created 1")]
#[case::put(&[(put("a", "t"), Any)], "t 1?")]
#[case::put_new(&[(put("a", "t"), MustNotExist)], "t 1?")]
#[case::put_old(&[(put("a", "t"), MustExist)], "unknown")]
#[case::put_at(&[(put("a", "t"), version(1))], "unknown")]
#[case::patched(&[(patch("a", "t"), Any)], "unknown")]
#[case::deleted(&[(delete("a"), Any)], "gone")]
#[case::deleted_if_there(&[(delete("a"), MustExist)], "gone")]
#[case::deleted_at(&[(delete("a"), version(1))], "unknown")]
#[case::patch_of_put(&[(put("a", "t"), Any), (patch("a", "u"), Any)], "u 2?")]
#[case::patch_at_assumed(&[(put("a", "t"), Any), (patch("a", "u"), version(1))], "unknown")]
#[case::exists_for_sure(&[(put("a", "t"), Any), (patch("a", "u"), MustExist)], "u 2?")]
#[case::rejected(&[(put("a", "t"), Any), (create("a"), Any)], "t 1?")]
#[case::deleted_after_put(&[(put("a", "t"), Any), (delete("a"), Any)], "gone")]
#[case::new_for_sure(&[(delete("a"), Any), (put("a", "t"), Any)], "t 1")]
#[case::patch_of_gone(&[(delete("a"), Any), (patch("a", "t"), Any)], "gone")]
#[case::put_over_unknown(&[(patch("a", "t"), Any), (put("a", "u"), Any)], "u 1?")]
fn on_nothing_known(#[case] commands: &[(Command, Precondition)], #[case] expected: &str) {
    assert_eq!(folded(Overlaid::Unknown, commands), expected);
}

#[rstest]
#[case(&[(patch("a", "t"), Any)], "gone")]
#[case(&[(put("a", "t"), MustExist)], "gone")]
#[case(&[(put("a", "t"), Any), (patch("a", "u"), version(1))], "u 2")]
fn on_a_note_that_is_not_there(
    #[case] commands: &[(Command, Precondition)],
    #[case] expected: &str,
) {
    assert_eq!(folded(Overlaid::gone(), commands), expected);
}

#[rstest]
#[case(&[(patch("a", "t"), version(1))], "t 2")]
#[case(&[(patch("a", "t"), version(2))], "created 1")]
#[case(&[(put("a", "t"), MustNotExist)], "created 1")]
#[case(&[(delete("a"), MustExist), (patch("a", "u"), Any)], "gone")]
#[case(&[(create("a"), Any), (put("a", "u"), Any)], "u 2")]
fn on_a_note_that_is_there(#[case] commands: &[(Command, Precondition)], #[case] expected: &str) {
    let start = Overlaid::Unknown.after(&submission(create("a"), Any));
    assert_eq!(folded(start, commands), expected);
}
