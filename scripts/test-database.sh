#!/usr/bin/env bash
# The database as Daybook uses it: the promises of the port on every store, the
# SurrealDB adapter on its embedded engines and on a real server, and the program
# on both, in a container too where a Docker engine answers. It needs the Rust
# toolchain and a C compiler, and fails where a filter finds no test.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

# The server too, so that tests do not wait for its compilation.
step "build" cargo build --locked
step "container image" prepare_containers
step "port, in memory" library_tests adapters::memory::contract_tests::store
step "port, embedded without a disk" library_tests adapters::surreal::contract_tests::mem
step "port, embedded in a folder" library_tests adapters::surreal::contract_tests::surrealkv
step "note ids as record ids" library_tests any_note_id_names_its_record
step "adapter, real server" library_tests adapters::surreal::remote
step "adapter" library_tests adapters::surreal
step "program, embedded" program_tests kill_and_stop
step "program, real server" program_tests outages
step "program, container" program_tests containers
step "the server for people" program_tests server_script
echo
echo "test-database: everything holds, after $SECONDS s; $containers"
