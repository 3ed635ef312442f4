//! The outside world: HTTP, files, the database, the command line.

pub mod settings;
