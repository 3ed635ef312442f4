//! A compacted log makes the same database.

use std::sync::Arc;

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::compact::settled;
use super::fixture::*;
use super::*;
use crate::adapters::memory::MemoryLog;
use crate::domain::*;
use crate::ports::*;

/// Commands on few notes, so that they meet.
fn commands() -> impl Strategy<Value = Vec<(Command, Precondition)>> {
    let key = prop::sample::select(vec!["a", "b", "c"]);
    let command = (0..4, key, 0..1000_u32).prop_map(|(kind, key, title)| match kind {
        0 => create(key),
        1 => put(key, &title.to_string()),
        2 => patch(key, &title.to_string()),
        _ => delete(key),
    });
    let version = |number| Version::new(number).unwrap();
    let precondition = prop_oneof![
        4 => Just(Precondition::None),
        1 => Just(Precondition::MustExist),
        1 => (1..4_u64).prop_map(move |number| Precondition::VersionIn(vec![version(number)])),
    ];
    prop::collection::vec((command, precondition), 1..40)
}

async fn served(commands: Vec<(Command, Precondition)>) -> Fixture {
    let mut fixture = Fixture::new();
    for (command, precondition) in commands {
        fixture.clock.advance(chrono::TimeDelta::seconds(1));
        fixture.append(command, precondition).await;
    }
    fixture.catch_up().await;
    fixture
}

async fn compact(fixture: &Fixture, log: &Arc<MemoryLog>, through: Sequence) {
    let store = fixture.store.clone();
    let mut compaction = Compaction::new(log.clone(), store, through).unwrap();
    compaction.fold(|_| ()).await.unwrap();
    assert_eq!(compaction.kept(), compaction.entries().count() as u64);
    let kept: Vec<_> = compaction.entries().collect();
    assert_eq!(kept.last().unwrap().0, through);
    log.compact(kept);
    assert_eq!(log.positions().compacted, through);
}

/// A database with nothing in it, in front of which that log is started.
async fn made_of(fixture: &Fixture, log: &MemoryLog) -> Fixture {
    let mut made = Fixture::new().with_log(log.copy_upto(Sequence::new(u64::MAX)));
    made.clock.advance(chrono::TimeDelta::days(1));
    made.catch_up().await;
    made.assert_exactly_once().await;
    assert_eq!(made.notes().await, fixture.notes().await);
    assert_eq!(made.rejections().await, fixture.rejections().await);
    let ids = ["a", "b", "c"].map(id);
    let last = |stored: Vec<Stored>| -> Vec<_> {
        stored.into_iter().map(|stored| stored.note.map(|(_, provenance)| provenance)).collect()
    };
    let expected = last(fixture.store.load(&ids).await.unwrap());
    assert_eq!(last(made.store.load(&ids).await.unwrap()), expected);
    made
}

fn run(test: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_compacted_log_makes_the_same_database(
        commands in commands(),
        (first, second, lag) in (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        run(async move {
            let count = commands.len();
            let fixture = served(commands).await;
            let log = Arc::new(fixture.log.copy_upto(Sequence::new(u64::MAX)));
            let at = |index: prop::sample::Index| Sequence::new(index.index(count) as u64 + 1);
            let (once, again) = (at(first).min(at(second)), at(first).max(at(second)));
            compact(&fixture, &log, once).await;
            made_of(&fixture, &log).await;
            // What was compacted may be compacted with more.
            compact(&fixture, &log, again).await;
            made_of(&fixture, &log).await;

            // A database that was left behind either catches up or is told of.
            let lag = at(lag);
            let mut behind = Fixture::new().with_log(fixture.log.copy_upto(lag));
            behind.catch_up().await;
            let mut behind = behind.with_log(log.copy_upto(Sequence::new(u64::MAX)));
            let found = behind.applier.apply_next().await.unwrap();
            if matches!(found, Step::Blocked { .. }) {
                let told = format!("{:?}", behind.daybook.health());
                assert!(told.contains("were compacted since") && lag < again, "{told}");
            } else {
                behind.catch_up().await;
                assert_eq!(behind.notes().await, fixture.notes().await);
                assert_eq!(behind.rejections().await, fixture.rejections().await);
                behind.assert_lists().await;
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_as_it_was_is_refused_by_name() {
    let commands = [put("a", "1"), put("a", "2"), put("a", "3"), put("b", "1"), delete("b")];
    let fixture = served(commands.map(|command| (command, Precondition::None)).into()).await;
    let log = Arc::new(fixture.log.copy_upto(Sequence::new(9)));
    compact(&fixture, &log, Sequence::new(4)).await;
    assert_eq!(
        log.read(Sequence::FIRST, ReadLimit { max_commands: 9, max_bytes: 999 })
            .await
            .unwrap()
            .len(),
        3
    );
    let compacted = |found: Result<Position, LogError>| matches!(found, Err(LogError::Compacted { through, .. }) if through.get() == 4);
    assert!(compacted(log.locate(Sequence::new(2)).await));
    log.locate(Sequence::new(3)).await.unwrap();
    let bounded = |upto| BoundedLog::upto(log.clone(), Sequence::new(upto));
    let refused = bounded(3).await.err().unwrap();
    assert!(refused.to_string().contains("command 3 was compacted"), "{refused}");
    bounded(4).await.unwrap();
    let early = fixture.clock.now() - chrono::TimeDelta::seconds(3);
    assert!(BoundedLog::until(log.clone(), early).await.is_err());
    // Its beginning is missing, not compacted.
    log.retain_from(Sequence::new(4));
    assert!(Compaction::new(log, fixture.store.clone(), Sequence::new(5)).is_err());
}

#[test]
fn what_anyone_still_needs_is_not_settled() {
    let seq = Sequence::new;
    let at = |applied, horizon| Checkpoint {
        applied: seq(applied),
        accepted_at: chrono::DateTime::UNIX_EPOCH,
        commit: 1,
        horizon: seq(horizon),
        rebuilt_at: Sequence::ZERO,
    };
    assert_eq!(settled(&at(90, 50), seq(60), None), seq(49));
    assert_eq!(settled(&at(90, 60), seq(50), None), seq(49));
    assert_eq!(settled(&at(90, 60), seq(50), Some(seq(7))), seq(6));
    assert_eq!(settled(&at(90, 60), seq(50), Some(seq(80))), seq(49));
    assert_eq!(settled(&at(90, 99), seq(95), None), seq(90));
    assert_eq!(settled(&at(90, 1), seq(95), None), seq(0));
}
