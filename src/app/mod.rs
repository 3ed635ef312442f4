//! The use cases: submit a command, apply the log, read notes, tell the health.
//!
//! [`Daybook`] is the service as its clients see it. The [`Applier`] is its one
//! background task: the only writer of the database and the only judge of
//! commands. They share what is pending and how the database is, nothing else.

mod adopt;
mod applied;
mod applier;
mod attach;
mod audit;
mod availability;
mod backoff;
mod bounded_log;
mod compact;
mod daybook;
mod desk;
mod fold;
mod gauges;
mod heal;
mod health;
mod heartbeat;
mod index_backlog;
mod judge;
mod last_known;
mod options;
mod outcome;
mod overlay;
mod parking;
mod pending;
mod probe;
mod reading;
mod release;
mod repeats;
mod replay;
mod retain;
mod setback;
mod step;
mod submit;
mod telling;
mod unpark;

pub use adopt::{AdoptError, Carried, Ends, Succession};
pub use applied::AppliedLog;
pub use applier::Applier;
pub use attach::Mismatch;
pub use audit::{Audit, AuditedNote};
pub use bounded_log::BoundedLog;
pub use compact::Compaction;
pub use daybook::Daybook;
pub use gauges::Gauges;
pub use health::{DatabaseHealth, Health, QueueHealth, State};
pub use options::{Options, Ports, QueueLimits};
pub use outcome::{
    CommandState, Consistency, Outcome, ReadError, ReadNote, SubmitError, Submitted, Wait,
    WriteRequest,
};
pub use release::{Release, ReleaseError};
pub use repeats::Repeats;
pub use replay::{Backlog, Replay, ReplayError};
pub use step::{ApplierError, Step};
pub use telling::COMMANDS;

#[cfg(test)]
mod adopt_tests;
#[cfg(test)]
mod applier_tests;
#[cfg(test)]
mod audit_tests;
#[cfg(test)]
mod availability_tests;
#[cfg(test)]
mod compact_tests;
#[cfg(test)]
mod faulty_store;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod heal_model_tests;
#[cfg(test)]
mod heal_tests;
#[cfg(test)]
mod heartbeat_tests;
#[cfg(test)]
mod instances_tests;
#[cfg(test)]
mod outage_model_tests;
#[cfg(test)]
mod overlay_tests;
#[cfg(test)]
mod parking_tests;
#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod release_tests;
#[cfg(test)]
mod replay_tests;
#[cfg(test)]
mod retain_tests;
#[cfg(test)]
mod submit_tests;
