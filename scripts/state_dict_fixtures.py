#!/usr/bin/env python3
"""Writes model/fixtures/state_dict: the files that the tests of model/src/state_dict read.

One state dict in every form that torch.save has had since 1.0, small, with what real files have: tensors that share a
storage, lie in it transposed, or are doubles, halves and integers. Run with PyTorch (any version since 2.0):

    .python/bin/python scripts/state_dict_fixtures.py
"""
import argparse
import collections
from pathlib import Path

import torch

FOLDER = Path(__file__).resolve().parent.parent / "model/fixtures/state_dict"


def tensors():
    base = torch.arange(10.0)
    return collections.OrderedDict(
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


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    state_dict = tensors()
    state_dict._metadata = {"": {"version": 1}}
    torch.save(state_dict, FOLDER / "zip.pth")
    torch.save(state_dict, FOLDER / "zip_protocol5.pth", pickle_protocol=5)
    torch.save(state_dict, FOLDER / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(checkpoint(state_dict), FOLDER / "checkpoint.pth")
    parameters = {name: torch.nn.Parameter(t, t.is_floating_point()) for name, t in state_dict.items()}
    torch.save(parameters, FOLDER / "parameters.pth", _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(2, 1), FOLDER / "whole_module.pth")


if __name__ == "__main__":
    main()
