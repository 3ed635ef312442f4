//! The command line.
//!
//! `daybook` and `daybook serve` run the service; `daybook log` reads a command
//! log, also beside a running service. Every setting is a flag, made from the
//! table of settings. Exit codes are part of the interface:
//! [`EXIT_FAILURE`] and [`EXIT_USAGE`].

mod args;
mod flags;
mod log;
mod log_compare;
mod log_convert;
mod log_outcome;
mod log_owner;
mod log_record;
mod log_report;
mod progress;

pub use args::{Cli, Command, EXIT_FAILURE, EXIT_USAGE};
pub use flags::SettingFlags;
pub use log::LogCommand;
pub use log_outcome::{Finding, LogCommandError};

#[cfg(test)]
mod log_convert_tests;
#[cfg(test)]
mod log_tests;
