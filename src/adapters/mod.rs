//! The outside world: HTTP, files, the database, the command line.

pub mod cli;
pub mod file_log;
pub mod memory;
pub mod system;
