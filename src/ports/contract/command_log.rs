//! What every [`CommandLog`] must do, as tests that any adapter runs:
//!
//! ```text
//! command_log_contract!(file_log, || async { Subject::new(log).reopened_by(..) });
//! ```

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use chrono::DateTime;
use tokio::time::timeout;

use crate::domain::{
    Checked, Command, Entry, NoteDraft, NoteId, Position, Precondition, Sequence, Submission,
};
use crate::ports::{CommandLog, LogError, ReadLimit};

/// Runs the suite on an adapter. The maker returns a [`Subject`] with an empty
/// log each time.
macro_rules! command_log_contract {
    ($name:ident, $make:expr) => {
        command_log_contract!(@tests $name, $make,
            an_empty_log_is_empty,
            sequences_have_no_holes,
            concurrent_appenders_leave_no_holes,
            what_is_acknowledged_survives_reopening,
            reading_starts_anywhere_and_keeps_its_limits,
            a_reader_follows_an_appender,
            waiting_ends_with_the_next_command,
            waiting_ends_when_the_log_is_closed,
            every_command_can_be_located,
            a_floor_is_never_too_late,
            a_closed_log_can_be_read_but_not_appended_to,
        );
    };
    (@tests $name:ident, $make:expr, $($test:ident,)*) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $(
                #[tokio::test]
                async fn $test() {
                    let make = $make;
                    $crate::ports::contract::command_log::$test(make().await).await;
                }
            )*
        }
    };
}
pub(crate) use command_log_contract;

type Opening = Pin<Box<dyn Future<Output = Box<dyn CommandLog>>>>;

/// A log under test.
pub(crate) struct Subject {
    log: Box<dyn CommandLog>,
    /// Opens the same log again after `log` was dropped; `None` where nothing
    /// outlives the adapter.
    reopen: Option<Box<dyn Fn() -> Opening>>,
}

impl Subject {
    pub(crate) fn new(log: impl CommandLog) -> Self {
        Self { log: Box::new(log), reopen: None }
    }

