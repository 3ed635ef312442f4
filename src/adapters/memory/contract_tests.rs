//! The in-memory adapters keep the promises of their ports.

mod log {
    use crate::adapters::memory::MemoryLog;
    use crate::domain::LogId;
    use crate::ports::contract::command_log::{Subject, command_log_contract};

    command_log_contract!(contract, || async {
        Subject::new(MemoryLog::new(LogId::from_uuid(uuid::Uuid::from_u128(1))))
    });
}

mod store {
    use crate::adapters::memory::MemoryStore;
    use crate::ports::contract::note_store::{Subject, note_store_contract};

    note_store_contract!(contract, Subject::new(MemoryStore::new()));
}
