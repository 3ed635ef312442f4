//! What is measured keeps the contract of its port, and is recorded.

use std::path::Path;
use std::sync::Arc;

use super::{MeasuredDisk, MeasuredStore};
use crate::adapters::file_log::disk::{Disk, SimDisk, SimOp};
use crate::adapters::file_log::{FileLog, FileLogOptions};
use crate::adapters::memory::{MemoryMetrics, MemoryStore};
use crate::adapters::no_metrics::NoMetrics;
use crate::domain::{Command, NoteId, Submission};
use crate::ports::contract::command_log::{Subject as LogSubject, command_log_contract};
use crate::ports::contract::note_store::{Subject, note_store_contract};
use crate::ports::{CommandLog, Measurement, NoteStore, StoreCall};

note_store_contract!(
    store,
    Subject::new(MeasuredStore::new(Arc::new(MemoryStore::new()), Arc::new(NoMetrics)))
);

command_log_contract!(disk, || async {
    let disk = MeasuredDisk::new(Arc::new(SimDisk::new(1)), Arc::new(NoMetrics));
    LogSubject::new(open(Arc::new(disk)))
});

fn open(disk: Arc<dyn Disk>) -> FileLog {
    FileLog::open(disk, Path::new("/log"), FileLogOptions::default()).unwrap()
}

#[tokio::test]
async fn each_call_is_recorded_with_how_it_ended() {
    let metrics = Arc::new(MemoryMetrics::default());
    let store = MeasuredStore::new(Arc::new(MemoryStore::new()), metrics.clone());
    let id = NoteId::from_key("a").unwrap();
    store.get(&id).await.unwrap_err();
    store.connect().await.unwrap();
    store.get(&id).await.unwrap();
    store.ping().await.unwrap();
    let called = metrics.taken().into_iter().map(|taken| match taken {
        Measurement::Called { call, failed, .. } => (call, failed),
        other => panic!("{other:?}"),
    });
    let expected = [
        (StoreCall::Get, Some("not-connected")),
        (StoreCall::Connect, None),
        (StoreCall::Get, None),
        (StoreCall::Ping, None),
    ];
    assert_eq!(called.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_sync_of_a_command_is_recorded_and_one_that_fails_is_not() {
    let metrics = Arc::new(MemoryMetrics::default());
    let sim = SimDisk::new(1);
    let log = open(Arc::new(MeasuredDisk::new(Arc::new(sim.clone()), metrics.clone())));
    let synced = || {
        let taken = metrics.taken();
        taken.iter().filter(|of| matches!(of, Measurement::Synced { .. })).count()
    };
    let delete = || {
        let command = Command::Delete { id: NoteId::from_key("a").unwrap() };
        Submission::of_the_log(chrono::DateTime::UNIX_EPOCH, command)
    };
    let before = synced();
    log.append(delete()).await.unwrap();
    assert_eq!(synced(), before + 1);
    sim.fail(SimOp::Sync, 1);
    log.append(delete()).await.unwrap_err();
    assert_eq!(synced(), before + 1);
}
