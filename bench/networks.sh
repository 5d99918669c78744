#!/usr/bin/env bash
# How long `sweep model show NAME` takes, as text and as JSON, in milliseconds: median of 7 runs of each network of the zoo.
set -euo pipefail
cd "$(dirname "$0")/.."
sweep=${SWEEP:-target/release/sweep}
python3 - "$sweep" <<'EOF2'
import json, statistics, subprocess, sys, time
def run(*args):
    start = time.perf_counter()
    out = subprocess.run([sys.argv[1], "model", *args], stdout=subprocess.PIPE, check=True).stdout
    return (time.perf_counter() - start) * 1000, out
names = [network["name"] for network in json.loads(run("list", "--json")[1])]
for what, flags in {"show": [], "show --json": ["--json"]}.items():
    took = {name: statistics.median(run("show", name, *flags)[0] for _ in range(7)) for name in names}
    slowest = sorted(took, key=took.get, reverse=True)[:5]
    print(f"networks: model {what}: median {statistics.median(took.values()):.1f} ms of {len(names)} networks; slowest "
          + ", ".join(f"{name} {took[name]:.1f}" for name in slowest))
EOF2
