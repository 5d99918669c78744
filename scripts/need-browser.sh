#!/usr/bin/env bash
# What the tests with a real browser take (tests/browser): chromium, where it can be installed, and the checks of axe-core for people
# who see or move otherwise, as a Python package carries them. Without these, the tests say that they are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

. scripts/need-apt.sh
command -v chromium >/dev/null || need chromium fonts-dejavu-core

AXE="axe-playwright-python==0.1.8 --hash=sha256:fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8"
[ "$(cat .axe/stamp 2>/dev/null || true)" != "$AXE" ] || exit 0
. scripts/need-pip.sh
rm -rf .axe
mkdir -p .axe
echo "$AXE" > .axe/wanted
python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r .axe/wanted -d .axe
python3 - <<'PYTHON'
import glob, zipfile
[wheel] = glob.glob(".axe/*.whl")
with zipfile.ZipFile(wheel) as files, open(".axe/axe.min.js", "wb") as script:
    script.write(files.read("axe_playwright_python/axe.min.js"))
PYTHON
rm .axe/*.whl .axe/wanted
echo "$AXE" > .axe/stamp
