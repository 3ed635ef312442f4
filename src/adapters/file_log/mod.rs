//! The command log in files.

mod codec;
mod creation;
pub mod disk;
mod envelope;
mod failure;
mod fault;
mod frame;
mod index;
mod log;
mod mend;
mod options;
mod queue;
mod reader;
mod recovery;
mod segment;
mod shared;
pub(crate) mod survey;
mod window;
mod writer;

pub use codec::{CodecError, PayloadFormat, UnknownPayloadFormat};
pub use failure::OpenError;
pub use fault::{Damage, Fault, FrameDamage, ReadFault};
pub use frame::{HeaderDamage, MAX_PAYLOAD_BYTES};
pub use log::FileLog;
pub use options::{FileLogOptions, SyncPolicy};

/// The file that the process which has the log open holds locked.
pub(crate) const LOCK_FILE: &str = "lock";

#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod envelope_tests;
#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod recovery_tests;
