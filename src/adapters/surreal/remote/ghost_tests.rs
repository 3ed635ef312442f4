//! What the SDK sends when nobody waits for it any more.

use std::sync::Arc;
use std::time::Duration;

use daybook_rig::{Mode, Proxy, Server, Storage};
use rstest::rstest;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::connection::dial;
use super::fixture::{options, store, target, until};
use crate::adapters::surreal::commit::{self, Committed};
use crate::adapters::surreal::engine::Client;
use crate::adapters::surreal::rebuild_tests::note;
use crate::adapters::surreal::{SurrealOptions, SurrealStore, read};
use crate::domain::{LogId, Note, Sequence};
use crate::ports::{
    Batch, Checkpoint, Marker, NoteStore, Provenance, Stamp, StoreError, Stored, Write,
};

/// How the server is away.
#[derive(Clone, Copy, Debug)]
enum Outage {
    /// Nothing gets through, and nothing is closed: what is sent arrives late.
    Silent,
    /// It was killed: the SDK keeps what it is given until it is back.
    Killed,
}

/// A server, and the way to it that fails.
struct Away {
    server: Server,
    proxy: Proxy,
    outage: Outage,
}

impl Away {
    async fn new(outage: Outage) -> Self {
        let server = Server::started(Storage::SurrealKv).await.unwrap();
        let proxy = Proxy::start(server.address()).await.unwrap();
        Self { server, proxy, outage }
    }

    /// A client by the way that fails, as the SDK has it.
    async fn client(&self) -> Arc<Client> {
        let options = options(self.proxy.endpoint());
        Arc::new(dial(&options, &target(&options)).await.unwrap())
    }

    /// A store by another way.
    async fn store(&self) -> SurrealStore {
        let store = store(options(self.server.endpoint()));
        store.connect().await.unwrap();
        store
    }

    /// Takes the server away, until that client would wait for it without end.
    async fn begin(&mut self, client: &Client) {
        match self.outage {
            Outage::Silent => self.proxy.set(Mode::Silent),
            Outage::Killed => {
                self.server.kill().await.unwrap();
                self.proxy.set(Mode::Refuse);
            }
        }
        let asked = Duration::from_millis(500);
        until("a hang", async || timeout(asked, read::ping(client)).await.is_err()).await;
    }

    /// Brings it back, but not on the way that failed.
    async fn end_elsewhere(&mut self) {
        if matches!(self.outage, Outage::Killed) {
            self.server.start().await.unwrap();
        }
    }

    fn end(&self) {
        self.proxy.set(Mode::Pass);
    }
}

/// Starts a call and gives it up, as a deadline does.
async fn given_up<T: Send + 'static>(
    call: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let mut call = tokio::spawn(call);
    let answer = timeout(Duration::from_secs(1), &mut call).await;
    assert!(answer.is_err(), "the server is away");
    call
}

/// The trap, without Daybook.
#[rstest]
#[case(Outage::Silent)]
#[case(Outage::Killed)]
#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_executes_what_was_given_up(#[case] outage: Outage) {
    let mut away = Away::new(outage).await;
    let client = away.client().await;
    client.query("DEFINE TABLE row").await.unwrap().check().unwrap();
    away.begin(&client).await;
    // The future is dropped, so nobody can be told.
    let write = async { client.query("CREATE row:ghost").await };
    assert!(timeout(Duration::from_secs(1), write).await.is_err(), "the server is away");
    away.end_elsewhere().await;
    away.end();
    let options = options(away.server.endpoint());
    let other = dial(&options, &target(&options)).await.unwrap();
    until("the ghost", async || {
        let mut rows = other.query("SELECT VALUE <string> id FROM row").await.unwrap();
        rows.take::<Vec<String>>(0).unwrap() == ["row:ghost"]
    })
    .await;
}

fn log() -> LogId {
    LogId::from_uuid(uuid::Uuid::from_u128(7))
}

/// A batch of one note, which is number `seq`.
fn batch(expected: Option<Checkpoint>, note: &Note) -> Batch {
    let seq = expected.map_or(Sequence::FIRST, |at| at.applied.next());
    let accepted_at = chrono::DateTime::UNIX_EPOCH;
    let commit = expected.map_or(1, |at| at.commit + 1);
    let (horizon, rebuilt_at) = (Sequence::FIRST, Sequence::ZERO);
    let checkpoint = Checkpoint { applied: seq, accepted_at, commit, horizon, rebuilt_at };
    let provenance = Provenance::new(Stamp { log: log(), seq });
    let writes = vec![Write::Put { note: note.clone(), provenance }];
    let versions = vec![(seq, note.version)];
    let marker = Marker { first: seq, last: seq };
    Batch { writes, versions, ..Batch::new(log(), expected, checkpoint, marker) }
}

