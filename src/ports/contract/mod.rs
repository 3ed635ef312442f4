//! One suite per port, which every adapter and decorator of it runs.

pub(crate) mod command_log;
pub(crate) mod note_store;
