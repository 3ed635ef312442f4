//! The command line.

mod log;
mod log_record;
mod log_report;

pub use log::{Finding, LogCommand, LogCommandError};

#[cfg(test)]
mod log_tests;
