//! What the application needs of the world, as traits.
//!
//! Each port has one small error type that classifies itself: callers ask
//! `is_transient()` and `code()` and never read a message. Each has an
//! in-memory adapter in [`crate::adapters::memory`] and one contract suite
//! (`contract`) that every adapter runs.

mod batch;
mod clock;
mod command_log;
mod metrics;
mod note_ids;
mod note_store;
mod query;
mod store_error;

pub use batch::{
    Batch, Checkpoint, Continuity, Found, Marker, Parked, PoolState, Provenance, Rebuilt, Recorded,
    Stamp, Stored, Write,
};
pub use clock::Clock;
pub use command_log::{CommandLog, LogError, Positions, ReadLimit};
pub use metrics::{ConnectionEnding, Measurement, Metrics, Refusal, StoreCall};
pub use note_ids::NoteIds;
pub use note_store::NoteStore;
pub use query::{After, NoteQuery, Page, Sort, SortKey};
pub use store_error::StoreError;

#[cfg(test)]
pub(crate) mod contract;
#[cfg(test)]
mod error_tests;
