"""Asks torchvision again and compares every number: logits at the size that a network is published for, a training step at that
of the fixtures."""

import json
import os
import pathlib
import subprocess
import tempfile
import warnings
from dataclasses import dataclass, field

import measure
import numpy
import safetensors
import torch

# Of max|difference| / max|value|: of logits in float32, of gradients and buffers in float64.
LOGITS, STEP = 1e-4, 1e-8
# Gradients that are zero but for rounding (of biases before batch norm) are compared with the largest of all, made this small.
ROUNDING = 1e-5
# What cannot come back, by network and exporter, and why. Whatever else fails is a failure.
REFUSED = {
    ("vgg16_bn-cifar-large", "TorchScript"): "PyTorch's exporter does not write adaptive pooling of 1×1 to 7×7",
    ("vgg16_bn-cifar-large", "dynamo"): "the exporter spells that pooling with GatherND, which the import refuses by name",
}
# The least largest difference of a logit between two images, and the same against the largest logit.
SPREAD = 0.1


@dataclass
class Row:
    network: str
    size: int
    parameters: tuple = (0, 0)
    macs: int = 0
    engine: float = float("inf")
    onnx_runtime: float = float("inf")
    step: float = float("inf")
    imports: list = field(default_factory=list)
    failures: list = field(default_factory=list)

    def hold(self, what, holds):
        if not holds:
            self.failures.append(what)


class Example:
    """The Rust side: engine/examples/parity.rs."""

    def __init__(self, program, folder):
        self.program, self.file = program, pathlib.Path(folder) / "answers.safetensors"

    def ask(self, *words):
        """What it tells, and the arrays that it wrote."""
        command = [self.program, *map(str, words), str(self.file)]
        quiet = {**os.environ, "RUST_BACKTRACE": "0"}
        done = subprocess.run(command, capture_output=True, text=True, env=quiet)
        if done.returncode:
            raise RuntimeError((done.stderr.strip() or f"status {done.returncode}").removeprefix("Error: "))
        arrays = safetensors.read(self.file)
        self.file.unlink()
        return json.loads(done.stdout), arrays


def relative(found, wanted, floor=0.0):
    if found.shape != wanted.shape or not numpy.isfinite(found).all():
        return float("inf")
    return float(abs(found - wanted).max() / max(abs(wanted).max(), floor))


def step(row, network, arrays, loss):
    module = measure.randomised(network, network.step_size)
    wanted_loss, gradients, buffers = measure.step(module, network, network.step_size)
    wanted = {f"gradient/{name}": value for name, value in gradients.items()}
    wanted |= {f"buffer/{name}": value for name, value in buffers.items()}
    found = {name: value for name, value in arrays.items() if "/" in name}
    row.hold("names of parameters or buffers differ", found.keys() == wanted.keys())
    floor = ROUNDING * max(abs(value).max() for value in gradients.values())
    worst = abs(loss / wanted_loss - 1)
    for name in found.keys() & wanted.keys():
        off = relative(found[name], wanted[name].reshape(-1), floor if name.startswith("gradient/") else 0.0)
        row.hold(f"{name} differs by {off:.1e}", off < STEP)
        worst = max(worst, off)
    row.step = worst


def export(module, size, path, dynamo):
    example = measure.images(1, size).float()
    options = {"input_names": ["input"], "output_names": ["logits"], "dynamo": dynamo, "external_data": False}
    if dynamo:
        options |= {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "verbose": False}
    else:
        options |= {"dynamic_axes": {"input": {0: "batch"}, "logits": {0: "batch"}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (example,), str(path), **options)


def imports(row, network, module, wanted, example, folder):
    """Through both of PyTorch's exporters, and back."""
    path = pathlib.Path(folder) / "exported.onnx"
    module = module.float().eval()
    for exporter, dynamo in (("TorchScript", False), ("dynamo", True)):
        try:
            export(module, network.size, path, dynamo)
            _, arrays = example.ask("import", path)
            off = max(relative(arrays[who], wanted) for who in ("engine", "onnx_runtime"))
            row.hold(f"imported from the exporter {exporter}, logits differ by {off:.1e}", off < LOGITS)
            row.imports.append(f"{off:.1e}")
        except Exception as error:  # Whatever either exporter raises is the row's answer.
            text = f"{type(error).__name__}: {error}" if not isinstance(error, RuntimeError) else str(error)
            known = (network.name, exporter) in REFUSED
            row.hold(f"exporter {exporter}: {text}", known)
            row.imports.append("refused" if known else "fails")
        path.unlink(missing_ok=True)


def check(network, program):
    row = Row(network.name, network.size)
    with tempfile.TemporaryDirectory() as folder:
        example = Example(program, folder)
        told, arrays = example.ask("network", network.name, measure.STEP_BATCH, network.step_size)
        module = measure.randomised(network, network.size)
        wanted = measure.logits(module, network.size)
        row.parameters, row.macs = (told["parameters"], measure.parameters(module)), told["macs"]
        row.hold(f"{row.parameters[0]} parameters, not {row.parameters[1]}", row.parameters[0] == row.parameters[1])
        spread = (wanted.max(0) - wanted.min(0)).max()
        row.hold(f"a spread of only {spread}", spread > SPREAD and spread / abs(wanted).max() > SPREAD)
        row.engine, row.onnx_runtime = (relative(arrays[who], wanted) for who in ("engine", "onnx_runtime"))
        row.hold(f"the engine's logits differ by {row.engine:.1e}", row.engine < LOGITS)
        row.hold(f"ONNX Runtime's logits differ by {row.onnx_runtime:.1e}", row.onnx_runtime < LOGITS)
        step(row, network, arrays, told["loss"])
        del arrays
        imports(row, network, module, wanted, example, folder)
    return row
