#!/usr/bin/env bash
# Line coverage of the library's tests by cargo-tarpaulin: each module, and the areas
# on which most depends. Fails where one of them has less than it must have.
#
#     scripts/coverage.sh [--fast]
#
# --fast leaves the database and its adapter out, and what must hold of the whole.
# The first run compiles everything once more, the database included.
set -euo pipefail
cd "$(dirname "$0")/.."

script=coverage
source scripts/steps.sh

features=(--features metrics-all)
least_overall=80
case "${1:-}" in
    "") ;;
    --fast)
        features=(--no-default-features --features metrics-all)
        least_overall=0
        ;;
    *)
        echo "usage: $0 [--fast]" >&2
        exit 2
        ;;
esac

if ! cargo tarpaulin --version >/dev/null 2>&1; then
    echo "$script: installing cargo-tarpaulin"
    cargo install cargo-tarpaulin --locked --quiet
fi

# A target folder of its own: every crate is compiled for counting there.
target="$CARGO_TARGET_DIR/coverage"
told="$(mktemp)"
trap 'rm -f "$told"' EXIT
if [[ ${1:-} != --fast ]]; then
    # The server of the tests is that of an ordinary build.
    cargo build --locked --quiet --bin test-surrealdb
    export DAYBOOK_TEST_SURREALDB="${DAYBOOK_TEST_SURREALDB:-$(realpath "$CARGO_TARGET_DIR")/debug/test-surrealdb}"
fi
cargo tarpaulin --locked --package daybook --lib "${features[@]}" --engine llvm --skip-clean \
    --target-dir "$target" --timeout 900 --out Stdout >"$told" || {
    tail -n 40 "$told" >&2
    fail "the tests did not pass"
}

# Only lines of the form `|| src/app/backoff.rs: 11/11` count. What is compiled for
# tests alone says nothing about the program.
awk -v least_overall="$least_overall" '
    function is_test(file) {
        return file ~ /_tests?\.rs$|\/tests?(\.rs|\/)|\/contract\/|\/(fixture|faulty_store|fuzzing)\.rs$|\/disk\/(sim|step)/
    }
    function area(name, pattern, least) {
        areas[++area_count] = name
        patterns[name] = pattern
        lowest[name] = least
    }
    function line(name, covered, all) {
        return sprintf("%7.1f %%  %5d of %5d  %s", all ? 100 * covered / all : 100, covered, all, name)
    }
    BEGIN {
        area("retry", "^src/app/(backoff|setback|applier|probe|desk|parking|step)\\.rs|^src/adapters/surreal/conflict", 95)
        area("command log", "^src/adapters/file_log/|^src/(adapters/memory|ports)/command_log", 95)
        area("health transitions", "^src/app/(availability|health|heartbeat|daybook)\\.rs|^src/adapters/http/health", 95)
        area("error paths", "^src/ports/(store_error|command_log)\\.rs|^src/adapters/http/problem|^src/adapters/surreal/error|^src/adapters/file_log/(failure|fault)\\.rs|^src/app/outcome", 95)
    }
    /^\|\| src\/[^ ]+: [0-9]+\/[0-9]+/ {
        file = $2
        sub(/:$/, "", file)
        split($3, count, "/")
        if (is_test(file)) next
        parts = split(file, path, "/")
        module = path[2] ~ /\.rs$/ ? "src" : path[2]
        if (module == "adapters" && parts > 3) module = module "/" path[3]
        covered[module] += count[1]; all[module] += count[2]
        total_covered += count[1]; total += count[2]
        for (i = 1; i <= area_count; i++)
            if (file ~ patterns[areas[i]]) {
                area_covered[areas[i]] += count[1]; area_all[areas[i]] += count[2]
            }
    }
    END {
        if (!total) { print "coverage: nothing was counted" > "/dev/stderr"; exit 1 }
        for (module in covered) print line(module, covered[module], all[module]) | "sort -k 6"
        close("sort -k 6")
        print ""
        for (i = 1; i <= area_count; i++) {
            name = areas[i]
            print line(name ", at least " lowest[name] " %", area_covered[name], area_all[name])
            if (!area_all[name] || 100 * area_covered[name] < lowest[name] * area_all[name]) low = low " [" name "]"
        }
        print line("all, at least " least_overall " %", total_covered, total)
        if (100 * total_covered < least_overall * total) low = low " [all]"
        if (low) { print "coverage: too low:" low > "/dev/stderr"; exit 1 }
    }
' "$told"
