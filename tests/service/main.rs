//! The program as its users meet it: started as a process, spoken to over HTTP,
//! stopped, killed, and started wrongly.

#![recursion_limit = "512"]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests; outside of a test function clippy.toml does not reach them"
)]

#[cfg(feature = "surreal")]
mod adopting;
#[cfg(feature = "surreal")]
mod compacting;
#[cfg(feature = "surreal")]
mod containers;
#[cfg(feature = "surreal")]
mod doctor;
#[cfg(feature = "surreal")]
mod foreign_lines;
#[cfg(feature = "surreal")]
mod formats;
#[cfg(feature = "surreal")]
mod full_disk;
mod in_process;
mod kill_and_stop;
mod log_command;
#[cfg(feature = "surreal")]
mod losses;
#[cfg(feature = "surreal")]
mod operating;
#[cfg(feature = "surreal")]
mod outages;
#[cfg(feature = "surreal")]
mod parked;
#[cfg(feature = "surreal")]
mod posting;
#[cfg(feature = "surreal")]
mod power_loss;
mod program;
mod readme;
mod refusals;
#[cfg(feature = "surreal")]
mod repairing;
#[cfg(feature = "surreal")]
mod server_script;
#[cfg(feature = "surreal")]
mod tls;
#[cfg(feature = "surreal")]
mod versions;
