"""The networks, each with what it is measured at.

Those of torchvision are torchvision's own; the others are written down in small.py.
"""

from dataclasses import dataclass
from typing import Callable

import small
import torch


@dataclass(frozen=True)
class Network:
    name: str
    # The size it is published for, and that at which fixtures hold a training step.
    size: int
    step_size: int
    classes: int
    build: Callable
    # Weights of the losses of what training yields beside the logits, in its order.
    auxiliary: tuple = ()
    transform_input: bool = False


def torchvision(name, size=224, step_size=64, auxiliary=(), **options):
    from torchvision import models

    def build(size):
        extra = {"image_size": size} if name.startswith("vit") else {}
        return models.get_model(name, weights=None, **options, **extra)

    transform_input = options.get("transform_input", False)
    return Network(name, size, step_size, 1000, build, auxiliary, transform_input)


def plain(name, build):
    return Network(name, 32, 32, 10, build)


def networks():
    """All, by name."""
    quick = {"init_weights": False}
    # As torchvision sets it where it loads published weights.
    published = {"aux_logits": True, "transform_input": True, **quick}
    listed = [
        torchvision("alexnet"),
        torchvision("vgg11", **quick),
        torchvision("vgg11_bn", **quick),
        torchvision("vgg16", **quick),
        torchvision("vgg16_bn", **quick),
        torchvision("resnet18"),
        torchvision("resnet34"),
        torchvision("resnet50"),
        torchvision("densenet121"),
        torchvision("googlenet", auxiliary=(0.3, 0.3), **published),
        # Its auxiliary classifier's window fits no smaller image.
        torchvision("inception_v3", size=299, step_size=299, auxiliary=(0.4,), **published),
        torchvision("mobilenet_v2"),
        torchvision("mobilenet_v3_small"),
        torchvision("squeezenet1_0"),
        torchvision("squeezenet1_1"),
        torchvision("shufflenet_v2_x1_0"),
        torchvision("efficientnet_b0"),
        torchvision("vit_b_16"),
    ]
    listed += [plain(name, build) for name, build in small.NETWORKS.items()]
    return {network.name: network for network in listed}


def calm(module):
    """Switches off what training draws by chance, so that a step can be repeated elsewhere."""
    for part in module.modules():
        if isinstance(part, torch.nn.modules.dropout._DropoutNd) or type(part).__name__ == "StochasticDepth":
            part.p = 0.0
    return module
