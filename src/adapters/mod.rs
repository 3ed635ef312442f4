//! The outside world: HTTP, files, the database, the command line.

pub mod http;
pub mod memory;
#[cfg(feature = "surreal")]
pub mod surreal;
pub mod system;
