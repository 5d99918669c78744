#!/usr/bin/env bash
# How soon `sweep --help` answers, in milliseconds (median of 21), and that libtorch is not linked.
set -euo pipefail
cd "$(dirname "$0")/.."
sweep=${SWEEP:-target/release/sweep}
python3 - "$sweep" <<'EOF2'
import statistics, subprocess, sys, time
def once():
    start = time.perf_counter()
    subprocess.run([sys.argv[1], "--help"], stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - start) * 1000
print(f"startup: sweep --help {statistics.median(once() for _ in range(21)):.1f} ms")
EOF2
echo "startup: links $(ldd "$sweep" | awk '{print $1}' | tr '\n' ' ')"
