//! The command line.
//!
//! `daybook` and `daybook serve` run the service; `daybook log` reads a command
//! log, also beside a running service, or without one posts it to a database,
//! compares the two or makes the log smaller. Every setting is a flag, made from
//! the table of settings. Exit codes are part of the interface:
//! [`EXIT_FAILURE`] and [`EXIT_USAGE`].

mod adopt;
mod args;
mod audit;
mod compact;
mod doctor;
mod flags;
mod log;
mod log_cat;
mod log_compare;
mod log_convert;
mod log_outcome;
mod log_owner;
mod log_pause;
mod log_record;
mod log_repair;
mod log_report;
mod log_status;
mod parked;
mod post;
mod progress;
#[cfg(feature = "top")]
mod top;

pub use adopt::{Adopted, Adoption};
pub use args::{Cli, Command, EXIT_FAILURE, EXIT_USAGE, LogSubcommand};
pub use audit::{AuditCommand, Audited, Comparison};
pub use compact::{Compacted, Snapshotted};
pub use doctor::{Check, Health, print_checks};
pub use flags::SettingFlags;
pub use log::LogCommand;
pub use log_cat::CatCommand;
pub use log_outcome::{Finding, LogCommandError};
pub use log_owner::{holder, log_in};
pub use log_status::{AskedLog, DatabaseAnswer, LogSettings, StatusCommand};
pub use parked::{CommandName, ParkedCommand, print_one, print_parked, print_released};
pub use post::{PostCommand, Posted, Until};
pub use progress::Progress;
#[cfg(feature = "top")]
pub use top::{Latency, Rates, TopCommand, TopError, View};

#[cfg(test)]
mod audit_tests;
#[cfg(test)]
mod log_cat_tests;
#[cfg(test)]
mod log_convert_tests;
#[cfg(test)]
mod log_repair_tests;
#[cfg(test)]
mod log_status_tests;
#[cfg(test)]
mod log_tests;
