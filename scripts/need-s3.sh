#!/usr/bin/env bash
# Installs the S3-compatible server that tests/storage talks to: s3s-fs, which checks signatures and keeps objects as plain files. Built
# once, into .tools/, in under three minutes on two cores. Where that fails the tests say that they are skipped (on CI: fail).
set -euo pipefail
cd "$(dirname "$0")/.."
VERSION=0.14.1
[ "$(.tools/bin/s3s-fs --version 2>/dev/null || true)" != "s3s-fs $VERSION" ] || exit 0
echo "setup: building s3s-fs $VERSION"
# Outside the workspace, whose Cargo.lock and target folder are none of its business.
build="$(mktemp -d)"
trap 'rm -rf "$build"' EXIT
root="$PWD/.tools"
if ! (cd "$build" && CARGO_TARGET_DIR="$build/target" CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
    cargo install --quiet s3s-fs --version "$VERSION" --features binary --locked --root "$root"); then
    echo "setup: without s3s-fs some tests are skipped" >&2
fi
