//! The in-memory adapters keep the promises of their ports.

use super::MemoryLog;
use crate::domain::LogId;
use crate::ports::contract::command_log::{Subject, command_log_contract};

command_log_contract!(log, || async {
    Subject::new(MemoryLog::new(LogId::from_uuid(uuid::Uuid::from_u128(1))))
});
