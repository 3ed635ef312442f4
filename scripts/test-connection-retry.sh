#!/usr/bin/env bash
# What Daybook does about a database that is not there: attempts at start and
# their delays, the startup window, an outage inside and beyond the window, the
# way back, and servers that cannot be used. It needs the Rust toolchain and a C
# compiler, and fails where a filter finds no test.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/steps.sh

# The server too, so that tests do not wait for its compilation.
step "build" cargo build --locked
step "container image" prepare_containers
step "delays" library_tests app::backoff
step "attempts and recovery" library_tests an_outage_backs_off_and_recovers_by_itself
step "the startup window" library_tests a_database_that_never_comes_ends_the_service
step "an idle service" library_tests an_idle_service_notices_an_outage_by_its_probe
step "states" library_tests app::availability
step "any sequence of failures" library_tests app::outage_model
step "versions" library_tests adapters::surreal::version
step "connections to a server" library_tests adapters::surreal::remote
for test in \
    a_server_that_comes_up_late_gets_everything_that_was_written \
    a_server_that_never_comes_ends_the_start_with_its_reason \
    an_outage_beyond_the_window_refuses_and_recovers_by_itself \
    every_request_is_answered_in_time_while_the_server_is_frozen \
    a_cut_network_costs_no_comparison_and_a_restart_does \
    what_is_no_usable_server_ends_the_start_with_its_reason; do
    step "a real server" program_tests "outages::$test"
done
step "a container" program_tests containers::a_container_that_starts_late
echo
echo "test-connection-retry: everything holds, after $SECONDS s; $containers"
