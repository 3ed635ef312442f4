//! Reads of a note: current, pending, stale, or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rstest::rstest;
use tokio::sync::watch;
use tokio::time::{Instant, advance};

use super::faulty_store::Fault;
use super::fixture::*;
use super::*;
use crate::adapters::memory::{CommitFault, MemoryLog};
use crate::domain::*;
use crate::ports::*;

fn seconds(count: u64) -> Instant {
    Instant::now() + Duration::from_secs(count)
}

/// What a read says, in short.
async fn read(fixture: &Fixture, key: &str) -> String {
    read_by(&fixture.daybook, key, seconds(4)).await
}

async fn read_by(daybook: &Daybook, key: &str, deadline: Instant) -> String {
    match daybook.get(&id(key), deadline).await {
        Ok(ReadNote { note, consistency, assumed }) => {
            let note =
                note.map_or("gone".to_owned(), |note| format!("{} {}", note.title, note.version));
            let assumed = if assumed { "?" } else { "" };
            format!("{note}{assumed}, {consistency:?}").to_lowercase()
        }
        Err(ReadError::Unavailable { retry_after_seconds: 1..=60 }) => "unavailable".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

async fn write(fixture: &Fixture, command: Command) {
    let submitted = fixture.daybook.submit(request(command), seconds(1)).await;
    assert_eq!(submitted.unwrap().outcome, None);
}

/// A service whose database is reached and empty.
async fn started() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.catch_up().await;
    fixture
}

/// The database goes away, and the service notices.
async fn goes_away(fixture: &mut Fixture) {
    fixture.store.set_outage(true);
    fixture.append(put("z", "wakes the applier"), Precondition::None).await;
    assert!(matches!(fixture.applier.apply_next().await, Ok(Step::Blocked { .. })));
}

async fn comes_back(fixture: &mut Fixture) {
    fixture.store.set_outage(false);
    fixture.catch_up().await;
}

#[tokio::test(start_paused = true)]
async fn a_database_that_was_never_reached_hides_no_write() {
    let mut fixture = Fixture::new();
    fixture.store.set_outage(true);
    assert_eq!(read(&fixture, "a").await, "unavailable");
    write(&fixture, create("a")).await;
    assert_eq!(read(&fixture, "a").await, "created 1, pending");
    write(&fixture, patch("a", "two")).await;
    assert_eq!(read(&fixture, "a").await, "two 2, pending");
    write(&fixture, delete("a")).await;
    assert_eq!(read(&fixture, "a").await, "gone, pending");
    write(&fixture, put("b", "one")).await;
    assert_eq!(read(&fixture, "b").await, "one 1?, pending");
    write(&fixture, patch("c", "two")).await;
    assert_eq!(read(&fixture, "c").await, "unavailable");
    write(&fixture, delete("d")).await;
    assert_eq!(read(&fixture, "d").await, "gone, pending");
    assert_eq!(read(&fixture, "e").await, "unavailable", "nothing is known of it");
    comes_back(&mut fixture).await;
    assert_eq!(read(&fixture, "b").await, "one 1, current");
    assert_eq!(read(&fixture, "c").await, "gone, current");
}

#[rstest]
#[case::on_demand(false)]
#[case::beside_the_applier(true)]
#[tokio::test(start_paused = true)]
async fn after_a_restart_in_an_outage_the_backlog_is_shown(#[case] runs: bool) {
    let fixture = Fixture::new();
    fixture.store.set_outage(true);
    write(&fixture, create("a")).await;
    for number in 0..3000 {
        fixture.append(put("z", &format!("{number}")), Precondition::None).await;
    }
    write(&fixture, patch("a", "two")).await;
    let fixture = fixture.restarted();
    let (_stop, stopped) = watch::channel(false);
    let Fixture { daybook, applier, .. } = fixture;
    if runs {
        tokio::spawn(applier.run(stopped));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(read_by(&daybook, "a", seconds(4)).await, "two 2, pending");
    assert_eq!(read_by(&daybook, "z", seconds(4)).await, "2999 3000?, pending");
    assert_eq!(read_by(&daybook, "b", seconds(4)).await, "unavailable");
}

#[tokio::test(start_paused = true)]
async fn what_is_further_back_than_the_queue_reaches_is_not_guessed() {
    let queue = QueueLimits { max_commands: 3, max_bytes: u64::MAX };
    let mut fixture = Fixture::with(Options { queue, ..Options::default() });
    fixture.catch_up().await;
    fixture.append(create("a"), Precondition::None).await;
    fixture.append(create("b"), Precondition::None).await;
    fixture.append(create("d"), Precondition::None).await;
    fixture.catch_up().await;
    fixture.append(patch("a", "two"), Precondition::None).await;
    for _ in 0..4 {
        fixture.append(patch("b", "two"), Precondition::None).await;
    }
    let batch = ReadLimit { max_commands: 1, max_bytes: 0 };
    let options = Options { batch, queue, ..Options::default() };
    let mut fixture = Fixture { options, ..fixture }.restarted();
    // Reached, and away again before anything was applied.
    fixture.store.fail_next_commit(CommitFault::Before);
    assert!(matches!(fixture.applier.apply_next().await, Ok(Step::Blocked { .. })));
    assert_eq!(read(&fixture, "a").await, "unavailable");
    comes_back(&mut fixture).await;
    assert_eq!(read(&fixture, "a").await, "two 2, current");
    assert_eq!(read(&fixture, "b").await, "two 5, current");
}

#[tokio::test(start_paused = true)]
async fn what_was_known_last_is_stale_until_it_is_too_old() {
    let mut fixture = started().await;
    fixture.append(create("a"), Precondition::None).await;
    fixture.append(put("b", "one"), Precondition::None).await;
    fixture.catch_up().await;
    assert_eq!(read(&fixture, "c").await, "gone, current");
    goes_away(&mut fixture).await;
    assert_eq!(read(&fixture, "a").await, "created 1, stale");
    assert_eq!(read(&fixture, "c").await, "gone, stale");
    assert_eq!(read(&fixture, "d").await, "unavailable");
    advance(fixture.options.cache_ttl - Duration::from_secs(1)).await;
    assert_eq!(read(&fixture, "a").await, "created 1, stale");
    advance(Duration::from_secs(2)).await;
    assert_eq!(read(&fixture, "a").await, "unavailable");
    assert_eq!(read(&fixture, "c").await, "unavailable");
    // It is still good to build on.
    fixture.append(patch("a", "two"), Precondition::None).await;
    fixture.daybook.submit(request(patch("b", "two")), seconds(1)).await.unwrap_err();
    comes_back(&mut fixture).await;
    assert_eq!(read(&fixture, "a").await, "two 2, current");
}

#[tokio::test(start_paused = true)]
async fn pending_beats_stale_and_builds_on_it() {
    let mut fixture = started().await;
    fixture.append(create("a"), Precondition::None).await;
    fixture.catch_up().await;
    goes_away(&mut fixture).await;
    assert_eq!(read(&fixture, "a").await, "created 1, stale");
    write(&fixture, patch("a", "two")).await;
    assert_eq!(read(&fixture, "a").await, "two 2, pending");
    write(&fixture, create("a")).await;
    assert_eq!(read(&fixture, "a").await, "two 2, pending", "a rejection changes nothing");
    write(&fixture, delete("a")).await;
    assert_eq!(read(&fixture, "a").await, "gone, pending");
    comes_back(&mut fixture).await;
    assert_eq!(read(&fixture, "a").await, "gone, current");
    goes_away(&mut fixture).await;
    assert_eq!(read(&fixture, "a").await, "gone, stale");
}

#[tokio::test(start_paused = true)]
async fn a_read_failure_before_the_applier_notices_is_stale_too() {
    let fixture = started().await;
    assert_eq!(read(&fixture, "a").await, "gone, current");
    fixture.store.set_outage(true);
    assert_eq!(read(&fixture, "a").await, "gone, stale");
}

#[tokio::test(start_paused = true)]
async fn a_slow_database_is_not_waited_for_to_the_end() {
    let mut fixture = started().await;
    write(&fixture, create("a")).await;
    let begun = Instant::now();
    assert_eq!(read(&fixture, "a").await, "created 1, pending");
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    assert_eq!(read(&fixture, "b").await, "gone, current");
    let daybook = fixture.daybook.clone();
    let reader = tokio::spawn(async move { read_by(&daybook, "a", seconds(4)).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    fixture.catch_up().await;
    assert_eq!(reader.await.unwrap(), "created 1, current");
}

#[tokio::test(start_paused = true)]
async fn what_only_the_database_knows_is_waited_for_until_the_deadline() {
    let mut fixture = started().await;
    write(&fixture, patch("a", "two")).await;
    let begun = Instant::now();
    assert_eq!(read(&fixture, "a").await, "unavailable");
    assert_eq!(begun.elapsed(), Duration::from_secs(4));
    let daybook = fixture.daybook.clone();
    let reader = tokio::spawn(async move { read_by(&daybook, "a", seconds(4)).await });
    tokio::time::sleep(Duration::from_secs(3)).await;
    fixture.catch_up().await;
    assert_eq!(reader.await.unwrap(), "gone, current");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_goes_away_ends_the_wait() {
    let mut fixture = started().await;
    write(&fixture, create("a")).await;
    let daybook = fixture.daybook.clone();
    let reader = tokio::spawn(async move { read_by(&daybook, "a", seconds(4)).await });
    let begun = Instant::now();
    tokio::task::yield_now().await;
    goes_away(&mut fixture).await;
    assert_eq!(reader.await.unwrap(), "created 1, pending");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_lost_commit_is_pending_again() {
    let batch = ReadLimit { max_commands: 1, max_bytes: u64::MAX };
    let mut fixture = Fixture::with(Options { batch, ..Options::default() });
    for title in ["one", "two", "three"] {
        fixture.append(put("a", title), Precondition::None).await;
    }
    fixture.catch_up().await;
    assert_eq!(read(&fixture, "a").await, "three 3, current");
    // The last two are gone with their checkpoint; only one is put back at once.
    fixture.store.crash(|index| index < 1);
    fixture.append(put("z", "wakes"), Precondition::None).await;
    assert!(matches!(fixture.applier.apply_next().await, Ok(Step::Blocked { .. })));
    assert!(matches!(fixture.applier.apply_next().await, Ok(Step::Applied { .. })));
    assert_eq!(read(&fixture, "a").await, "three 3, pending");
    assert_eq!(read(&fixture, "b").await, "gone, current");
    fixture.catch_up().await;
    assert_eq!(read(&fixture, "a").await, "three 3, current");
}

#[tokio::test(start_paused = true)]
async fn what_another_instance_changed_meanwhile_is_found_in_the_end() {
    let mut fixture = started().await;
    write(&fixture, create("a")).await;
    fixture.catch_up().await;
    goes_away(&mut fixture).await;
    write(&fixture, patch("a", "mine")).await;
    assert_eq!(read(&fixture, "a").await, "mine 2, pending");
    fixture.store.set_outage(false);
    let other = MemoryLog::new(LogId::from_uuid(uuid::Uuid::from_u128(8)));
    let mut other = Fixture { store: fixture.store.clone(), ..Fixture::new() }.with_log(other);
    other.append(put("a", "theirs"), Precondition::None).await;
    other.append(put("a", "theirs"), Precondition::None).await;
    other.catch_up().await;
    fixture.catch_up().await;
    assert_eq!(read(&fixture, "a").await, "mine 4, current");
    goes_away(&mut fixture).await;
    assert_eq!(read(&fixture, "a").await, "mine 4, stale", "not as it was foreseen");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_stands_aside_is_pending_although_the_database_is_up() {
    let mut fixture = started().await;
    fixture.append(create("a"), Precondition::None).await;
    fixture.catch_up().await;
    let held = fixture.append(patch("a", "two"), Precondition::VersionIn(vec![])).await;
    fixture.catch_up().await;
    let held = held.next();
    fixture.append(patch("b", "two"), Precondition::None).await;
    // A rejected command stands for one that the database was taken past.
    fixture.daybook.hold(held, &id("b"));
    fixture.catch_up().await;
    assert_eq!(read(&fixture, "b").await, "gone, pending");
    assert_eq!(read(&fixture, "a").await, "created 1, current");
    fixture.daybook.let_go(held, &id("b"));
    assert_eq!(read(&fixture, "b").await, "gone, current");
}

/// The applier keeps what is remembered in step, so a database that nobody else
/// changes need not be asked.
#[tokio::test(start_paused = true)]
async fn a_note_that_nobody_else_changes_is_read_once() {
    let mut fixture = Fixture::alone(Options::default());
    fixture.catch_up().await;
    fixture.append(create("a"), Precondition::None).await;
    fixture.catch_up().await;
    assert_eq!(read(&fixture, "b").await, "gone, current");
    fixture.faults.plan([Fault::Hang]);
    assert_eq!(read(&fixture, "a").await, "created 1, current");
    assert_eq!(read(&fixture, "b").await, "gone, current");
    fixture.faults.plan([]);
    fixture.append(patch("a", "two"), Precondition::None).await;
    fixture.catch_up().await;
    fixture.faults.plan([Fault::Hang]);
    assert_eq!(read(&fixture, "a").await, "two 2, current");
    fixture.faults.plan([]);
    write(&fixture, put("a", "three")).await;
    assert_eq!(read(&fixture, "a").await, "three 3, pending", "while nobody applies it");
    fixture.catch_up().await;
    assert_eq!(read(&fixture, "a").await, "three 3, current");
    goes_away(&mut fixture).await;
    assert_eq!(read(&fixture, "a").await, "three 3, stale");
}

/// Where others may, it is asked every time.
#[tokio::test(start_paused = true)]
async fn a_note_that_others_may_change_is_read_anew() {
    let mut fixture = started().await;
    fixture.append(create("a"), Precondition::None).await;
    fixture.catch_up().await;
    let other = MemoryLog::new(LogId::from_uuid(uuid::Uuid::from_u128(8)));
    let mut other = fixture.beside(other);
    other.append(put("a", "theirs"), Precondition::None).await;
    other.catch_up().await;
    assert_eq!(read(&fixture, "a").await, "theirs 2, current");
}

/// A log that counts how much is read from it.
struct CountingLog {
    log: Arc<MemoryLog>,
    reads: AtomicUsize,
}

#[async_trait]
impl CommandLog for CountingLog {
    fn id(&self) -> LogId {
        self.log.id()
    }
    fn positions(&self) -> Positions {
        self.log.positions()
    }
    async fn append(&self, submission: Submission) -> Result<Position, LogError> {
        self.log.append(submission).await
    }
    async fn read(&self, from: Sequence, limit: ReadLimit) -> Result<Vec<Entry>, LogError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.log.read(from, limit).await
    }
    async fn wait_past(&self, seq: Sequence) -> Result<(), LogError> {
        self.log.wait_past(seq).await
    }
    async fn locate(&self, seq: Sequence) -> Result<Position, LogError> {
        self.log.locate(seq).await
    }
    async fn floor(&self, upto: Sequence, bytes: u64) -> Result<Sequence, LogError> {
        self.log.floor(upto, bytes).await
    }
    async fn release(&self, upto: Sequence, now: DateTime<Utc>) -> Result<Sequence, LogError> {
        self.log.release(upto, now).await
    }
    async fn close(&self) -> Result<(), LogError> {
        self.log.close().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_hot_note_is_not_read_from_the_log_again_and_again() {
    let fixture = Fixture::new();
    let log = Arc::new(CountingLog { log: fixture.log.clone(), reads: AtomicUsize::new(0) });
    let ports = Ports { log: log.clone(), ..fixture.ports() };
    let (daybook, _applier) =
        Daybook::new(ports, Options { unavailable_after: None, ..fixture.options });
    let reads = || log.reads.swap(0, Ordering::Relaxed);
    for number in 0..10_000 {
        daybook.submit(request(put("a", &format!("{number}"))), seconds(1)).await.unwrap();
    }
    assert_eq!(read_by(&daybook, "a", seconds(4)).await, "9999 10000?, pending");
    assert!((1..=50).contains(&reads()));
    for number in 0..100 {
        assert_eq!(reads(), 0);
        let expected = format!("{} {}?, pending", 9999 + number, 10_000 + number);
        assert_eq!(read_by(&daybook, "a", seconds(4)).await, expected);
        assert!(reads() <= 1);
        assert_eq!(read_by(&daybook, "a", seconds(4)).await, expected);
        assert_eq!(reads(), 0, "it is remembered");
        let title = format!("{}", 10_000 + number);
        daybook.submit(request(put("a", &title)), seconds(1)).await.unwrap();
    }
}
