//! The application on in-memory adapters, and what it must amount to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::faulty_store::FaultyStore;
use super::*;
use crate::adapters::memory::{
    ManualClock, MemoryLog, MemoryMetrics, MemoryStore, SequentialNoteIds,
};
use crate::domain::*;
use crate::ports::*;

/// The keys of the notes that tests write.
const KEYS: [&str; 9] = ["a", "b", "c", "d", "e", "n0", "n1", "n2", "z"];

/// A service whose parts a test can reach.
pub(super) struct Fixture {
    pub(super) log: Arc<MemoryLog>,
    pub(super) store: Arc<MemoryStore>,
    /// What the service sees of the store.
    pub(super) faults: Arc<FaultyStore>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) metrics: Arc<MemoryMetrics>,
    pub(super) options: Options,
    pub(super) daybook: Arc<Daybook>,
    pub(super) applier: Applier,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(super) fn with(options: Options) -> Self {
        Self::over(MemoryStore::journaled(), options)
    }

    /// On a database that nobody else changes.
    pub(super) fn alone(options: Options) -> Self {
        Self::over(MemoryStore::journaled().exclusively(), options)
    }

    /// What is remembered as what the database has of a note.
    pub(super) fn settled(&self, key: &str) -> Option<Option<Note>> {
        self.daybook.desk().pending.settled(&id(key))
    }

    /// On a database that may lose indexes that it was told to make anew.
    pub(super) fn losing_indexes(options: Options) -> Self {
        Self::over(MemoryStore::journaled().losing_indexes(), options)
    }

    fn over(store: MemoryStore, options: Options) -> Self {
        let log = Arc::new(MemoryLog::new(LogId::from_uuid(Uuid::from_u128(7))));
        Self::on(log, Arc::new(store), Arc::default(), options)
    }

    fn on(
        log: Arc<MemoryLog>,
        store: Arc<MemoryStore>,
        clock: Arc<ManualClock>,
        options: Options,
    ) -> Self {
        let metrics = Arc::new(MemoryMetrics::default());
        let faults = Arc::new(FaultyStore::new(store.clone()));
        Self::behind(faults, log, store, clock, metrics, options)
    }

    fn behind(
        faults: Arc<FaultyStore>,
        log: Arc<MemoryLog>,
        store: Arc<MemoryStore>,
        clock: Arc<ManualClock>,
        metrics: Arc<MemoryMetrics>,
        options: Options,
    ) -> Self {
        let ports = ports(&log, faults.clone(), &clock, &metrics);
        let (daybook, applier) = Daybook::new(ports, options);
        Self { log, store, faults, clock, metrics, options, daybook: Arc::new(daybook), applier }
    }

    /// What the service works with.
    pub(super) fn ports(&self) -> Ports {
        ports(&self.log, self.faults.clone(), &self.clock, &self.metrics)
    }

    /// The service after a restart of its process.
    pub(super) fn restarted(self) -> Self {
        Self::on(self.log, self.store, self.clock, self.options)
    }

    /// The service after a restart of its process, with the faults that were
    /// planned and the commits that are still on their way.
    pub(super) fn restarted_among_faults(self) -> Self {
        let metrics = Arc::default();
        Self::behind(self.faults, self.log, self.store, self.clock, metrics, self.options)
    }

    /// Another instance with a log of its own on the same database.
    pub(super) fn beside(&self, log: MemoryLog) -> Self {
        let store = Arc::new(self.store.another());
        Self::on(Arc::new(log), store, self.clock.clone(), self.options)
    }

    /// The service started with another log in front of the same database.
    pub(super) fn with_log(self, log: MemoryLog) -> Self {
        Self::on(Arc::new(log), self.store, self.clock, self.options)
    }

    /// Appends without waiting for the outcome.
    pub(super) async fn append(&self, command: Command, precondition: Precondition) -> Sequence {
        let submission = Submission {
            accepted_at: self.clock.now(),
            command,
            precondition,
            idempotency: None,
            principal: None,
            trace_id: None,
        };
        self.log.append(submission).await.unwrap().seq
    }

    /// Steps until there is nothing left to apply.
    #[track_caller]
    pub(super) fn catch_up(&mut self) -> impl Future<Output = ()> {
        self.catch_up_despite(0)
    }

    /// The same, although so many steps may be blocked on the way.
    #[track_caller]
    pub(super) fn catch_up_despite(&mut self, mut blocked: usize) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            for _ in 0..10_000 {
                match self.applier.apply_next().await.unwrap() {
                    Step::Applied { .. } => {}
                    Step::CaughtUp => return,
                    Step::Blocked { .. } if blocked > 0 => blocked -= 1,
                    Step::Blocked { .. } => panic!("{caller}: {:?}", self.daybook.health()),
                }
            }
            panic!("{caller}: the applier does not come to an end");
        }
    }

    /// Every note in the database.
    pub(super) async fn notes(&self) -> BTreeMap<NoteId, Note> {
        // Of its own, since that of the service may be broken.
        let connection = self.store.another();
        connection.connect().await.unwrap();
        let mut notes = BTreeMap::new();
        for key in KEYS {
            let id = id(key);
            notes.extend(connection.get(&id).await.unwrap().map(|note| (id, note)));
        }
        notes
    }

    /// Every list shows every note that is there, exactly once and in order.
    pub(super) async fn assert_lists(&self) {
        let notes = self.notes().await;
        for key in [SortKey::CreatedAt, SortKey::UpdatedAt] {
            let sort = Sort { key, descending: false };
            let query = NoteQuery { author: None, tag: None, sort, limit: usize::MAX, after: None };
            let listed = self.store.query(&query).await.unwrap().notes;
            let mut expected: Vec<Note> = notes.values().cloned().collect();
            expected.sort_by_key(|note| (key.of(note), note.id.clone()));
            assert_eq!(listed, expected, "the list by {key:?} does not show what is there");
        }
    }

    /// The rejections in the database.
    pub(super) async fn rejections(&self) -> Vec<(Sequence, Rejection)> {
        let last = Sequence::new(u64::MAX);
        self.store.rejections(self.log.id(), Sequence::ZERO, last).await.unwrap()
    }

    /// What the log amounts to when every command is applied exactly once.
    pub(super) async fn folded(&self) -> Folded {
        let limit = ReadLimit { max_commands: usize::MAX, max_bytes: u64::MAX };
        let mut folded = Folded::default();
        for entry in self.log.read(Sequence::FIRST, limit).await.unwrap() {
            let Submission { command, precondition, accepted_at, .. } = &entry.submission;
            let id = entry.note_id();
            match decide(folded.notes.get(id), command, precondition, *accepted_at) {
                Ok(change) => {
                    match change.note() {
                        Some(note) => folded.notes.insert(id.clone(), note.clone()),
                        None => folded.notes.remove(id),
                    };
                    folded.last_change.insert(id.clone(), entry.seq());
                }
                Err(rejection) => folded.rejections.push((entry.seq(), id.clone(), rejection)),
            }
        }
        folded
    }

    /// The database is what the log amounts to.
    pub(super) async fn assert_exactly_once(&self) {
        let folded = self.folded().await;
        assert_eq!(self.notes().await, folded.notes);
        let rejections: Vec<_> =
            folded.rejections.into_iter().map(|(seq, _, rejection)| (seq, rejection)).collect();
        assert_eq!(self.rejections().await, rejections);
        self.assert_lists().await;
    }
}

