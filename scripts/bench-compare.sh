#!/usr/bin/env bash
# Measures Daybook against a SurrealDB server and a server that does nothing, in
# turn, and prints the ratios; docs/performance.md tells what is measured.
#
#     scripts/bench-compare.sh [--write] [options of the tool, see --help]
#
# With --write, what came of it goes into docs/performance.md. ROUNDS and SECONDS of
# the environment are how often each side is measured in a row, and for how long. All
# programs are built in release, which takes half an hour where nothing is there yet;
# DAYBOOK_PROGRAM and DAYBOOK_TEST_SURREALDB name ones that are built already, the latter
# with guarded-batches beside it.
#
# It needs wrk. Where that is missing it is taken out of the packages of the system's
# own sources (Debian, Ubuntu) into the cache; nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/toolchain.sh

page=docs/performance.md
rounds="${ROUNDS:-5}"
# Not SECONDS as it is: the shell counts in it, from what the environment says.
length="$(tr '\0' '\n' </proc/$$/environ | sed -n 's/^SECONDS=//p')"

fail() {
    echo "bench-compare: $*" >&2
    exit 1
}

# The packages alone: what else wrk needs, every system has.
wrk_from_packages() {
    local cache="$1" lists="$1/apt" options=() packages=(wrk libluajit-5.1-2)
    command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
        fail "wrk is missing, and apt-get to get it: install wrk"
    echo "bench-compare: getting wrk from its package"
    rm -rf "$cache"
    mkdir -p "$lists/lists/partial" "$lists/cache/archives/partial"
    # A fresh machine has no lists. Ones of our own need no right to write the
    # system's.
    if ! (cd "$cache" && apt-get download -qq "${packages[@]}") >/dev/null 2>&1; then
        options=(-o "Dir::State::Lists=$lists/lists" -o "Dir::Cache=$lists/cache")
        apt-get "${options[@]}" -qq update ||
            fail "wrk is missing, and the lists of packages cannot be read: install the package wrk"
        (cd "$cache" && apt-get "${options[@]}" download -qq "${packages[@]}") ||
            fail "wrk is missing, and so is its package: install wrk"
    fi
    local package
    for package in "$cache"/*.deb; do
        dpkg -x "$package" "$cache/unpacked" || fail "$package cannot be unpacked"
    done
    mv "$cache/unpacked/usr/bin/wrk" "$cache/wrk.bin" || fail "the package wrk has no wrk"
    mv "$cache"/unpacked/usr/lib/*/libluajit-5.1.so.2* "$cache" || fail "the package has no libluajit"
    cat >"$cache/wrk" <<'WRK'
#!/bin/sh
folder="$(dirname "$0")"
LD_LIBRARY_PATH="$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec "$folder/wrk.bin" "$@"
WRK
    chmod +x "$cache/wrk"
    rm -rf "$lists" "$cache/unpacked" "$cache"/*.deb
}

write=()
if [[ ${1:-} == --write ]]; then
    write=(--write "$page")
    shift
fi

wrk="$(command -v wrk || true)"
if [[ -z $wrk ]]; then
    cache="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/daybook/wrk"
    wrk="$cache/wrk"
    [[ -x $wrk ]] || wrk_from_packages "$cache"
fi
# It has no other way to say that it runs than its version, with exit code 1.
[[ $("$wrk" --version 2>&1 || true) == wrk* ]] || fail "$wrk does not run"

target="${CARGO_TARGET_DIR:-target}/release"
daybook="${DAYBOOK_PROGRAM:-$target/daybook}"
surrealdb="${DAYBOOK_TEST_SURREALDB:-$target/test-surrealdb}"
# Both default members, as in any other build, so that SurrealDB is compiled once.
[[ -n ${DAYBOOK_PROGRAM:-} && -n ${DAYBOOK_TEST_SURREALDB:-} ]] ||
    cargo build --locked --quiet --release --bin daybook --bin test-surrealdb --bin guarded-batches \
        --features daybook-test-surrealdb/comparison
cargo build --locked --quiet --release --package compare

source="$(date -u +%F)"
if commit="$(git rev-parse --short=12 HEAD 2>/dev/null)"; then
    source="$source, commit $commit"
    [[ -z $(git status --porcelain -- src tools Cargo.lock) ]] || source="$source and changes to it"
fi

# An environment without settings of Daybook or of the server: defaults are measured.
exec env -i PATH="$PATH" HOME="${HOME:-/tmp}" TMPDIR="${TMPDIR:-/tmp}" DAYBOOK_TEST_SURREALDB="$surrealdb" \
    ${RUSTUP_HOME:+RUSTUP_HOME="$RUSTUP_HOME"} ${CARGO_HOME:+CARGO_HOME="$CARGO_HOME"} \
    "$target/compare" --daybook "$daybook" --wrk "$wrk" --rounds "$rounds" --seconds "${length:-5}" \
    --source "$source" "${write[@]}" "$@"
