#!/usr/bin/env python3
"""The Python side of the tests of state dicts (model/src/state_dict, model/tests/pytorch.rs). Needs PyTorch.

    python scripts/state_dicts.py fixtures         write model/fixtures/state_dict/*.pth
    python scripts/state_dicts.py names            write torchvision.txt there (needs torchvision)
    python scripts/state_dicts.py write FOLDER     save one network in every form of torch.save, and its numbers beside them
    python scripts/state_dicts.py accept FOLDER    load FOLDER/NAME.safetensors into torchvision's NAME, strictly
"""

import argparse
import collections
import json
import pathlib
import struct
import sys
import zlib

import torch

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "model/fixtures/state_dict"
DTYPES = {torch.float32: "F32", torch.int64: "I64"}
# Of torchvision's networks those that the zoo has.
NETWORKS = """alexnet vgg11 vgg11_bn vgg16 vgg16_bn resnet18 resnet34 resnet50 densenet121 googlenet inception_v3 mobilenet_v2
mobilenet_v3_small squeezenet1_0 squeezenet1_1 shufflenet_v2_x1_0 efficientnet_b0 vit_b_16""".split()


def tensors():
    """One state dict, small, with what real files have: tensors that share a storage or lie in it transposed, doubles,
    halves and integers."""
    base = torch.arange(10.0)
    state_dict = collections.OrderedDict(
        [
            ("conv.weight", (torch.arange(12.0) * 0.5 - 1).reshape(4, 3, 1, 1)),
            ("conv.bias", base[2:6]),
            ("shared", base),
            ("transposed", torch.arange(6.0).reshape(2, 3).t()),
            ("half", torch.tensor([1.5, -0.25, 65504.0], dtype=torch.float16)),
            ("brain", torch.tensor([1.5, -0.25, 3.0e38], dtype=torch.bfloat16)),
            ("double", torch.tensor([0.5, 1e-3], dtype=torch.float64)),
            ("empty", torch.zeros(0, 3)),
            ("norm.num_batches_tracked", torch.tensor(7)),
        ]
    )
    state_dict._metadata = {"": {"version": 1}}
    return state_dict


def checkpoint(state_dict):
    """As training scripts save it, through DistributedDataParallel."""
    linear = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.1, momentum=0.9)
    linear(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return {
        "epoch": 3,
        "best": 0.75,
        "args": argparse.Namespace(lr=0.1, name="run"),
        "model": collections.OrderedDict(("module." + name, tensor) for name, tensor in state_dict.items()),
        "optimizer": optimizer.state_dict(),
    }


def save_all(state_dict, folder):
    """Every form of torch.save."""
    torch.save(state_dict, folder / "zip.pth")
    torch.save(state_dict, folder / "zip_protocol5.pth", pickle_protocol=5)
    torch.save(state_dict, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(checkpoint(state_dict), folder / "checkpoint.pth")
    parameters = {name: torch.nn.Parameter(t, t.is_floating_point()) for name, t in state_dict.items()}
    torch.save(parameters, folder / "parameters.pth", _use_new_zipfile_serialization=False)


def fixtures(_):
    FIXTURES.mkdir(parents=True, exist_ok=True)
    save_all(tensors(), FIXTURES)
    torch.save(torch.nn.Linear(2, 1), FIXTURES / "whole_module.pth")


def module(name):
    from torchvision import models

    extra = {"init_weights": False} if name in ("googlenet", "inception_v3") or name.startswith("vgg") else {}
    return models.get_model(name, weights=None, **extra)


def names(_):
    """How many tensors each network has, and a checksum of their names, types and shapes."""
    lines = []
    for name in NETWORKS:
        with torch.device("meta"):
            state_dict = module(name).state_dict()
        known = [f"{key} {DTYPES[t.dtype]} {'x'.join(map(str, t.shape))}\n" for key, t in sorted(state_dict.items())]
        lines.append(f"{name} {len(known)} {zlib.crc32(''.join(known).encode()):08x}\n")
    (FIXTURES / "torchvision.txt").write_text("".join(lines))


def write(arguments):
    """A small network with the usual layers, in random numbers; `numbers.f32` holds them all, sorted by name."""
    folder = pathlib.Path(arguments.folder)
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(3, 8, 3, bias=False)
    net = torch.nn.Sequential(collections.OrderedDict(conv=conv, norm=torch.nn.BatchNorm2d(8)))
    net.fc = torch.nn.Linear(32, 10)
    state_dict = net.state_dict()
    for tensor in state_dict.values():
        if tensor.is_floating_point():
            tensor.normal_()
    save_all(state_dict, folder)
    floats = [t for _, t in sorted(state_dict.items()) if t.is_floating_point()]
    (folder / "numbers.f32").write_bytes(b"".join(t.numpy().astype("<f4").tobytes() for t in floats))


def accept(arguments):
    for path in sorted(pathlib.Path(arguments.folder).glob("*.safetensors")):
        net = module(path.stem)
        net.load_state_dict(read(path), strict=True)
        print(f"{path.stem}: {len(net.state_dict())} tensors accepted")


def read(path):
    """A safetensors file, without the package of that name."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    assert header.pop("__metadata__") == {"format": "pt"}
    types = {name: dtype for dtype, name in DTYPES.items()}

    def tensor(entry):
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        flat = torch.frombuffer(bytearray(data[begin:end]), dtype=types[entry["dtype"]])
        return flat.reshape(entry["shape"])

    return {name: tensor(entry) for name, entry in header.items()}


def main():
    commands = {run.__name__: run for run in (fixtures, names, write, accept)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=commands)
    parser.add_argument("folder", nargs="?")
    arguments = parser.parse_args()
    if (arguments.command in ("write", "accept")) != (arguments.folder is not None):
        sys.exit("state_dicts: write and accept take a folder, the others none")
    commands[arguments.command](arguments)


if __name__ == "__main__":
    main()
