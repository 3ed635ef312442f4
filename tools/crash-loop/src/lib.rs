//! What it takes to load a Daybook that dies, and to account for every write:
//! the service as a child process, clients that write to it, and the comparison
//! of what was acknowledged with what is there.

pub mod api;
pub mod comparison;
pub mod daemon;
pub mod history;
#[cfg(test)]
mod history_tests;
pub mod ledger;
mod service_log;
pub mod writer;
