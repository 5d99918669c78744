#!/usr/bin/env bash
# Installs what only `make parity` needs: PyTorch into .python, torchvision and both of PyTorch's ONNX exporters into .parity.
# 4 GB on disk, nearly all of it PyTorch's CUDA libraries.
set -euo pipefail
cd "$(dirname "$0")/.."

SWEEP_TEST_TORCH=1 scripts/setup-python.sh
STAMP="torchvision==0.26.0 pillow==13.0.0 onnx==1.23.2 onnxscript==0.7.2 onnx_ir==1.1.0 ml_dtypes==0.6.0 protobuf==7.36.2"
[ "$(cat .parity/stamp 2>/dev/null || true)" = "$STAMP" ] && exit 0
. scripts/need-pip.sh

echo "setup: fetching torchvision and the ONNX exporters (about 50 MB, once)"
rm -rf .parity
# Without dependencies: torch and numpy would come a second time.
# shellcheck disable=SC2086
python3 -m pip install --quiet --no-cache-dir --no-deps --disable-pip-version-check --root-user-action ignore --target .parity/packages $STAMP
echo "$STAMP" > .parity/stamp
