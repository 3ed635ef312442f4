//! The command line.

mod log;
mod log_record;

pub use log::{Finding, LogCommand, LogCommandError};

#[cfg(test)]
mod log_tests;
