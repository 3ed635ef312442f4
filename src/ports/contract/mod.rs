//! Contract suites

pub(crate) mod command_log;
