//! Daybook: a notes service that never loses a write.
//!
//! Each write is a validated domain command, appended and synced to a command
//! log, then posted to SurrealDB exactly once. The crate is hexagonal;
//! dependencies point inwards: [`domain`] <- [`ports`] <- [`app`] <-
//! [`adapters`]. `ARCHITECTURE.md` follows one write, one crash and one repair
//! through all parts.

// SurrealDB's query types are nested deeper than the compiler's default limit.
#![recursion_limit = "512"]

pub mod adapters;
pub mod app;
pub mod domain;
pub mod ports;
pub mod runtime;
pub mod signals;
pub mod wiring;

#[cfg(test)]
mod architecture_tests;
#[cfg(test)]
mod log_page_tests;
