#!/usr/bin/env bash
# Tries this bundle on the GPU of this machine: the tests, then the study of plan.yaml. Needs torch 2.11 (the Python package) for its
# CUDA libraries; TORCH_LIB names the folder with libtorch_cuda.so where python3 does not find it.
set -uo pipefail
cd "$(dirname "$0")"
export SWEEP_HOME=${SWEEP_HOME:-$PWD/home} SWEEP_ORT=$PWD/lib/libonnxruntime.so SWEEP_RUNNER=$PWD/bin/sweep-runner SWEEP_GPU_IMAGES=$PWD/images
torch=${TORCH_LIB:-$(python3 -c 'import os, torch; print(os.path.join(os.path.dirname(torch.__file__), "lib"))')}
[ -f "$torch/libtorch_cuda.so" ] || { echo "run.sh: there is no libtorch_cuda.so in '$torch'; set TORCH_LIB" >&2; exit 2; }
# torch's own libraries name those of the nvidia-* packages by paths of their own; a bundle's programs come without such a path.
nvidia=$(find "$torch/../../nvidia" -maxdepth 3 -type d -name lib 2>/dev/null | tr '\n' ':')
export LD_LIBRARY_PATH=$torch:$nvidia${LD_LIBRARY_PATH:-}
failed=0
echo "== commit $(cat commit)"
nvidia-smi -L || true
echo "== the engine"
bin/tests/engine --nocapture || failed=1
echo "== whole system"
bin/tests/system --nocapture --test-threads=1 || failed=1
echo "== a study"
bin/sweep local plan.yaml --slots 2 || failed=1
exit $failed
