//! The in-memory adapters keep the promises of their ports.
