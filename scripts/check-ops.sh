#!/usr/bin/env bash
# Checks what is in ops/: the alert rules and their tests, the configuration of
# Prometheus, and the dashboard. Every family that they name must be one of
# docs/metrics.md, and every alert must have its entry in docs/operating.md.
#
#     scripts/check-ops.sh [SCRAPE]
#
# With a file, it is that which promtool checks: what a service told at /metrics.
#
# It needs promtool. Where that is missing it is taken out of the package
# `prometheus` of the system's own sources (Debian, Ubuntu) into the cache; nothing
# is installed, and no daemon is started.
set -euo pipefail
cd "$(dirname "$0")/.."

rules=ops/prometheus/alerts.yml
rule_tests=ops/prometheus/alerts_test.yml
config=ops/prometheus/prometheus.yml
dashboard=ops/grafana/daybook.json
metrics="${DAYBOOK_METRICS_PAGE:-docs/metrics.md}"

fail() {
    echo "check-ops: $*" >&2
    exit 1
}

# The package alone, without its dependencies: promtool needs none but libc.
promtool_from_package() {
    local cache="$1" lists="$1/apt" options=()
    command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
        fail "promtool is missing, and apt-get to get it: install Prometheus"
    echo "check-ops: getting promtool from the package prometheus"
    rm -rf "$cache"
    mkdir -p "$lists/lists/partial" "$lists/cache/archives/partial"
    # A fresh machine has no lists. Ones of our own need no right to write the
    # system's.
    if ! (cd "$cache" && apt-get download -qq prometheus) >/dev/null 2>&1; then
        options=(-o "Dir::State::Lists=$lists/lists" -o "Dir::Cache=$lists/cache")
        apt-get "${options[@]}" -qq update ||
            fail "promtool is missing, and the lists of packages cannot be read: install the package prometheus"
        (cd "$cache" && apt-get "${options[@]}" download -qq prometheus) ||
            fail "promtool is missing, and so is the package prometheus: install Prometheus"
    fi
    dpkg -x "$cache"/prometheus_*.deb "$cache/unpacked" || fail "the package prometheus cannot be unpacked"
    mv "$cache/unpacked/usr/bin/promtool" "$cache/promtool" || fail "the package prometheus has no promtool"
    rm -rf "$lists" "$cache/unpacked" "$cache"/prometheus_*.deb
}

promtool="$(command -v promtool || true)"
if [[ -z $promtool ]]; then
    cache="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/daybook/prometheus"
    promtool="$cache/promtool"
    [[ -x $promtool ]] || promtool_from_package "$cache"
    "$promtool" --version >/dev/null 2>&1 || fail "$promtool does not run"
fi

