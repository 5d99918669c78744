#!/usr/bin/env bash
# Images per second of the real training loop (data and augmentation in) beside Python PyTorch's bare step, in turns.
# PyTorch is used where .python has it (SWEEP_TEST_TORCH=1 scripts/setup-python.sh) or python3 does.
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_WAIT_POLICY=passive MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=17179869184
threads=${THREADS:-2}
cargo build --release --quiet -p sweep-engine --example throughput
python=
for candidate in .python/bin/python python3; do
    if "$candidate" -c 'import torch' 2>/dev/null; then python=$candidate; break; fi
done
for case in "small-cnn 128" "resnet18-cifar 64"; do
    # shellcheck disable=SC2086
    set -- $case
    for _ in 1 2 3; do
        echo "throughput: sweep $1 batch $2: $(target/release/examples/throughput "$1" "$2" "$threads" | tail -1)"
        [ -z "$python" ] || echo "throughput: torch $1 batch $2: $("$python" bench/throughput_torch.py "$1" "$2" "$threads") images/s"
    done
done
