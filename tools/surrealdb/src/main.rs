//! A real SurrealDB server for Daybook's tests: the same program as the
//! `surreal` of a release, built from the same crates as the embedded engine.
#![recursion_limit = "512"]

use std::process::ExitCode;

fn main() -> ExitCode {
    surrealdb_server::init(surrealdb_server::core::CommunityComposer())
}
