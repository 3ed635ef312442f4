//! An audit finds whatever the database has otherwise than the log.

use uuid::Uuid;

use super::fixture::*;
use super::*;
use crate::adapters::memory::MemoryLog;
use crate::domain::*;
use crate::ports::*;

/// What an audit showed of a note: its id, its version on both sides, and
/// whether other logs have changed it.
type Shown = (String, Option<u64>, Option<u64>, bool);

async fn audit(fixture: &Fixture) -> (Audit, Vec<Shown>) {
    let mut audit = Audit::new(fixture.log.clone(), fixture.store.clone()).await.unwrap();
    let mut at = Sequence::ZERO;
    audit.fold(|seq| at = seq).await.unwrap();
    assert_eq!(at.get(), audit.commands());
    let notes = audit.list().await.unwrap();
    let (mut shown, mut done) = (Vec::new(), 0);
    let version = |note: Option<&Note>| note.map(|note| note.version.get());
    let visit = |note: AuditedNote<'_>| {
        let AuditedNote { id, log, database, of_other_logs } = note;
        assert!(of_other_logs || (log == database) == (version(log) == version(database)));
        shown.push((id.key().to_owned(), version(log), version(database), of_other_logs));
    };
    audit.compare(visit, |notes| done = notes).await.unwrap();
    assert_eq!(done, notes);
    (audit, shown)
}

fn shown(key: &str, log: Option<u64>, database: Option<u64>) -> Shown {
    (key.to_owned(), log, database, false)
}

async fn append(fixture: &Fixture, commands: impl IntoIterator<Item = Command>) {
    for command in commands {
        fixture.append(command, Precondition::None).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_what_the_log_amounts_to_is_equal() {
    let mut fixture = Fixture::new();
    append(&fixture, [create("b"), create("a"), create("a"), patch("b", "2"), delete("z")]).await;
    append(&fixture, [create("c"), delete("c")]).await;
    fixture.catch_up().await;
    append(&fixture, [delete("a"), create("d")]).await;
    let (audit, notes) = audit(&fixture).await;
    assert_eq!(notes, [shown("a", Some(1), Some(1)), shown("b", Some(2), Some(2))]);
    assert_eq!((audit.commands(), audit.unapplied(), audit.parked()), (7, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn commands_that_were_given_up_are_no_difference() {
    let mut fixture = Fixture::new();
    fixture.store.refuse([id("b")]);
    append(&fixture, [create("a"), create("b")]).await;
    fixture.catch_up().await;
    let mut replay = Replay::new(fixture.ports(), fixture.options);
    replay.connect().await.unwrap();
    replay.release(Sequence::new(2), Release::Discard).await.unwrap().unwrap();
    let (_, notes) = audit(&fixture).await;
    assert_eq!(notes, [shown("a", Some(1), Some(1))]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_expected_of_a_database_that_does_not_know_the_log() {
    let fixture = Fixture::new();
    append(&fixture, [create("a")]).await;
    fixture.store.connect().await.unwrap();
    let (audit, notes) = audit(&fixture).await;
    assert_eq!(notes, []);
    assert_eq!((audit.commands(), audit.unapplied()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_the_database_lost_is_found() {
    // A batch for each command, of which the database loses some.
    let options =
        Options { batch: ReadLimit { max_commands: 1, max_bytes: u64::MAX }, ..Options::default() };
    let mut fixture = Fixture::with(options);
    let commands = [create("a"), create("b"), create("c"), patch("b", "2"), delete("c")];
    append(&fixture, commands).await;
    append(&fixture, [create("d")]).await;
    fixture.catch_up().await;
    fixture.store.crash(|batch| !matches!(batch, 0 | 3 | 4));
    fixture.store.connect().await.unwrap();
    let (_, notes) = audit(&fixture).await;
    let expected = [
        shown("a", Some(1), None),
        shown("b", Some(2), Some(1)),
        shown("c", None, Some(1)),
        shown("d", Some(1), Some(1)),
    ];
    assert_eq!(notes, expected);
    // Once it was healed nothing is missing.
    let mut fixture = fixture.restarted();
    fixture.catch_up().await;
    let (_, notes) = audit(&fixture).await;
    assert!(notes.iter().all(|(_, log, database, _)| log == database), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn parked_commands_are_not_expected() {
    let mut fixture = Fixture::new();
    fixture.store.refuse([id("a")]);
    append(&fixture, [create("a"), create("b"), patch("a", "2")]).await;
    fixture.catch_up_despite(9).await;
    let (audit, notes) = audit(&fixture).await;
    assert_eq!(notes, [shown("b", Some(1), Some(1))]);
    assert_eq!((audit.commands(), audit.parked()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn what_the_log_has_lost_is_counted() {
    let mut fixture = Fixture::new();
    append(&fixture, [create("a"), Command::Lost, create("b")]).await;
    fixture.catch_up().await;
    let (audit, notes) = audit(&fixture).await;
    assert_eq!(notes, [shown("a", Some(1), Some(1)), shown("b", Some(1), Some(1))]);
    assert_eq!((audit.commands(), audit.lost()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn notes_that_other_logs_have_changed_are_told_apart() {
    let mut fixture = Fixture::new();
    append(&fixture, [create("a"), create("b"), create("c")]).await;
    fixture.catch_up().await;
    let mut other = fixture.beside(MemoryLog::new(LogId::from_uuid(Uuid::from_u128(8))));
    append(&other, [create("d"), patch("b", "2"), delete("c")]).await;
    other.catch_up().await;
    append(&fixture, [create("d"), patch("d", "2")]).await;
    fixture.catch_up().await;
    let (_, notes) = audit(&fixture).await;
    let others = |key: &str, log, database| (key.to_owned(), log, database, true);
    let expected = [
        shown("a", Some(1), Some(1)),
        others("b", Some(1), Some(2)),
        others("c", Some(1), None),
        others("d", Some(2), Some(2)),
    ];
    assert_eq!(notes.iter().map(|note| note.0.as_str()).collect::<String>(), "abcd");
    assert_eq!(notes[..3], expected[..3]);
    assert!(notes[3].3, "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn many_notes_take_many_reads() {
    let mut fixture = Fixture::new();
    append(&fixture, (0..450).map(|number| create(&format!("m{number:03}")))).await;
    fixture.catch_up().await;
    let (_, notes) = audit(&fixture).await;
    assert_eq!(notes.len(), 450);
    assert!(notes.is_sorted());
}

#[tokio::test(start_paused = true)]
async fn a_log_without_its_beginning_is_refused() {
    let fixture = Fixture::new();
    append(&fixture, [create("a"), create("b")]).await;
    fixture.log.retain_from(Sequence::new(2));
    fixture.store.connect().await.unwrap();
    let refused = Audit::new(fixture.log.clone(), fixture.store.clone()).await;
    let Err(ReplayError::Refused(why)) = refused else { panic!("it was audited") };
    assert!(why.contains("begins with command 2"), "{why}");
}
