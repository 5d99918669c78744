#!/usr/bin/env bash
# Installs what tests/deploy checks against: systemd's own reader of units, and Kubernetes' schemas.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v systemd-analyze >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing systemd's programs"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends systemd >/dev/null
    else
        echo "setup: without systemd-analyze a test is skipped (sudo apt-get install systemd)" >&2
    fi
fi
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
