#!/usr/bin/env bash
# Packs what a machine with a GPU and no compiler needs to try this checkout: gpu-bundle.tar.xz, under 60 MB.
#
#   programs   sweep, sweep-runner and the tests of GPUs, without debug information; ONNX Runtime
#   plan, images   a study on generated images, or on the folder IMAGES (train/<class>/*, test/<class>/*)
#   run.sh     finds torch 2.11.0 and runs the tests, then the study
set -euo pipefail
cd "$(dirname "$0")/.."
LIMIT=$((60 * 1000 * 1000))
out=gpu-bundle.tar.xz
work=$(mktemp -d .bundle.XXXXXX)
trap 'rm -rf "$work"' EXIT
bundle=$work/gpu-bundle
# The tests look for the programs in the folder above their own.
mkdir -p "$bundle"/{bin/tests,lib,images}

cargo build --release --locked -p sweep -p sweep-engine --bins
# The path that cargo gives a test program, from what it prints for programs.
tests() {
    cargo test --release --locked --no-run --message-format=json "$@" |
        python3 -c 'import json, sys; print([e["executable"] for e in map(json.loads, sys.stdin) if e.get("executable") and e["target"]["kind"] == ["test"]][-1])'
}
engine_tests=$(tests -p sweep-engine --test cuda)
system_tests=$(tests -p sweep-tests --test gpu)
for pair in target/release/sweep:sweep target/release/sweep-runner:sweep-runner "$engine_tests":tests/engine "$system_tests":tests/system; do
    strip -o "$bundle/bin/${pair##*:}" "${pair%%:*}"
done
cp -L .onnxruntime/lib/libonnxruntime.so "$bundle/lib/"
strip "$bundle/lib/libonnxruntime.so"
cp scripts/gpu-bundle/run.sh scripts/gpu-bundle/plan.yaml "$bundle/"
if [ -n "${IMAGES:-}" ]; then
    cp -r "$IMAGES"/{train,test} "$bundle/images/"
else
    cargo run --release --locked -q -p sweep-engine --example images -- "$bundle/images" 4000 1000
fi
git rev-parse HEAD > "$bundle/commit"

XZ_OPT="-6 -T0" tar -C "$work" -cJf "$out" gpu-bundle
size=$(stat -c %s "$out")
[ "$size" -lt "$LIMIT" ] || { echo "gpu-bundle: $out has $size bytes, over the limit of $LIMIT" >&2; exit 1; }
echo "gpu-bundle: $out, $((size / 1000 / 1000)) MB. There: tar xJf $out && gpu-bundle/run.sh"
