#!/usr/bin/env python3
"""What libtorch keeps of torchvision's networks for the backward pass, in bytes for one image.

    scripts/kept_memory.py [NETWORK…]

Prints a line for each network: fp32, and bf16 autocast on the CPU. These are the numbers that `model/src/memory/tests.rs`
compares its prediction with. Needs torch and torchvision. Tensors that are kept twice, or as a view, are counted once;
parameters, and what does not grow with the batch (16-bit copies of weights, statistics), are left out.
"""

import sys

import torch
import torch.nn.functional as F
import torchvision

NETWORKS = [
    "resnet18", "resnet50", "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x1_0",
    "densenet121", "googlenet", "inception_v3", "efficientnet_b0", "vit_b_16",
]  # fmt: skip


def kept_bytes(network, size, half, batch):
    fixed = {t.untyped_storage().data_ptr() for t in [*network.parameters(), *network.buffers()]}
    storages = {}

    def look(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in fixed:
            storages[storage.data_ptr()] = storage  # holding it keeps its address from being given away again
        return tensor

    images = torch.randn(batch, 3, size, size).contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(batch, dtype=torch.long)
    with torch.autograd.graph.saved_tensors_hooks(look, lambda tensor: tensor):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = network(images)
            logits = [logits] if torch.is_tensor(logits) else [part for part in logits if part is not None]
            _loss = sum(F.cross_entropy(part, labels) for part in logits)
    return sum(storage.nbytes() for storage in storages.values())


def main():
    for name in sys.argv[1:] or NETWORKS:
        auxiliary = {"aux_logits": True, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
        network = torchvision.models.get_model(name, weights=None, **auxiliary)
        network = network.to(memory_format=torch.channels_last).train()
        size = 299 if name == "inception_v3" else 224
        # What does not grow with the batch cancels out.
        kept = [kept_bytes(network, size, half, 3) - kept_bytes(network, size, half, 2) for half in (False, True)]
        print(f"{name} {kept[0]} {kept[1]}", flush=True)


main()
