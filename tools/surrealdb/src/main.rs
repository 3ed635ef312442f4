//! A real SurrealDB server for Daybook's tests: the same program as the
//! `surreal` of a release, built from the same crates as the embedded engine.
//!
//! With `TEST_SURREALDB_ENDS_WITH_INPUT` set it ends as soon as nobody holds its
//! standard input any more, so that no test leaves one behind, however it ends.
#![recursion_limit = "512"]

use std::process::ExitCode;
use std::{env, io, process, thread};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if env::var_os("TEST_SURREALDB_ENDS_WITH_INPUT").is_some() {
        thread::spawn(|| {
            // Whether it ends or fails, nobody is there any more.
            drop(io::copy(&mut io::stdin(), &mut io::sink()));
            process::exit(1)
        });
    }
    surrealdb_server::init(surrealdb_server::core::CommunityComposer())
}
