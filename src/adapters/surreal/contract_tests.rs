//! SurrealDB keeps the promises of its port, on both engines and on a server.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::remote::fixture::server_options;
use super::{SurrealOptions, SurrealStore};
use crate::ports::NoteStore;
use crate::ports::contract::note_store::commits::keys_round_trip;
use crate::ports::contract::note_store::{Subject, note_store_contract};

fn memory() -> SurrealStore {
    SurrealStore::new(SurrealOptions::new("mem://")).unwrap()
}

fn folder(parent: &TempDir) -> SurrealStore {
    let endpoint = format!("surrealkv://{}", parent.path().join("db").display());
    SurrealStore::new(SurrealOptions::new(endpoint)).unwrap()
}

/// A database of its own on the server that all of them share.
///
/// A server of the tests is slow to sign in and shares a busy machine with its
/// clients, so only a few are at it at a time.
async fn on_server() -> Subject {
    static TURNS: Semaphore = Semaphore::const_new(2);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let turn = TURNS.acquire().await.unwrap();
    let name = format!("contract{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut options = server_options();
    (options.namespace, options.database) = (name.clone(), name);
    (options.pool.min, options.pool.acquire_timeout) = (1, Duration::from_secs(60));
    // Held as long as the subject.
    Subject::on_server((turn, options), |(_turn, options)| {
        SurrealStore::new(options.clone()).unwrap()
    })
}

note_store_contract!(server, on_server().await);
note_store_contract!(mem, Subject::new(memory()));
note_store_contract!(surrealkv, Subject::durable(TempDir::new().unwrap(), folder));

/// One engine for all cases, with the runtime that it lives on.
static ENGINE: LazyLock<(tokio::runtime::Runtime, SurrealStore)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let store = memory();
    runtime.block_on(store.connect()).unwrap();
    (runtime, store)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_note_id_names_its_record(log: u128, keys in vec("[A-Za-z0-9_-]{1,64}|[0-9]{1,20}", 8)) {
        let (runtime, store) = &*ENGINE;
        runtime.block_on(keys_round_trip(store, log, &keys));
    }
}
