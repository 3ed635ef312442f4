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
source scripts/toolchain.sh

usage() {
    echo "usage: scripts/crash-loop.sh ROUNDS [--release] [--clients N] [--writes N] [--seed N]" >&2
    exit 2
}

rounds="${1:-}"
[[ $rounds =~ ^[0-9]+$ ]] || usage
shift

profile=debug
build=()
if [[ ${1:-} == --release ]]; then
    profile=release
    build=(--release)
    shift
fi

target="${CARGO_TARGET_DIR:-target}"
cargo build --locked --quiet "${build[@]}" --bin daybook
cargo build --locked --quiet --package crash-loop
exec "$target/debug/crash-loop" "$rounds" --program "$target/$profile/daybook" "$@"
