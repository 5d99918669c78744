#!/usr/bin/env bash
# The status page over a sweep of 50 000 jobs: how long each page takes and how large it is, and what twenty open pages cost the coordinator
# while jobs report. The goals are 200 ms, 300 kB, and 5 % of a core.
set -euo pipefail
cd "$(dirname "$0")/.."
sweep=${SWEEP:-target/release/sweep}
work=$(mktemp -d)
cleanup() { [ -z "$(jobs -p)" ] || kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"; }
trap cleanup EXIT
export SWEEP_HOME=$work/home
python3 bench/page.py plan "${JOBS:-50000}" > "$work/plan.yaml"
"$sweep" serve --listen 127.0.0.1:0 > "$work/serve" 2>&1 & first=$!
until "$sweep" submit "$work/plan.yaml" > "$work/submit" 2>&1; do kill -0 $first; sleep 0.2; done
kill $first; wait $first || true
python3 bench/page.py fill "$SWEEP_HOME/sweep.db"
"$sweep" serve --listen 127.0.0.1:0 > "$work/serve" 2>&1 & coordinator=$!
until "$sweep" page > "$work/link" 2>/dev/null; do kill -0 $coordinator; sleep 0.2; done
link=$(grep -o 'http://[^ ]*' "$work/link")
python3 bench/page.py pages "$link"
# A small study beside the large one: eight jobs that report twice a second.
python3 bench/page.py talkers > "$work/talk.yaml"
"$sweep" submit "$work/talk.yaml" > /dev/null
"$sweep" agent --slots 8 > "$work/agent" 2>&1 &
link=$("$sweep" page | grep -o 'http://[^ ]*')
python3 bench/page.py live "$link" $coordinator
