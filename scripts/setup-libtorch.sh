#!/usr/bin/env bash
# Installs the pinned libtorch and ONNX Runtime under .libtorch/ and .onnxruntime/ from their Python wheels.
# Nothing is compiled, Python is used only to unpack. A finished install is recognised by its stamp and costs nothing.
#
# The trimmed set (CPU library plus the CUDA run-time stubs it names) links everywhere. On a CUDA machine the same
# binaries pick up a full torch of the same version from LD_LIBRARY_PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

TORCH=2.11.0
CUDA_RUNTIME=13.0.96
CUDA_CRT=13.0.88
CUDA_CUPTI=13.0.85
ORT=1.31.1
STAMP="torch-$TORCH cudart-$CUDA_RUNTIME crt-$CUDA_CRT cupti-$CUDA_CUPTI ort-$ORT"

[ "$(cat .libtorch/stamp 2>/dev/null || true)" = "$STAMP" ] && exit 0
. scripts/need-pip.sh

work=$(mktemp -d .setup.XXXXXX)
trap 'rm -rf "$work"' EXIT
fetch() { python3 -m pip install --quiet --no-cache-dir --no-deps --no-compile --disable-pip-version-check --root-user-action ignore --target "$@"; }

echo "setup: fetching libtorch $TORCH (about 545 MB, once)"
fetch "$work/torch" "torch==$TORCH" "nvidia-cuda-runtime==$CUDA_RUNTIME" "nvidia-cuda-crt==$CUDA_CRT" "nvidia-cuda-cupti==$CUDA_CUPTI"
echo "setup: fetching ONNX Runtime $ORT"
fetch "$work/ort" "onnxruntime==$ORT"

rm -rf .libtorch .onnxruntime
mkdir -p .libtorch/lib .libtorch/cuda .onnxruntime/lib
cp "$work"/torch/torch/lib/{libtorch_cpu.so,libc10.so,libgomp.so.1} .libtorch/lib/
cp "$work"/torch/nvidia/cu13/lib/{libcudart.so.13,libcupti.so.13} .libtorch/lib/
ln -s libtorch_cpu.so .libtorch/lib/libtorch.so
cp -a "$work/torch/torch/include" .libtorch/include
# For engine/sys/shim/cuda.cpp alone; nothing of CUDA is linked.
cp -a "$work/torch/nvidia/cu13/include" .libtorch/cuda/include
echo "$TORCH+cu130" > .libtorch/build-version
cp "$work"/ort/onnxruntime/capi/libonnxruntime.so.$ORT .onnxruntime/lib/
ln -s "libonnxruntime.so.$ORT" .onnxruntime/lib/libonnxruntime.so
echo "$STAMP" > .libtorch/stamp
echo "setup: done"
