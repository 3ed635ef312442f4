//! SurrealDB keeps the promises of its port, on both engines.

use proptest::collection::btree_set;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{SurrealOptions, SurrealStore};
use crate::domain::{Note, NoteId, Version};
use crate::ports::contract::note_store::{Subject, note_store_contract};
use crate::ports::{Batch, Checkpoint, Marker, NoteStore, Write};

fn memory() -> SurrealStore {
    SurrealStore::new(SurrealOptions::new("mem://")).unwrap()
}

fn folder(parent: &TempDir) -> SurrealStore {
    let endpoint = format!("surrealkv://{}", parent.path().join("db").display());
    SurrealStore::new(SurrealOptions::new(endpoint)).unwrap()
}

note_store_contract!(mem, Subject::new(memory()));
note_store_contract!(surrealkv, Subject::durable(TempDir::new().unwrap(), folder));
