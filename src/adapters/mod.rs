//! The outside world: HTTP, files, the database, the command line.

pub mod http;
pub mod memory;
pub mod system;
