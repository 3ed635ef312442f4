#!/usr/bin/env bash
# Starts and stops a SurrealDB server to run Daybook against, on 127.0.0.1, with
# the root user `root` and the password `root`. Docker runs it where an engine
# answers and has, pulls or is given the image (scripts/surrealdb-image.sh); else
# it is the server of the tests, as a process.
#
#     scripts/surrealdb.sh up|down
#
# SURREALDB_PORT  its port, 8000 by default
# SURREALDB_DIR   the folder of its data, surrealdb-data/PORT by default
# SURREALDB_BY    `docker` or `process`, where it must be this one
#
# `up` of a server that runs and `down` of one that does not change nothing.
set -euo pipefail

fail() {
    echo "surrealdb: $*" >&2
    exit 1
}

root="$(cd "$(dirname "$0")/.." && pwd)"
port="${SURREALDB_PORT:-8000}"
[[ $port =~ ^[1-9][0-9]{0,4}$ ]] && ((port <= 65535)) || fail "SURREALDB_PORT is no port: $port"
folder="${SURREALDB_DIR:-$root/surrealdb-data/$port}"
[[ $folder == /* ]] || folder="$PWD/$folder"
by="${SURREALDB_BY:-}"
[[ $by =~ ^(docker|process)?$ ]] || fail "SURREALDB_BY is neither docker nor process: $by"

container="daybook-surrealdb-$port"
image=surrealdb/surrealdb:v3.3.5
log="$folder/server.log"
pid_file="$folder/server.pid"
process_data="surrealkv://$folder/database?sync=every"
login=(--user root --pass root)

engine_answers() {
    command -v docker >/dev/null && docker info >/dev/null 2>&1
}

# One with the same name and other data is not ours to stop.
container_runs() {
    local data
    engine_answers && [[ -n $(docker ps --quiet --filter "name=^$container\$") ]] || return 1
    data="$(docker inspect --format '{{range .Mounts}}{{println .Source}}{{end}}' "$container")"
    grep -qxF "$folder" <<<"$data"
}

# The process that the file names, if it is still this server: the number may
# have become another program's.
process_id() {
    local pid arguments
    pid="$(cat "$pid_file" 2>/dev/null)" || return 1
    if [[ -d /proc/self ]]; then
        arguments="$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")" || return 1
    else
        arguments="$(ps -o args= -p "$pid")" || return 1
    fi
    [[ $arguments == *"$process_data"* ]] && echo "$pid"
}

# Without curl, which a machine need not have.
is_healthy() (
    exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
    printf 'GET /health HTTP/1.0\r\n\r\n' >&3
    IFS= read -r -t 2 status <&3 && [[ $status == *" 200 "* ]]
) 2>/dev/null

port_is_taken() {
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

tell() {
    cat <<TEXT
Its data are in $folder. To run Daybook against it:

    export DB_ENDPOINT=ws://127.0.0.1:$port DB_USERNAME=root DB_PASSWORD=root
    cargo run

TEXT
}

start_container() {
    # One that has ended by itself, at the latest when the machine was restarted.
    docker rm --volumes "$container" >/dev/null 2>&1 || true
    docker run --detach --name "$container" --publish "127.0.0.1:$port:8000" \
        --user "$(id -u):$(id -g)" --mount "type=bind,source=$folder,target=/data" "$image" \
        start --bind 0.0.0.0:8000 --log warn "${login[@]}" "surrealkv:///data/database?sync=every" \
        >/dev/null
}

start_process() {
    local program="${DAYBOOK_TEST_SURREALDB:-}"
    if [[ -z $program ]]; then
        (cd "$root" && source scripts/toolchain.sh && cargo build --locked --bin test-surrealdb)
        program="$(cd "$root" && realpath "${CARGO_TARGET_DIR:-target}")/debug/test-surrealdb"
    fi
    nohup "$program" start --no-banner --bind "127.0.0.1:$port" --log warn "${login[@]}" \
        "$process_data" >>"$log" 2>&1 </dev/null &
    echo "$!" >"$pid_file"
}

# Whether what was started a moment ago has not ended. The process may not yet be
# the server's program, which `process_id` looks for.
was_started() {
    if [[ $by == docker ]]; then container_runs; else kill -0 "$(cat "$pid_file")" 2>/dev/null; fi
}

# Ends what runs here, and says what that was.
stop() {
    local pid
    if container_runs; then
        docker stop --time 60 "$container" >/dev/null
        docker rm --volumes "$container" >/dev/null
        echo "container $container"
    elif pid="$(process_id)"; then
        kill "$pid"
        for ((i = 0; i < 600; i++)); do
            process_id >/dev/null || break
            sleep 0.1
        done
        process_id >/dev/null && fail "process $pid does not end; its log is $log"
        rm "$pid_file"
        echo "process $pid"
    else
        return 1
    fi
}

up() {
    local pid
    if container_runs; then
        echo "surrealdb: it runs already on 127.0.0.1:$port, as container $container."
        tell
        return
    elif pid="$(process_id)"; then
        echo "surrealdb: it runs already on 127.0.0.1:$port, as process $pid."
        tell
        return
    fi
    port_is_taken && fail "another program listens on 127.0.0.1:$port; SURREALDB_PORT chooses another port"
    mkdir -p "$folder"
    if [[ -z $by ]]; then
        by=process
        if engine_answers; then
            "$root/scripts/surrealdb-image.sh" && by=docker
        fi
    elif [[ $by == docker ]]; then
        "$root/scripts/surrealdb-image.sh" || fail "Docker cannot run it"
    fi
    "start_$([[ $by == docker ]] && echo container || echo process)"
    for ((i = 0; i < 600; i++)); do
        if is_healthy; then
            echo "surrealdb: it answers on 127.0.0.1:$port, run by ${by/process/a process}."
            tell
            return
        fi
        was_started || break
        sleep 0.1
    done
    { [[ $by == docker ]] && docker logs --tail 20 "$container" || tail -n 20 "$log"; } >&2 2>&1
    stop >/dev/null || true
    fail "the server did not start; the lines above are its log"
}

down() {
    local stopped
    if stopped="$(stop)"; then
        echo "surrealdb: stopped $stopped. Its data stay in $folder; the next \`up\` finds them."
    else
        echo "surrealdb: nothing was started here on port $port, or it has ended already."
    fi
}

case "${1:-}" in
    up | down) "$1" ;;
    *)
        echo "usage: scripts/surrealdb.sh up|down" >&2
        exit 2
        ;;
esac
