# Recipes for working on Daybook; `just --list` shows them.

# Build the program.
build:
    cargo build

# Run the service on 127.0.0.1:8080 with its data in ./data.
run *arguments:
    cargo run -- {{arguments}}

# Test the domain and the application, without the database: seconds.
test:
    cargo test --package daybook --no-default-features --lib

# Test everything, on embedded databases and real servers, in containers too where
# a Docker engine answers, and the checkers of the loops and the comparison.
test-db:
    cargo test
    cargo test --package compare --package crash-loop --package outage-loop

# Test the database alone: the port's promises on every store, adapter, program.
test-database:
    scripts/test-database.sh

# Test what happens while the database is not there, and when it comes back.
test-connection-retry:
    scripts/test-connection-retry.sh

# Start a SurrealDB server on 127.0.0.1:8000 (SURREALDB_PORT), user and password root.
surrealdb-up:
    scripts/surrealdb.sh up

# Stop it; its data stay.
surrealdb-down:
    scripts/surrealdb.sh down

# Pull the Docker image of the server, or make it here where no registry gives it.
surrealdb-image:
    scripts/surrealdb-image.sh

# Measure the parts that every write passes: the codecs, the judge, the scan of a
# start; and what group commit is worth, by size and number of callers, in one run.
bench *arguments:
    cargo bench --package daybook-bench {{arguments}}
    cargo bench --package daybook --no-default-features

# Measure the service against a SurrealDB server and one that does nothing, in turn;
# with --write, into docs/performance.md.
bench-compare *arguments:
    scripts/bench-compare.sh {{arguments}}

# Fuzz the decoder and the recovery of the log; needs cargo-fuzz and a nightly toolchain.
fuzz seconds="600":
    for target in decode open; do \
        mkdir -p fuzz/corpus/$target && \
        cargo +nightly fuzz run $target fuzz/corpus/$target tests/fixtures/fuzz/$target -- \
            -max_total_time={{seconds}} -max_len=4096 -timeout=20; \
    done

# Lint and document as CI does: warnings are errors.
lint:
    cargo fmt --all --check
    cargo clippy --package daybook --no-default-features --all-targets -- -D warnings
    cargo clippy --all-targets -- -D warnings
    cargo clippy --package daybook-bench --all-targets -- -D warnings
    cargo clippy --package compare --package crash-loop --package daybook-rig --package outage-loop --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --package daybook

# Count the lines that the tests run, by module and for the areas that matter most.
coverage *arguments:
    scripts/coverage.sh {{arguments}}

# Watch an outage through Prometheus, and see which alerts fire.
watch-outage:
    scripts/watch-outage.sh

# Check the alert rules with their tests, and the dashboard; gets promtool where it is missing.
check-ops:
    scripts/check-ops.sh

# Format the sources.
fmt:
    cargo fmt --all

# Kill a loaded service so many times and account for every write.
crash-loop rounds="10" *arguments:
    scripts/crash-loop.sh {{rounds}} {{arguments}}

# Take the database from a loaded service so many times and account for every write.
outage-loop rounds="10" *arguments:
    scripts/outage-loop.sh {{rounds}} {{arguments}}

# Everything, end to end.
verify:
    scripts/verify.sh
