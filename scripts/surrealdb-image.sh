#!/usr/bin/env bash
# Sees to it that Docker has the image surrealdb/surrealdb:v3.3.5, under the name
# that the container tests and scripts/surrealdb.sh use. It is taken as it is
# where it is there, else pulled, and where no registry gives it, made here: of
# the test server, which is the same program, and its shared libraries. Such an
# image says so in its labels; `docker image inspect` shows them.
#
#     scripts/surrealdb-image.sh [--rebuild]
#
# --rebuild makes it here in any case. DAYBOOK_TEST_SURREALDB names the test
# server's program; without it, cargo builds it.
#
# Exit code 3 where no Docker engine answers, 1 where the image cannot be had;
# the last line on standard error says why.
set -euo pipefail
cd "$(dirname "$0")/.."

image=surrealdb/surrealdb:v3.3.5

fail() {
    echo "surrealdb-image: $2" >&2
    exit "$1"
}

command -v docker >/dev/null || fail 3 "there is no docker command"
docker info >/dev/null 2>&1 || fail 3 "no Docker engine answers"

if [[ ${1:-} != --rebuild ]]; then
    if docker image inspect "$image" >/dev/null 2>&1; then
        made="$(docker image inspect --format '{{index .Config.Labels "daybook.made-here"}}' "$image")"
        echo "surrealdb-image: $image is there${made:+, made here}"
        exit 0
    fi
    if docker pull --quiet "$image"; then
        exit 0
    fi
    echo "surrealdb-image: $image cannot be pulled, so it is made here" >&2
fi

# What the container runs is a program of this machine.
[[ $(uname -s) == Linux ]] || fail 1 "the image can be made on Linux only"

program="${DAYBOOK_TEST_SURREALDB:-}"
if [[ -z $program ]]; then
    cargo build --locked --bin test-surrealdb
    program="${CARGO_TARGET_DIR:-target}/debug/test-surrealdb"
fi
[[ -x $program ]] || fail 1 "$program is not a program"

context="$(mktemp -d)"
trap 'rm -rf "$context"' EXIT
root="$context/root"
mkdir -p "$root"

# Symbols are three quarters of it; without `strip` the image is only larger.
strip -o "$root/surreal" "$program" 2>/dev/null || cp "$program" "$root/surreal"
chmod 755 "$root/surreal"

# A library is a line `name => /path (address)`, the loader `/path (address)`.
# None where it is linked statically; whether it runs is asked below.
libraries="$({ ldd "$program" || true; } | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^\//) print $i }')"
for library in $libraries; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
    chmod 755 "$root$library"
done

# As in the official image: two folders that any user may write, the address,
# the entry point, and a user without rights.
mkdir "$root/data" "$root/logs" "$root/tmp"
chmod 777 "$root/data" "$root/logs"
chmod 1777 "$root/tmp"
cat >"$context/Dockerfile" <<'DOCKERFILE'
FROM scratch
COPY root/ /
ENV SURREAL_BIND=0.0.0.0:8000
VOLUME ["/data", "/logs"]
USER 65532:65532
LABEL daybook.made-here="of the test server in tools/surrealdb" \
      org.opencontainers.image.title="SurrealDB 3.3.5, made locally for Daybook's tests" \
      org.opencontainers.image.description="Not the official image: the server of the surrealdb-server crate, built on this machine" \
      org.opencontainers.image.licenses="BUSL-1.1"
ENTRYPOINT ["/surreal"]
DOCKERFILE
docker build --quiet --tag "$image" "$context" >/dev/null || fail 1 "docker could not build the image"
told="$(docker run --rm --network none "$image" version | tail -n 1)" || fail 1 "the image does not run"
echo "surrealdb-image: made $image here, version $told"