if [[ -n ${1:-} ]]; then
    "$promtool" check metrics <"$1" || fail "what a scrape told is not as it should be"
    echo "check-ops: $(grep -c '^# TYPE ' "$1") families, as promtool wants them"
    exit
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# Whether a file is JSON: a machine need have neither jq nor Python. Strings cannot
# go over the end of a line, so it is read line by line into tokens.
is_json() {
    awk '
        function wrong(what) { if (!bad) print FILENAME ": line " line_of[at] + 0 ": " what; bad = 1; exit 1 }
        function value(  kind) {
            kind = token[at]
            if (kind == "{") { at++; members(); return }
            if (kind == "[") { at++; elements(); return }
            if (kind !~ /^["0-9tfn-]/) wrong("a value is expected")
            at++
        }
        function members() {
            if (token[at] == "}") { at++; return }
            while (1) {
                if (token[at] !~ /^"/) wrong("a name is expected")
                if (token[++at] != ":") wrong("a colon is expected")
                at++; value()
                if (token[at] == "}") { at++; return }
                if (token[at++] != ",") wrong("a comma or } is expected")
            }
        }
        function elements() {
            if (token[at] == "]") { at++; return }
            while (1) {
                value()
                if (token[at] == "]") { at++; return }
                if (token[at++] != ",") wrong("a comma or ] is expected")
            }
        }
        BEGIN {
            hex = "[0-9a-fA-F]"
            text = "\"([^\"\\\\]|\\\\([\"\\\\/bfnrt]|u" hex hex hex hex "))*\""
            number = "-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?"
            any = "^(" text "|" number "|true|false|null|[][{}:,])"
        }
        {
            rest = $0
            while (sub(/^[ \t\r]+/, "", rest) || rest != "") {
                if (rest == "") break
                line_of[++count] = NR
                if (!match(rest, any)) { at = count; wrong("no token of JSON") }
                token[count] = substr(rest, 1, RLENGTH)
                rest = substr(rest, RLENGTH + 1)
            }
        }
        END { if (!bad) { at = 1; value(); if (at != count + 1) wrong("nothing more is expected") } exit bad }
    ' "$1"
}

# The expressions of the dashboard as strings of JSON, which are strings of YAML,
# too. What Grafana puts in the place of its variables is put there.
dashboard_expressions() {
    sed -n 's/^ *"expr": \(".*"\),\{0,1\}$/\1/p' "$dashboard" | sed 's/\$__[a-z_]*/5m/g'
}

# The expressions of the rules, without comments: what stands behind `expr:`, and
# the lines below it that are further in.
rule_expressions() {
    awk '
        { match($0, /^ */); depth = RLENGTH }
        inside && (depth > inside || $0 ~ /^ *$/) { sub(/#.*/, ""); print; next }
        { inside = 0 }
        /^ *(- )?expr:/ { inside = depth; sub(/^ *(- )?expr: */, ""); print ($0 ~ /^[|>]/ ? "" : $0) }
    ' "$rules"
}

# The names in expressions that are neither labels, functions nor operators.
names() {
    sed -e 's/\\"/"/g' -e 's/^"\(.*\)"$/\1/' -e 's/{[^}]*}/ /g' -e 's/\[[^]]*\]/ /g' -e "s/\"[^\"]*\"/ /g" |
        sed -E -e 's/(by|without|on|ignoring|group_left|group_right) *\([^)]*\)/ /g' -e 's/[a-z_0-9]+ *\(/ (/g' \
            -e 's/(offset) +[0-9]+[a-z]+/ /g' -e 's/(^|[^a-zA-Z0-9_])[0-9][0-9.a-z]*/\1 /g' |
        grep -oE '[a-zA-Z_:][a-zA-Z0-9_:]*' | grep -vxE 'and|or|unless|bool|offset|by|without|up|ALERTS' | sort -u
}

# Every name under which Prometheus has a family of the page.
families() {
    awk -F'|' '
        /<!-- families: begin -->/ { inside = 1 }
        /<!-- families: end -->/ { inside = 0 }
        inside && $2 ~ /`/ {
            gsub(/[` ]/, "", $2); gsub(/ /, "", $3)
            if ($3 == "histogram") { print $2 "_bucket"; print $2 "_sum"; print $2 "_count" } else print $2
        }
    ' "$metrics" | sort -u
}

families_are_known() {
    local what unknown known="$work/families"
    families >"$known"
    [[ -s $known ]] || fail "$metrics names no families"
    rule_expressions | names >"$work/$rules_names"
    dashboard_expressions | names >"$work/$dashboard_names"
    # A misspelt series makes a test of silence prove nothing.
    sed -n "s/.*series: '\([a-z_]*\){.*/\1/p" "$rule_tests" | grep -vx up | sort -u >"$work/$tests_names"
    for what in "$rules_names" "$dashboard_names" "$tests_names"; do
        [[ -s $work/$what ]] || fail "no family was found in the $what"
        unknown="$(comm -23 "$work/$what" "$known")"
        [[ -z $unknown ]] || fail "families that $metrics does not have, in the $what:"$'\n'"$unknown"
    done
}
rules_names="alert rules" dashboard_names="dashboard" tests_names="tests of the rules"

# As GitHub makes an anchor of a heading.
anchors() {
    sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed -e 's/[^a-z0-9 _-]//g' -e 's/ /-/g'
}

alerts_are_explained() {
    local alert runbook page count=0
    while read -r alert runbook; do
        count=$((count + 1))
        page="${runbook%%#*}"
        [[ $runbook == *"#"* && -f $page ]] || fail "$alert: its runbook is no page and anchor: $runbook"
        # Not `grep -q` in a pipe: it ends early, and `pipefail` takes that for a failure.
        anchors "$page" >"$work/anchors"
        grep -qxF -- "${runbook#*#}" "$work/anchors" || fail "$alert: $page has no heading for ${runbook#*#}"
        grep -qE "alertname: $alert\$" "$rule_tests" || fail "$alert: no test has it fire"
    done < <(awk '
        function tell() { if (alert) print alert, runbook; runbook = "" }
        $1 == "-" && $2 == "alert:" { tell(); alert = $3 }
        $1 == "runbook:" { runbook = $2 }
        END { tell() }
    ' "$rules")
    ((count > 0)) || fail "$rules has no alerts"
    echo "check-ops: $count alerts have an entry and a test"
}

"$promtool" check rules "$rules"
"$promtool" check config "$config"
"$promtool" test rules "$rule_tests"

is_json "$dashboard" || fail "$dashboard is no JSON"
dashboard_expressions >"$work/expressions"
# As rules, so that promtool reads them.
{
    printf 'groups:\n  - name: dashboard\n    rules:\n'
    awk '{ print "      - { record: \"panel:" NR "\", expr: " $0 " }" }' "$work/expressions"
} >"$work/dashboard.yml"
"$promtool" check rules "$work/dashboard.yml" >"$work/told" 2>&1 ||
    fail "an expression of the dashboard cannot be read:"$'\n'"$(cat "$work/told")"
echo "check-ops: the dashboard has $(wc -l <"$work/expressions") expressions"

families_are_known
alerts_are_explained