    /// For an adapter whose log outlives it. The closure also keeps alive what
    /// the log needs.
    pub(crate) fn reopened_by<F>(mut self, open: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Box<dyn CommandLog>> + 'static,
    {
        self.reopen = Some(Box::new(move || Box::pin(open())));
        self
    }
}

const EVERYTHING: ReadLimit = ReadLimit { max_commands: usize::MAX, max_bytes: u64::MAX };

/// A command that tells its number.
pub(crate) fn submission(number: u64) -> Submission {
    let draft = NoteDraft {
        title: format!("Note {number}"),
        content: "x".repeat(usize::try_from(number % 7 * 40 + 1).unwrap()),
        author: "ann".to_owned(),
        tags: vec!["a".to_owned()],
    };
    Submission {
        accepted_at: DateTime::from_timestamp_nanos(1_700_000_000_123_456_789 + number as i64),
        command: Command::Create {
            id: NoteId::from_key(format!("n{number}")).unwrap(),
            draft: Checked::new(draft).unwrap(),
        },
        precondition: Precondition::None,
        idempotency: None,
        principal: None,
        trace_id: Some(format!("trace-{number}")),
    }
}

fn seq(number: u64) -> Sequence {
    Sequence::new(number)
}

/// Appends the commands 1 to `count`.
async fn append(log: &dyn CommandLog, count: u64) -> Vec<Position> {
    let mut positions = Vec::new();
    for number in 1..=count {
        positions.push(log.append(submission(number)).await.unwrap());
    }
    positions
}

async fn read_all(log: &dyn CommandLog) -> Vec<Entry> {
    log.read(log.positions().first, EVERYTHING).await.unwrap()
}

pub(crate) async fn an_empty_log_is_empty(subject: Subject) {
    let log = subject.log;
    let positions = log.positions();
    assert_eq!(positions.first, Sequence::FIRST);
    assert_eq!(positions.last.seq, Sequence::ZERO);
    assert_eq!(log.read(Sequence::FIRST, EVERYTHING).await.unwrap(), []);
    assert_eq!(log.locate(Sequence::ZERO).await.unwrap(), positions.last);
    assert_eq!(log.floor(Sequence::ZERO, 1000).await.unwrap(), Sequence::FIRST);
    let past = log.locate(Sequence::FIRST).await;
    assert!(matches!(past, Err(LogError::PastEnd { .. })), "{past:?}");
}

pub(crate) async fn sequences_have_no_holes(subject: Subject) {
    let log = subject.log;
    let positions = append(&*log, 20).await;
    let mut end = 0;
    for (number, position) in (1..).zip(&positions) {
        assert_eq!(position.seq, seq(number));
        assert!(position.end > end, "positions grow");
        end = position.end;
    }
    assert_eq!(log.positions().last, positions[19]);
    let entries = read_all(&*log).await;
    assert_eq!(entries.len(), 20);
    for (number, entry) in (1..).zip(entries) {
        assert_eq!(entry.position, positions[number as usize - 1]);
        assert_eq!(entry.submission, submission(number));
    }
}

pub(crate) async fn concurrent_appenders_leave_no_holes(subject: Subject) {
    let log: std::sync::Arc<dyn CommandLog> = subject.log.into();
    let mut appenders = tokio::task::JoinSet::new();
    for number in 1..=100 {
        let log = std::sync::Arc::clone(&log);
        appenders.spawn(async move { (number, log.append(submission(number)).await.unwrap()) });
    }
    let mut acknowledged = appenders.join_all().await;
    acknowledged.sort_by_key(|(_, position)| position.seq);
    let entries = read_all(&*log).await;
    assert_eq!(entries.len(), 100);
    for (place, ((number, position), entry)) in (1..).zip(acknowledged.into_iter().zip(entries)) {
        assert_eq!(position.seq, seq(place));
        assert_eq!(entry, Entry { position, first: position.seq, submission: submission(number) });
    }
}

pub(crate) async fn what_is_acknowledged_survives_reopening(subject: Subject) {
    // Where nothing outlives the adapter, nothing is promised either.
    let Some(reopen) = subject.reopen else { return };
    let log = subject.log;
    let id = log.id();
    append(&*log, 10).await;
    let entries = read_all(&*log).await;
    // Once without closing it first, as after a kill, and once with.
    drop(log);
    let log = reopen().await;
    assert_eq!(log.id(), id);
    assert_eq!(read_all(&*log).await, entries);
    assert_eq!(log.append(submission(11)).await.unwrap().seq, seq(11));
    let entries = read_all(&*log).await;
    log.close().await.unwrap();
    drop(log);
    let log = reopen().await;
    assert_eq!(log.id(), id);
    assert_eq!(read_all(&*log).await, entries);
    assert_eq!(log.positions().last, entries[10].position);
}

pub(crate) async fn reading_starts_anywhere_and_keeps_its_limits(subject: Subject) {
    let log = subject.log;
    append(&*log, 30).await;
    let all = read_all(&*log).await;
    let first_start = log.locate(Sequence::ZERO).await.unwrap().end;
    for from in 1..=31 {
        let expected = &all[from - 1..];
        assert_eq!(log.read(seq(from as u64), EVERYTHING).await.unwrap(), expected);
        for max_commands in [0, 1, 2, 7] {
            let limit = ReadLimit { max_commands, max_bytes: u64::MAX };
            let read = log.read(seq(from as u64), limit).await.unwrap();
            assert_eq!(read, expected[..max_commands.max(1).min(expected.len())]);
        }
        for max_bytes in [0, 1, 500, 2000] {
            let limit = ReadLimit { max_commands: usize::MAX, max_bytes };
            let read = log.read(seq(from as u64), limit).await.unwrap();
            assert_eq!(read, expected[..read.len()]);
            assert_eq!(read.is_empty(), expected.is_empty());
            if let [first, .., last] = &read[..] {
                let after_first = last.position.end - first.position.end;
                assert!(after_first < max_bytes, "{after_first} of {max_bytes}");
            }
            if read.len() < expected.len() {
                let start = if from == 1 { first_start } else { all[from - 2].position.end };
                let with_next = expected[read.len()].position.end - start;
                assert!(with_next > max_bytes, "one more would have fitted");
            }
        }
    }
    assert_eq!(log.read(seq(1000), EVERYTHING).await.unwrap(), []);
    let before = log.read(Sequence::ZERO, EVERYTHING).await;
    assert!(matches!(before, Err(LogError::BeforeFirst { .. })), "{before:?}");
}

pub(crate) async fn a_reader_follows_an_appender(subject: Subject) {
    let log = subject.log;
    let limit = ReadLimit { max_commands: 3, max_bytes: u64::MAX };
    let appending = append(&*log, 50);
    let reading = async {
        let mut read = Vec::new();
        while read.len() < 50 {
            let last = seq(read.len() as u64);
            log.wait_past(last).await.unwrap();
            let batch = log.read(last.next(), limit).await.unwrap();
            assert!(!batch.is_empty(), "what was waited for can be read");
            read.extend(batch);
        }
        read
    };
    let (positions, read) = tokio::join!(appending, reading);
    for (number, entry) in (1..).zip(read) {
        assert_eq!(entry.position, positions[number as usize - 1]);
        assert_eq!(entry.submission, submission(number));
    }
}

pub(crate) async fn waiting_ends_with_the_next_command(subject: Subject) {
    let log = subject.log;
    append(&*log, 2).await;
    log.wait_past(Sequence::ZERO).await.unwrap();
    log.wait_past(seq(1)).await.unwrap();
    // Nothing is there yet; giving up waiting loses nothing.
    timeout(Duration::from_millis(5), log.wait_past(seq(2))).await.unwrap_err();
    let (waited, appended) = tokio::join!(log.wait_past(seq(2)), log.append(submission(3)));
    waited.unwrap();
    assert_eq!(appended.unwrap().seq, seq(3));
    assert_eq!(log.positions().last.seq, seq(3));
}

pub(crate) async fn waiting_ends_when_the_log_is_closed(subject: Subject) {
    let log = subject.log;
    append(&*log, 2).await;
    let (waited, closed) = tokio::join!(log.wait_past(seq(2)), log.close());
    assert!(matches!(waited, Err(LogError::Closed)), "{waited:?}");
    closed.unwrap();
    let after = log.wait_past(seq(2)).await;
    assert!(matches!(after, Err(LogError::Closed)), "{after:?}");
    log.wait_past(seq(1)).await.unwrap();
}

pub(crate) async fn every_command_can_be_located(subject: Subject) {
    let log = subject.log;
    let positions = append(&*log, 20).await;
    for position in &positions {
        assert_eq!(log.locate(position.seq).await.unwrap(), *position);
    }
    let before = log.locate(log.positions().first.previous()).await.unwrap();
    assert_eq!(before.seq, Sequence::ZERO);
    assert!(before.end < positions[0].end);
    let past = log.locate(seq(21)).await;
    assert!(
        matches!(past, Err(LogError::PastEnd { asked, last }) if (asked, last) == (seq(21), seq(20))),
        "{past:?}"
    );
}

pub(crate) async fn a_floor_is_never_too_late(subject: Subject) {
    let log = subject.log;
    append(&*log, 40).await;
    for upto in (1..=40).map(seq) {
        let end = log.locate(upto).await.unwrap().end;
        for bytes in [1, 100, 250, 1000, 5000, u64::MAX] {
            let floor = log.floor(upto, bytes).await.unwrap();
            assert!(Sequence::FIRST <= floor && floor <= upto);
            let held = end - log.locate(floor.previous()).await.unwrap().end;
            assert!(held >= bytes || floor == Sequence::FIRST, "{held} of {bytes}");
        }
    }
    let past = log.floor(seq(41), 1).await;
    assert!(matches!(past, Err(LogError::PastEnd { .. })), "{past:?}");
}

pub(crate) async fn a_closed_log_can_be_read_but_not_appended_to(subject: Subject) {
    let log = subject.log;
    append(&*log, 5).await;
    log.close().await.unwrap();
    let refused = log.append(submission(6)).await;
    assert!(matches!(refused, Err(LogError::Closed)), "{refused:?}");
    assert_eq!(read_all(&*log).await.len(), 5);
    assert_eq!(log.positions().last.seq, seq(5));
    log.close().await.unwrap();
}
