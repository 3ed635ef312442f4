//! What each error says of itself, error by error.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use rstest::rstest;

use super::{LogError, StoreError};
use crate::domain::Sequence;

const AFTER: Duration = Duration::from_secs(30);

fn text() -> String {
    "told".to_owned()
}

/// The code of an error, then whether it is transient, an answer, contention,
/// poison, and unclear.
type Told = (&'static str, [bool; 5]);

const YES: bool = true;
const NO: bool = false;

#[rstest]
#[case(StoreError::NotConnected, ("not-connected", [YES, NO, NO, NO, NO]))]
#[case(StoreError::ConnectionFailed(text()), ("connection-failed", [YES, NO, NO, NO, YES]))]
#[case(StoreError::Timeout { operation: "get", after: AFTER }, ("timeout", [YES, NO, NO, NO, YES]))]
#[case(StoreError::Busy { after: AFTER }, ("pool-exhausted", [YES, YES, NO, NO, NO]))]
#[case(StoreError::Moved, ("checkpoint-moved", [YES, YES, NO, NO, NO]))]
#[case(StoreError::Changed, ("note-changed", [YES, YES, YES, NO, NO]))]
#[case(StoreError::Conflict(text()), ("conflict", [YES, YES, YES, NO, NO]))]
#[case(StoreError::TransactionFailed(text()), ("transaction-failed", [NO, YES, NO, YES, NO]))]
#[case(
    StoreError::UnsupportedVersion { found: text(), required: text() },
    ("unsupported-version", [NO, YES, NO, NO, NO])
)]
#[case(StoreError::Misconfigured(text()), ("misconfigured", [NO, NO, NO, NO, NO]))]
#[case(StoreError::Unreadable(text()), ("unreadable", [NO, YES, NO, YES, NO]))]
#[case(StoreError::Internal(text()), ("internal", [YES, NO, NO, NO, YES]))]
fn an_error_of_the_database(#[case] error: StoreError, #[case] told: Told) {
    let found = [
        error.is_transient(),
        error.is_an_answer(),
        error.is_contention(),
        error.is_poison(),
        error.is_unclear(),
    ];
    assert_eq!((error.code(), found), told, "{error}");
    assert!(StoreError::CODES.contains(&error.code()));
}

#[test]
fn the_codes_of_the_database_differ() {
    let codes: BTreeSet<_> = StoreError::CODES.into_iter().collect();
    assert_eq!(codes.len(), StoreError::CODES.len());
}

#[rstest]
#[case(LogError::Full { detail: text() }, "log-full", YES)]
#[case(LogError::Refused { detail: text() }, "log-refused", YES)]
#[case(LogError::TooLarge { bytes: 2, max_bytes: 1 }, "log-too-large", NO)]
#[case(LogError::Unclear { detail: text() }, "log-unclear", YES)]
#[case(LogError::Closed, "log-closed", NO)]
#[case(
    LogError::BeforeFirst { asked: Sequence::FIRST, first: Sequence::new(2) },
    "log-before-first",
    NO
)]
#[case(
    LogError::Compacted { asked: Sequence::FIRST, through: Sequence::new(2) },
    "log-compacted",
    NO
)]
#[case(
    LogError::PastEnd { asked: Sequence::new(2), last: Sequence::FIRST },
    "log-past-end",
    YES
)]
#[case(LogError::Corrupt { place: text(), detail: text() }, "log-corrupt", NO)]
#[case(LogError::Io { place: text(), source: io::Error::other("told") }, "log-io", YES)]
fn an_error_of_the_log(#[case] error: LogError, #[case] code: &str, #[case] is_transient: bool) {
    assert_eq!((error.code(), error.is_transient()), (code, is_transient), "{error}");
}
