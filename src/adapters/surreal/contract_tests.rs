//! SurrealDB keeps the promises of its port, on both engines.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

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
