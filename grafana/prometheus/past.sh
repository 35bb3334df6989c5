#!/bin/sh
# Bring the past that grafana/history.py has written into the data folder of a Prometheus, with what the rules make of it:
#
#   past.sh HISTORY DATA [URL]
#
# Takes `prometheus` and `promtool` from the path. With URL, that Prometheus runs on DATA: it finds new blocks once a minute,
# and each file of rules has to wait until it has found what the one before has written. Without, one that scrapes nothing
# runs on the loopback meanwhile, anew for each file. Does nothing if the past is there already.
set -eu

history=$1
data=$2
url=${3:-}
port=${PORT:-9090}

if [ -e "$data/past" ]; then
    exit 0
fi
begin=$(cat "$history/epoch")

# Wait until the past holds a series; end if the Prometheus that was started here ends.
wait_for() {
    until promtool query range --start="$begin" --end="$(date +%s)" --step=1h "$1" "$2" 2>/dev/null | grep -q .; do
        if [ -n "${prometheus:-}" ]; then
            kill -0 "$prometheus"
        fi
        sleep 1
    done
}

for day in "$history"/day-*.om; do
    promtool tsdb create-blocks-from openmetrics --quiet --max-block-duration=24h "$day" "$data" >/dev/null
done
written=up
if [ -z "$url" ]; then
    echo '{}' >"$data/nothing.yaml"
fi
for rules in "$history"/rules-*.yaml; do
    server=$url
    if [ -z "$url" ]; then
        server=http://127.0.0.1:$port
        prometheus --config.file="$data/nothing.yaml" --storage.tsdb.path="$data" --storage.tsdb.retention.time=90d \
            --web.listen-address="127.0.0.1:$port" --log.level=error &
        prometheus=$!
    fi
    wait_for "$server" "$written"
    promtool tsdb create-blocks-from rules --url="$server" --start="$begin" --end="$(date +%s)" --eval-interval=5m \
        --max-block-duration=24h --output-dir="$data" "$rules" >/dev/null 2>&1
    # Each file of rules records its own name, too.
    written="past:written{file=\"$(basename "$rules" .yaml)\"}"
    if [ -n "${prometheus:-}" ]; then
        kill "$prometheus"
        wait "$prometheus" || true
    fi
done
touch "$data/past"
