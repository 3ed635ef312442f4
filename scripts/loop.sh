# What the loops that run a loaded service share; it is sourced, not run, from the
# root of the repository, with the arguments of the loop and `options`, those that
# its tool takes beside them. Sets rounds, program, tools and rest, and builds the
# service.
source scripts/toolchain.sh

usage() {
    echo "usage: $0 ROUNDS [--release] $options" >&2
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
rest=("$@")

target="${CARGO_TARGET_DIR:-target}"
tools="$target/debug"
program="$target/$profile/daybook"
cargo build --locked --quiet "${build[@]}" --bin daybook
