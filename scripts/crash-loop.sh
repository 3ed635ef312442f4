#!/usr/bin/env bash
# Kills a loaded service ROUNDS times and accounts for every acknowledged write.
#
#     scripts/crash-loop.sh ROUNDS [--release] [options of the tool, see --help]
#
# The service sees the settings of the environment, such as
# COMMAND_LOG_SEGMENT_BYTES=64KiB for many small segments.
#
# Exit code 0 only when nothing was lost, duplicated or out of order.
set -euo pipefail
cd "$(dirname "$0")/.."
options="[--clients N] [--writes N] [--seed N]"
source scripts/loop.sh

cargo build --locked --quiet --package crash-loop
exec "$tools/crash-loop" "$rounds" --program "$program" "${rest[@]}"
