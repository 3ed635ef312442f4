//! The in-memory adapters keep the promises of their ports.

use super::MemoryStore;
use crate::ports::contract::note_store::{Subject, note_store_contract};

note_store_contract!(note_store, Subject::new(MemoryStore::new()));