type Everything = (Option<Checkpoint>, Vec<Marker>, Vec<Stored>);

async fn everything(store: &SurrealStore) -> Everything {
    let ids = ["known", "ghost", "other"].map(|key| note(key, 1, 1).id);
    let mut notes = store.load(&ids).await.unwrap();
    notes.sort_by(|a, b| a.id.key().cmp(b.id.key()));
    let markers = store.markers(log(), Sequence::ZERO, 100).await.unwrap();
    (store.checkpoint(log()).await.unwrap(), markers, notes)
}

/// A commit after another one that was given up in an outage, which is over for
/// everybody but it.
async fn late_commit(outage: Outage) -> (Away, Batch, JoinHandle<Result<Committed, StoreError>>) {
    let mut away = Away::new(outage).await;
    let first = batch(None, &note("known", 1, 1));
    away.store().await.commit(&first).await.unwrap();
    let client = away.client().await;
    away.begin(&client).await;
    let late = batch(Some(first.checkpoint), &note("ghost", 1, 2));
    let variables = commit::inserting(&late).unwrap();
    let ghost = given_up(commit::run(Arc::clone(&client), variables)).await;
    away.end_elsewhere().await;
    (away, late, ghost)
}

#[rstest]
#[case::silent_and_another(Outage::Silent, false)]
#[case::silent_and_the_same(Outage::Silent, true)]
#[case::killed_and_another(Outage::Killed, false)]
#[case::killed_and_the_same(Outage::Killed, true)]
#[tokio::test(flavor = "multi_thread")]
async fn a_late_commit_changes_nothing(#[case] outage: Outage, #[case] is_repeated: bool) {
    let (away, late, ghost) = late_commit(outage).await;
    let store = away.store().await;
    let next = if is_repeated { late } else { batch(late.expected, &note("other", 1, 3)) };
    store.commit(&next).await.unwrap();
    let before = everything(&store).await;
    assert_eq!(before.0, Some(next.checkpoint));
    away.end();
    let outcome = timeout(Duration::from_secs(60), ghost).await.unwrap().unwrap();
    assert!(matches!(outcome, Err(StoreError::Moved)), "it was executed, and refused");
    assert_eq!(everything(&store).await, before);
}

/// Nobody was quicker: the ghost counts, once, and the store finds that.
#[rstest]
#[case(Outage::Silent)]
#[case(Outage::Killed)]
#[tokio::test(flavor = "multi_thread")]
async fn a_late_commit_counts_where_nothing_came_first(#[case] outage: Outage) {
    let (away, late, ghost) = late_commit(outage).await;
    away.end();
    let outcome = timeout(Duration::from_secs(60), ghost).await.unwrap().unwrap();
    assert!(matches!(outcome, Ok(Committed::Yes)), "it was executed");
    let store = away.store().await;
    let before = everything(&store).await;
    assert_eq!(before.0, Some(late.checkpoint));
    let again = store.commit(&late).await;
    assert!(matches!(again, Err(StoreError::Moved)), "{again:?}");
    assert_eq!(everything(&store).await, before);
}

/// The same through the store: its call times out, and its session is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_timed_out_in_the_store_changes_nothing_later() {
    let away = Away::new(Outage::Silent).await;
    let hasty = store(SurrealOptions {
        operation_timeout: Duration::from_millis(500),
        ..options(away.proxy.endpoint())
    });
    hasty.connect().await.unwrap();
    let first = batch(None, &note("known", 1, 1));
    hasty.commit(&first).await.unwrap();
    away.proxy.set(Mode::Silent);
    let late = batch(Some(first.checkpoint), &note("ghost", 1, 2));
    let timed_out = hasty.commit(&late).await;
    assert!(matches!(timed_out, Err(StoreError::Timeout { .. })), "{timed_out:?}");
    let direct = away.store().await;
    let next = batch(Some(first.checkpoint), &note("other", 1, 3));
    direct.commit(&next).await.unwrap();
    let before = everything(&direct).await;
    let held = away.proxy.made();
    away.end();
    until("another session", async || hasty.connect().await.is_ok()).await;
    assert!(away.proxy.made() > held);
    assert_eq!(hasty.checkpoint(log()).await.unwrap(), Some(next.checkpoint));
    assert_eq!(everything(&direct).await, before);
}
