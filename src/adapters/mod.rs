//! The outside world: HTTP, files, the database, the command line.

pub mod cli;
pub mod settings;
pub mod telemetry;
pub mod memory;
pub mod system;
