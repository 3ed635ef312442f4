//! The use cases: submit a command, apply the log, read notes, tell the health.

mod health;
mod outcome;

pub use health::{DatabaseHealth, Health, QueueHealth, State};
pub use outcome::{Outcome, ReadError, SubmitError, Submitted, WriteRequest};

mod daybook;
pub use daybook::Daybook;
