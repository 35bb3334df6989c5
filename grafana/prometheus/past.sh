#!/bin/sh
# Bring the past that grafana/history.py has written into the data folder of a Prometheus that does not run yet:
#
#   past.sh HISTORY DATA [PORT]
#
# Takes `prometheus` and `promtool` from the path. Rules are evaluated over the past too; for that a Prometheus that scrapes
# nothing runs on PORT of the loopback, anew for each file of rules, since it must see what the one before has written.
# Does nothing if the past is there already.
set -eu

history=$1
data=$2
port=${3:-9090}

if [ -e "$data/past" ]; then
    exit 0
fi
for day in "$history"/day-*.om; do
    promtool tsdb create-blocks-from openmetrics --quiet --max-block-duration=24h "$day" "$data" >/dev/null
done
echo '{}' >"$data/nothing.yaml"
for rules in "$history"/rules-*.yaml; do
    prometheus --config.file="$data/nothing.yaml" --storage.tsdb.path="$data" --storage.tsdb.retention.time=90d \
        --web.listen-address="127.0.0.1:$port" --log.level=error &
    prometheus=$!
    until promtool query instant "http://127.0.0.1:$port" 'vector(1)' >/dev/null 2>&1; do
        kill -0 "$prometheus" # which ends this if it does not run
        sleep 0.2
    done
    promtool tsdb create-blocks-from rules --url="http://127.0.0.1:$port" --start="$(cat "$history/epoch")" \
        --end="$(date +%s)" --eval-interval=5m --max-block-duration=24h --output-dir="$data" "$rules" >/dev/null 2>&1
    kill "$prometheus"
    wait "$prometheus" || true
done
touch "$data/past"
