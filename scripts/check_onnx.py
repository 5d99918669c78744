#!/usr/bin/env python3
"""Checks an exported ONNX file against what the engine computed, in Python's onnxruntime.

    check_onnx.py MODEL.onnx DUMP.safetensors [--int8]

DUMP holds `images` [N, C, H, W] and the engine's `logits` [N, classes], both float32. An fp32 file passes if
max|Δ| / max|logit| < 1e-4; with --int8 the top-1 classes must be equal on at least 99 % of the images. One JSON line tells
the numbers; the exit status is 0 if the file passes, 1 if it does not, 2 if it could not be checked.
"""

import argparse
import json
import struct
import sys

import numpy
import onnxruntime

FP32_LIMIT = 1e-4
INT8_LIMIT = 0.99
BATCH = 100


def read_safetensors(path):
    """The float32 tensors of a safetensors file, by name (8 bytes of header length, a JSON header, the data)."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise ValueError(f"{name} has type {entry['dtype']}, not F32")
        begin, end = entry["data_offsets"]
        tensors[name] = numpy.frombuffer(data[begin:end], dtype="<f4").reshape(entry["shape"])
    return tensors


def run(model, images):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (name,) = [value.name for value in session.get_inputs()]
    parts = [session.run(None, {name: images[i : i + BATCH]})[0] for i in range(0, len(images), BATCH)]
    return numpy.concatenate(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("dump")
    parser.add_argument("--int8", action="store_true", help="judge by top-1 instead of by the logits")
    arguments = parser.parse_args()
    try:
        dump = read_safetensors(arguments.dump)
        expected = dump["logits"]
        found = run(arguments.model, dump["images"])
    except (OSError, KeyError, ValueError, onnxruntime.capi.onnxruntime_pybind11_state.Fail) as error:
        print(f"{arguments.model}: {error}", file=sys.stderr)
        return 2
    if found.shape != expected.shape:
        print(f"{arguments.model}: logits of shape {found.shape}, the engine's are {expected.shape}", file=sys.stderr)
        return 1
    difference = float(numpy.abs(found - expected).max() / numpy.abs(expected).max())
    top1 = float((found.argmax(1) == expected.argmax(1)).mean())
    # Written so that NaN fails.
    passed = top1 >= INT8_LIMIT if arguments.int8 else difference < FP32_LIMIT
    report = {"images": len(expected), "max_relative": difference, "top1": top1, "passed": bool(passed)}
    print(json.dumps({"onnxruntime": onnxruntime.__version__, **report}))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