fn ports(
    log: &Arc<MemoryLog>,
    store: Arc<FaultyStore>,
    clock: &Arc<ManualClock>,
    metrics: &Arc<MemoryMetrics>,
) -> Ports {
    Ports {
        log: log.clone(),
        store,
        clock: clock.clone(),
        note_ids: Arc::new(SequentialNoteIds::default()),
        metrics: metrics.clone(),
    }
}

/// What a log amounts to.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) notes: BTreeMap<NoteId, Note>,
    pub(super) last_change: BTreeMap<NoteId, Sequence>,
    pub(super) rejections: Vec<(Sequence, NoteId, Rejection)>,
}

pub(super) fn id(key: &str) -> NoteId {
    NoteId::from_key(key).unwrap()
}

pub(super) fn draft(title: &str) -> Checked<NoteDraft> {
    let text = |text: &str| text.to_owned();
    Checked::new(NoteDraft {
        title: text(title),
        content: text("content"),
        author: text("ada"),
        tags: Vec::new(),
    })
    .unwrap()
}

pub(super) fn create(key: &str) -> Command {
    Command::Create { id: id(key), draft: draft("created") }
}

pub(super) fn put(key: &str, title: &str) -> Command {
    Command::Put { id: id(key), draft: draft(title) }
}

pub(super) fn patch(key: &str, title: &str) -> Command {
    let patch = NotePatch { title: Some(title.to_owned()), ..NotePatch::default() };
    Command::Patch { id: id(key), patch: Checked::new(patch).unwrap() }
}

pub(super) fn delete(key: &str) -> Command {
    Command::Delete { id: id(key) }
}

pub(super) fn request(command: Command) -> WriteRequest {
    let precondition = Precondition::None;
    WriteRequest { command, precondition, trace_id: None, wait: Wait::ToDeadline }
}

pub(super) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// That log after a repair at that time, which could not keep the command `lost`.
pub(super) async fn with_lost(log: &MemoryLog, lost: u64, at: DateTime<Utc>) -> MemoryLog {
    let repaired = MemoryLog::new(log.id());
    let all = ReadLimit { max_commands: usize::MAX, max_bytes: u64::MAX };
    for mut entry in log.read(Sequence::FIRST, all).await.unwrap() {
        if entry.seq().get() == lost {
            entry.submission.command = Command::Lost;
            entry.submission.accepted_at = at;
        }
        repaired.append(entry.submission).await.unwrap();
    }
    repaired
}
