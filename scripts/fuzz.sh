#!/usr/bin/env bash
# Runs each fuzz target for a while (see fuzz/README.md). Ends at the first finding, which it names.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
cargo +nightly fuzz --version > /dev/null 2>&1 || {
    echo "cargo-fuzz and a nightly compiler are needed: rustup toolchain install nightly && cargo install cargo-fuzz" >&2
    exit 1
}
for target in ${SWEEP_FUZZ_TARGETS:-$(cargo +nightly fuzz list)}; do
    mkdir -p "corpus/$target"
    cargo +nightly fuzz run -s none -a "$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="${SWEEP_FUZZ_SECONDS:-60}" -rss_limit_mb=2048 -malloc_limit_mb=1024 -timeout=10 -max_len=65536
done
