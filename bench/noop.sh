#!/usr/bin/env bash
# Jobs per second of /bin/true jobs: submit to last terminal state, as the database recorded them.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${1:-1000} slots=${2:-2} sweep=${SWEEP:-target/release/sweep}
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
printf 'name: noop\nmeasure: false\nstages:\n  noop:\n    command: { run: [/bin/true] }\n    matrix: { i: [%s] }\n' \
    "$(seq -s, 1 "$jobs")" > "$work/plan.yaml"
export SWEEP_HOME=$work/home
"$sweep" local "$work/plan.yaml" --slots "$slots" > "$work/out" 2>&1
"$sweep" status --json > "$work/status.json"
python3 - "$work/status.json" "$jobs" "$slots" <<'EOF2'
import json, sys
s = json.load(open(sys.argv[1]))
s = s.get("sweep", s)
n = int(sys.argv[2])
assert s["counts"] == {"succeeded": n}, s["counts"]
seconds = (s["finished_ms"] - s["created_ms"]) / 1000
print(f"noop: {n} jobs, {sys.argv[3]} slots: {n / seconds:.0f} jobs/s ({seconds:.2f} s)")
EOF2
