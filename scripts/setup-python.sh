#!/usr/bin/env bash
# Makes .python/bin/python: the system's Python 3 with the pinned packages that the ONNX parity tests use.
# A wrapper and not a virtual environment, because Debian's python3 comes without the venv module.
set -euo pipefail
cd "$(dirname "$0")/.."

# PyTorch with its CUDA libraries is 4 GB on disk: CI tries the Python example with it, others when they ask for it.
STAMP="onnxruntime==1.31.1 numpy==2.2.6"
[ -z "${CI:-}${SWEEP_TEST_TORCH:-}" ] || STAMP="$STAMP torch==2.11.0"
# What is there with more than is asked for will do.
case "$(cat .python/stamp 2>/dev/null || true)" in "$STAMP"*) exit 0 ;; esac
. scripts/need-pip.sh

rm -rf .python
mkdir -p .python/bin
# shellcheck disable=SC2086
python3 -m pip install --quiet --no-cache-dir --disable-pip-version-check --root-user-action ignore --target .python/packages $STAMP
# By its full path: the wrapper bears the name `python3`, too, for plans that name it so.
cat > .python/bin/python <<WRAPPER
#!/bin/sh
here=\$(CDPATH= cd -- "\$(dirname -- "\$0")/.." && pwd)
PYTHONPATH="\$here/packages\${PYTHONPATH:+:\$PYTHONPATH}" exec "$(python3 -c 'import sys; print(sys.executable)')" "\$@"
WRAPPER
chmod +x .python/bin/python
ln -s python .python/bin/python3
echo "$STAMP" > .python/stamp
