#!/usr/bin/env bash
# An outage as Prometheus sees it: a database server is killed under a loaded service
# and started again, and the alerts of ops/prometheus/alerts.yml that fire meanwhile
# are compared with those that should. Everything listens on 127.0.0.1 and ends with
# the script, which takes about four minutes once everything is built. It needs the
# programs prometheus (Debian package of that name) and curl.
#
#     scripts/watch-outage.sh
set -euo pipefail
cd "$(dirname "$0")/.."

script=watch-outage
source scripts/steps.sh

for program in prometheus curl; do
    command -v "$program" >/dev/null || fail "$program is missing; the Debian package of that name has it"
done

cargo build --locked --quiet --features metrics-all
programs="$(realpath "$CARGO_TARGET_DIR")/debug"
folder="$(mktemp -d)"
processes=()
export DAYBOOK_TEST_SURREALDB="$programs/test-surrealdb"
export SURREALDB_BY=process SURREALDB_DIR="$folder/surrealdb" SURREALDB_PORT

end() {
    scripts/surrealdb.sh down >/dev/null 2>&1 || true
    for process in "${processes[@]}"; do
        kill "$process" 2>/dev/null && wait "$process" || true
    done
    rm -rf "$folder"
}
trap end EXIT

say() {
    printf '%4d s  %s\n' "$((SECONDS - began))" "$*"
}

free_port() {
    local port
    while
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
    do :; done
    echo "$port"
}

# Tries a command every second until it holds, for so many seconds.
within() {
    local patience="$1"
    shift
    for ((second = 0; second < patience; second++)); do
        "$@" && return
        sleep 1
    done
    fail "not within $patience s: $*"
}

listens() {
    address="$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' "$folder/daybook.log" | head -n 1)"
    [[ -n $address ]]
}

ask_prometheus() {
    curl --silent --show-error --fail --max-time 5 --get "http://127.0.0.1:$watcher$1" "${@:2}"
}

prometheus_answers() {
    ask_prometheus /-/ready >/dev/null 2>&1
}

# What fires, by name. Tells when that has changed, and remembers all of them.
firing=""
seen=" "
look() {
    local found name
    found="$(ask_prometheus /api/v1/query --data-urlencode 'query=ALERTS{alertstate="firing"}' |
        grep -o '"alertname":"[A-Za-z]*"' | cut -d '"' -f 4 | sort -u || true)"
    [[ $found == "$firing" ]] || say "firing: $(tr '\n' ' ' <<<"${found:-none}")"
    firing="$found"
    for name in $found; do
        [[ $seen == *" $name "* ]] || seen+="$name "
    done
}

fires() {
    look
    grep -qx "$1" <<<"$firing"
}

is_quiet() {
    look
    [[ -z $firing ]]
}

queue_is() {
    look
    curl --silent --max-time 5 "http://$address/metrics" | grep -qx "database_write_queue_size $1"
}

# Writes a note ten times a second, for so long at most.
write_notes() {
    for ((written = 0; written < 4000; written++)); do
        curl --silent --output /dev/null --max-time 2 --header 'content-type: application/json' \
            --data '{"title":"t","content":"c","author":"ann"}' "http://$address/v1/notes" || true
        sleep 0.1
    done
}

SURREALDB_PORT="$(free_port)"
scripts/surrealdb.sh up >"$folder/up" || fail "$(cat "$folder/up")"

DATA_DIR="$folder/data" BIND_ADDRESS=127.0.0.1:0 DB_ENDPOINT="ws://127.0.0.1:$SURREALDB_PORT" \
    DB_USERNAME=root DB_PASSWORD=root "$programs/daybook" --log-json 2>"$folder/daybook.log" &
processes+=("$!")
within 60 listens

# The configuration of ops/, with the addresses of here, and looking every second.
sed -e "s/127\.0\.0\.1:8080/$address/" -e 's/_interval: .*/_interval: 1s/' \
    ops/prometheus/prometheus.yml >"$folder/prometheus.yml"
sed -e 's/^\( *interval:\) .*/\1 1s/' ops/prometheus/alerts.yml >"$folder/alerts.yml"
watcher="$(free_port)"
prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/prometheus" \
    --web.listen-address="127.0.0.1:$watcher" --log.level=warn 2>"$folder/prometheus.log" &
processes+=("$!")
began=$SECONDS
within 60 prometheus_answers
write_notes &
processes+=("$!")

say "healthy for 75 s"
for ((second = 0; second < 75; second++)); do
    look
    sleep 1
done
[[ $seen == " " ]] || fail "fired though nothing was wrong:$seen"

say "the database server is killed"
kill -9 "$(cat "$SURREALDB_DIR/server.pid")"
within 60 fires DaybookDatabaseDown
within 60 fires DaybookWindowClosing
within 60 fires DaybookWritesRefused
for ((second = 0; second < 45; second++)); do
    look
    sleep 1
done

say "the database server is started again"
scripts/surrealdb.sh up >"$folder/up" || fail "$(cat "$folder/up")"
within 120 queue_is 0
say "everything that was accepted is applied"
within 150 is_quiet

expected="DaybookDatabaseDown DaybookWindowClosing DaybookWritesRefused"
found="$(tr ' ' '\n' <<<"$seen" | sed '/^$/d' | sort | tr '\n' ' ')"
[[ ${found% } == "$expected" ]] || fail "expected $expected, fired: $found"
say "fired and over: $expected, and no other"
