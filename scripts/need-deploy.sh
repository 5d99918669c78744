#!/usr/bin/env bash
# Installs what tests/deploy checks against: systemd's own reader of units, and Kubernetes' schemas.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need-apt.sh
command -v systemd-analyze >/dev/null || need systemd
STAMP="kubernetes-validate==1.37.0"
[ "$(cat .tools/kubernetes/stamp 2>/dev/null || true)" = "$STAMP" ] && exit 0
. scripts/need-pip.sh
rm -rf .tools/kubernetes
mkdir -p .tools
echo "setup: fetching Kubernetes' schemas"
if python3 -m pip install --quiet --no-cache-dir --disable-pip-version-check --root-user-action ignore --target .tools/kubernetes "$STAMP"; then
    echo "$STAMP" > .tools/kubernetes/stamp
else
    echo "setup: without kubernetes-validate some tests are skipped" >&2
fi
