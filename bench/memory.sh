#!/usr/bin/env bash
# What training takes at its busiest moment: predicted, and the peak of the real sweep-runner (ru_maxrss), in MiB.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --locked -q -p sweep-engine --test memory -- --ignored --nocapture the_whole_table 2>&1 | grep '^|'
