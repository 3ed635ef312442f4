#!/usr/bin/env bash
# Takes the database from a loaded service ROUNDS times and accounts for every
# acknowledged write.
#
#     scripts/outage-loop.sh ROUNDS [--release] [options of the tool, see --help]
#
# It starts a SurrealDB server of its own, which is built first, and a network in
# front of it. The server is killed, stopped or frozen, or the network is cut or
# slow; in every third round the service is killed, too. The service sees the
# settings of the environment, but for those that the tool sets itself.
#
# Exit code 0 only when nothing was lost, duplicated or out of order.
set -euo pipefail
cd "$(dirname "$0")/.."
options="[--clients N] [--writes N] [--seed N] [--keep] [--max-minutes N]"
source scripts/loop.sh

cargo build --locked --quiet --bin test-surrealdb
cargo build --locked --quiet --package outage-loop
export DAYBOOK_TEST_SURREALDB="${DAYBOOK_TEST_SURREALDB:-$tools/test-surrealdb}"
exec "$tools/outage-loop" "$rounds" --program "$program" "${rest[@]}"
