//! Every port in memory: for tests of the domain and the application, and for
//! trying the service without a disk.
//!
//! These keep every promise of their port except durability past the process.
//! What a real part can do wrong, they can be told to do: refuse, fail after
//! the fact, or lose what they had acknowledged.

mod clock;
mod command_log;
mod metrics;
mod note_ids;
mod note_store;
mod tables;

pub use clock::ManualClock;
pub use command_log::MemoryLog;
pub use metrics::MemoryMetrics;
pub use note_ids::SequentialNoteIds;
pub use note_store::{CommitFault, MemoryStore};

#[cfg(test)]
mod contract_tests;
