# What .ci/run and the scripts that run tests share; it is sourced, not run, from
# the root of the repository. They need the Rust toolchain and a C compiler.

# Who speaks.
script="${script:-$(basename "$0" .sh)}"

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/daybook/target}"
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-never}"
# Incremental state is only worth its disk space where the same crate is built
# again and again.
export CARGO_INCREMENTAL="${CARGO_INCREMENTAL:-0}"

fail() {
    echo "$script: $*" >&2
    exit 1
}

source scripts/toolchain.sh
command -v cargo >/dev/null || fail "cargo is missing: install the Rust toolchain from https://rustup.rs"
if ! command -v cc >/dev/null; then
    if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
        fail "a C compiler (cc) is missing"
    fi
    echo "$script: installing a C compiler"
    apt-get update -qq
    apt-get install -y -qq gcc libc6-dev
fi

step() {
    local name="$1" start=$SECONDS
    shift
    echo
    echo "== $name: $*"
    "$@"
    echo "== $name: $((SECONDS - start)) s"
}

# Runs tests by a filter, and fails where the filter finds none. What is said on
# standard error goes on: there, tests say that they could not run.
some_tests() {
    local told
    told="$("$@")" || { echo "$told"; return 1; }
    echo "$told" | grep -E '^test .+ \.\.\. ok$' || fail "no test ran in: $*"
}

# Tests of the library by a filter. The default members are built as in any other
# build (no `-p`), or the database would be compiled once more.
library_tests() {
    some_tests cargo test --locked --lib "$1"
}

# Tests of the program by a filter.
program_tests() {
    some_tests cargo test --locked --test service "$1"
}

# How the container tests fare, for the last line of a script.
containers="the container tests ran"

# Where a Docker engine answers, the container tests must run from here on; where
# none does, they say so and so does the script.
prepare_containers() {
    local code=0
    scripts/surrealdb-image.sh || code=$?
    case $code in
        0) export DAYBOOK_CONTAINER_TESTS=required ;;
        3) containers="the container tests did not run, since no Docker engine answers" ;;
        *) fail "a Docker engine answers, but there is no image for the container tests" ;;
    esac
}
