#!/usr/bin/env bash
# Everything, end to end: what CI checks, the database and the connection to it by
# themselves, as their scripts run them, and then the long loops.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/toolchain.sh

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/daybook/target}"
bash .ci/run
scripts/test-database.sh
scripts/test-connection-retry.sh
scripts/crash-loop.sh 50
scripts/outage-loop.sh 30
