//! A new log skips and repeats nothing of the old one.

use chrono::TimeDelta;
use uuid::Uuid;

use super::fixture::*;
use super::*;
use crate::adapters::memory::MemoryLog;
use crate::domain::*;
use crate::ports::*;

/// Each accepted a second after the one before.
async fn append(fixture: &Fixture, commands: impl IntoIterator<Item = Command>) {
    for command in commands {
        fixture.clock.advance(TimeDelta::seconds(1));
        fixture.append(command, Precondition::None).await;
    }
}

/// A service that has applied six commands, each on its own.
async fn served() -> Fixture {
    let batch = ReadLimit { max_commands: 1, max_bytes: u64::MAX };
    let mut fixture = Fixture::with(Options { batch, ..Options::default() });
    let first = [create("a"), create("b"), patch("a", "two")];
    append(&fixture, first.into_iter().chain([create("c"), delete("b"), patch("c", "two")])).await;
    fixture.catch_up().await;
    fixture
}

/// What adopting finds, and the log that it would make.
async fn adopt(
    fixture: &Fixture,
    named: Option<u64>,
) -> Result<(Ends, Succession, MemoryLog), AdoptError> {
    let mut replay = Replay::new(fixture.ports(), fixture.options);
    replay.connect().await?;
    let ends = replay.ends().await?;
    let succession = replay.succession(&ends, named.map(Sequence::new)).await?;
    let new = MemoryLog::new(LogId::from_uuid(Uuid::from_u128(8)));
    let mut carried = Carried::new(&*fixture.log, &succession);
    loop {
        let entries = carried.next().await?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            new.append(entry.submission).await?;
        }
    }
    assert_eq!(new.positions().last.seq.get(), succession.commands());
    Ok((ends, succession, new))
}

#[tokio::test(start_paused = true)]
async fn an_older_copy_goes_on_with_what_was_written_to_it_and_no_more() {
    let fixture = served().await;
    let before = fixture.notes().await;
    let older = fixture.log.copy_upto(Sequence::new(4));
    let fixture = fixture.with_log(older);
    append(&fixture, [create("d"), patch("a", "three"), create("e"), delete("c")]).await;
    let (ends, succession, new) = adopt(&fixture, None).await.unwrap();
    assert!(ends.mismatch.unwrap().contains("is not the command 6 of this log"));
    assert_eq!((succession.applied_through, succession.unapplied), (Sequence::new(4), 4));
    assert_eq!(succession.missing, None);
    let mut fixture = fixture.with_log(new);
    fixture.catch_up().await;
    let notes = fixture.notes().await;
    assert_eq!(notes.keys().map(NoteId::key).collect::<Vec<_>>(), ["a", "d", "e"]);
    assert_eq!((notes[&id("a")].title.as_str(), notes[&id("a")].version.get()), ("three", 3));
    assert_eq!(before[&id("a")].version.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_older_copy_that_nobody_wrote_to_has_nothing_for_the_database() {
    let fixture = served().await;
    let before = fixture.notes().await;
    let older = fixture.log.copy_upto(Sequence::new(4));
    let (ends, succession, new) = adopt(&fixture.with_log(older), None).await.unwrap();
    assert_eq!(ends.applied.unwrap().0, Sequence::new(6));
    assert_eq!((succession.applied_through, succession.commands()), (Sequence::new(4), 0));
    let mut fixture = served().await.with_log(new);
    append(&fixture, [create("d")]).await;
    fixture.catch_up().await;
    let mut expected = before;
    expected.insert(id("d"), fixture.notes().await[&id("d")].clone());
    assert_eq!(fixture.notes().await, expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_between_database_and_log_is_told_to_be_gone() {
    let fixture = served().await;
    append(&fixture, [create("d"), create("z"), patch("a", "three")]).await;
    fixture.log.retain_from(Sequence::new(8));
    let (ends, succession, new) = adopt(&fixture, None).await.unwrap();
    assert!(ends.mismatch.unwrap().contains("starts at 8"));
    assert_eq!(succession.missing, Some((Sequence::new(7), Sequence::new(7))));
    assert_eq!(succession.unapplied, 2);
    let mut fixture = fixture.with_log(new);
    fixture.catch_up().await;
    let notes = fixture.notes().await;
    assert!(notes.contains_key(&id("z")) && !notes.contains_key(&id("d")));
    assert_eq!(notes[&id("a")].title, "three");
}

/// A clock that went back leaves commands whose times do not tell where the two
/// parted.
#[tokio::test(start_paused = true)]
async fn times_that_do_not_part_are_not_guessed_about() {
    let fixture = served().await;
    let older = fixture.log.copy_upto(Sequence::new(4));
    let fixture = fixture.with_log(older);
    append(&fixture, [create("d")]).await;
    fixture.clock.advance(TimeDelta::hours(-1));
    append(&fixture, [create("e")]).await;
    let unclear = adopt(&fixture, None).await.unwrap_err();
    let told = unclear.to_string();
    for part in ["command 5", "command 6", "--applied-through"] {
        assert!(told.contains(part), "{told}");
    }
    let (_, succession, _) = adopt(&fixture, Some(4)).await.unwrap();
    assert_eq!(succession.unapplied, 2);
    for wrong in [7, 99] {
        let told = adopt(&fixture, Some(wrong)).await.unwrap_err().to_string();
        assert!(told.contains("from 0 to 6"), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn parked_commands_are_attempted_again_by_the_new_log() {
    let mut fixture = served().await;
    fixture.store.refuse([id("d"), id("e")]);
    append(&fixture, [create("d"), create("z"), create("e")]).await;
    fixture.catch_up().await;
    let older = fixture.log.copy_upto(Sequence::new(8));
    let fixture = fixture.with_log(older);
    append(&fixture, [patch("d", "two")]).await;
    let (_, succession, new) = adopt(&fixture, None).await.unwrap();
    assert_eq!(succession.parked, [Sequence::new(7)]);
    assert_eq!(succession.parked_elsewhere, [Sequence::new(9)]);
    assert_eq!(succession.commands(), 2);
    fixture.store.refuse([]);
    let mut fixture = fixture.with_log(new);
    fixture.catch_up().await;
    let note = &fixture.notes().await[&id("d")];
    assert_eq!((note.title.as_str(), note.version.get()), ("two", 2));
}

#[tokio::test(start_paused = true)]
async fn ends_that_go_together_are_told_so() {
    let fixture = served().await;
    append(&fixture, [create("d")]).await;
    let mut replay = Replay::new(fixture.ports(), fixture.options);
    replay.connect().await.unwrap();
    let ends = replay.ends().await.unwrap();
    assert_eq!((ends.mismatch, ends.last), (None, Sequence::new(7)));
}

/// It was repaired later than anything was accepted.
#[tokio::test(start_paused = true)]
async fn the_time_of_a_lost_command_tells_nothing() {
    let fixture = served().await;
    let older = fixture.log.copy_upto(Sequence::new(4));
    let log = with_lost(&older, 2, fixture.clock.now() + TimeDelta::hours(1)).await;
    let fixture = fixture.with_log(log);
    append(&fixture, [create("d"), create("e")]).await;
    let (_, succession, _) = adopt(&fixture, None).await.unwrap();
    assert_eq!((succession.applied_through, succession.unapplied), (Sequence::new(4), 2));
}
