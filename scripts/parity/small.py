"""The networks for 32 x 32 images that torchvision does not have, as plain PyTorch modules.

Written from their descriptions, not from the Rust code; names of parameters are those of sweep's graphs.
"""

from collections import OrderedDict

import torch
from torch import nn


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3 * 32 * 32, 10)

    def forward(self, x):
        return self.fc(x.flatten(1))


class TinyCnn(nn.Module):
    """Max-pool, stride, and a residual sum."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 24, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(24)
        self.conv3, self.bn3 = nn.Conv2d(24, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24)
        self.fc = nn.Linear(24, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 2)
        x = self.bn2(self.conv2(x)).relu()
        x = (self.bn3(self.conv3(x)) + x).relu()
        return self.fc(x.mean((2, 3)))


def convolutions(blocks):
    """conv<i>, bn<i>, relu<i>, and pool<i> where there is one. A block is a width, then "x1" for a 1x1 window instead of a
    3x3 one, then "s" for stride 2 or "p" for a max-pool of 2 behind it."""
    layers, before = OrderedDict(), 3
    for i, block in enumerate(blocks.split(), 1):
        word = block.rstrip("sp")
        width, kernel = (int(word[:-2]), 1) if word.endswith("x1") else (int(word), 3)
        stride = 2 if block.endswith("s") else 1
        layers[f"conv{i}"] = nn.Conv2d(before, width, kernel, stride, kernel // 2, bias=False)
        layers[f"bn{i}"], layers[f"relu{i}"] = nn.BatchNorm2d(width), nn.ReLU()
        if block.endswith("p"):
            layers[f"pool{i}"] = nn.MaxPool2d(2)
        before = width
    return layers, before


def chain(blocks):
    """Convolutions, mean over the image, one linear layer."""
    layers, width = convolutions(blocks)
    layers["avgpool"], layers["flatten"] = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    layers["fc"] = nn.Linear(width, 10)
    return nn.Sequential(layers)


def student(blocks, hidden=None):
    """Convolutions, and linear layers on all that is left of the image."""
    layers, width = convolutions(blocks)
    layers["flatten"] = nn.Flatten()
    width *= (32 >> blocks.count("p")) ** 2
    if hidden:
        layers["fc1"], layers["relu_fc1"] = nn.Linear(width, hidden), nn.ReLU()
        width = hidden
    layers["fc"] = nn.Linear(width, 10)
    return nn.Sequential(layers)


class Tutorial(nn.Module):
    """PyTorch's "Training a Classifier"."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(16 * 5 * 5, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.conv1(x).relu(), 2)
        x = nn.functional.max_pool2d(self.conv2(x).relu(), 2)
        x = self.fc1(x.flatten(1)).relu()
        return self.fc3(self.fc2(x).relu())


class Vgg(nn.Module):
    """Numbers are widths of 3x3 convolutions with bias, "P" halves the image."""

    def __init__(self, features, classifier, norm=False, pool=None):
        super().__init__()
        layers, before = [], 3
        for word in features.split():
            if word == "P":
                layers.append(nn.MaxPool2d(2, 2))
                continue
            layers.append(nn.Conv2d(before, int(word), 3, padding=1))
            layers += [nn.BatchNorm2d(int(word))] if norm else []
            layers.append(nn.ReLU())
            before = int(word)
        self.features, self.pool, self.classifier = nn.Sequential(*layers), pool or nn.Identity(), classifier

    def forward(self, x):
        return self.classifier(self.pool(self.features(x)).flatten(1))


def heads(before, dropout=False):
    """Two hidden layers of 512."""
    drop = [nn.Dropout(0.5)] if dropout else []
    hidden = [nn.Linear(before, 512), nn.ReLU(), *drop, nn.Linear(512, 512), nn.ReLU(), *drop]
    return nn.Sequential(*hidden, nn.Linear(512, 10))


def tiny_vgg(features):
    width = int(features.split()[-2]) * (32 >> features.count("P")) ** 2
    return Vgg(features, heads(width))


VGG16 = "64 64 P 128 128 P 256 256 256 P 512 512 512 P 512 512 512 P"


class SimpleNet(nn.Module):
    """Hasanpour et al. 2016: thirteen convolutions in six stages; 3x3 but for the two of the fifth stage."""

    def __init__(self):
        super().__init__()
        stages = ["64 128 128 128", "128 128 256", "256 256", "512", "2048x1 256x1", "256"]
        layers, before = [], 3
        for i, stage in enumerate(stages):
            layers += [nn.MaxPool2d(2), nn.Dropout(0.1)] if i else []
            for word in stage.split():
                width, kernel = (int(word[:-2]), 1) if word.endswith("x1") else (int(word), 3)
                layers += [nn.Conv2d(before, width, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
                before = width
        # Five halvings leave 1x1 of 32x32; the last pool takes all that is left.
        self.features, self.last, self.classifier = nn.Sequential(*layers), nn.MaxPool2d(1), nn.Linear(before, 10)

    def forward(self, x):
        return self.classifier(self.last(self.features(x)).flatten(1))


class BasicBlock(nn.Module):
    def __init__(self, before, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.downsample = nn.Identity()
        if stride != 1 or before != width:
            self.downsample = nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu()
        return (self.bn2(self.conv2(y)) + self.downsample(x)).relu()


class ResNet(nn.Module):
    """He et al. 2016, section 4.2, with projections as shortcuts where the shape changes."""

    def __init__(self, widths, depth):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0])
        before, self.stages = widths[0], len(widths)
        for stage, width in enumerate(widths, 1):
            strides = [1 if stage == 1 else 2] + [1] * (depth - 1)
            blocks = [BasicBlock(before if i == 0 else width, width, stride) for i, stride in enumerate(strides)]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            before = width
        self.fc = nn.Linear(before, 10)

    def forward(self, x):
        x = self.bn1(self.conv1(x)).relu()
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean((2, 3)))


NETWORKS = {
    "linear": lambda size: Linear(),
    "tiny-cnn": lambda size: TinyCnn(),
    "simple-cnn": lambda size: Tutorial(),
    "small-cnn": lambda size: chain("16 32s 32 64s 64 128s 128"),
    "kd-conv4": lambda size: chain("16p 32p 48p 64"),
    "kd-conv5": lambda size: chain("32p 64p 96p 128 144"),
    "student-conv5-fc1": lambda size: student("16p 32p 32p 96p 160"),
    "student-conv6-fc1-1x1": lambda size: student("32p 32x1 32p 64 128x1p 128p"),
    "student-conv6-fc1-narrow": lambda size: student("32p 32 48p 48 128p 128p"),
    "student-conv6-fc1": lambda size: student("32p 32 48p 64 128p 128p"),
    "student-conv3-fc2": lambda size: student("32p 64p 128p", 128),
    "student-conv4-fc2-1x1": lambda size: student("32p 64x1p 128p 256x1p", 256),
    "student-conv4-fc1": lambda size: student("32p 64p 128p 256p"),
    "student-conv4-fc2": lambda size: student("32p 64p 128p 256p", 256),
    "tiny-vgg1": lambda size: tiny_vgg("64 P"),
    "tiny-vgg2": lambda size: tiny_vgg("64 64 P"),
    "tiny-vgg3": lambda size: tiny_vgg("64 64 P 128 128 P"),
    "tiny-vgg4": lambda size: tiny_vgg("64 64 64 P 128 128 128 P"),
    "tiny-vgg5": lambda size: tiny_vgg("64 64 64 P 128 128 128 P 256 256 256 P"),
    "vgg16_bn-cifar": lambda size: Vgg(VGG16, nn.Linear(512, 10), norm=True, pool=nn.AdaptiveAvgPool2d(1)),
    "vgg16_bn-cifar-large": lambda size: Vgg(VGG16, heads(512 * 49, True), norm=True, pool=nn.AdaptiveAvgPool2d(7)),
    "simplenet-cifar": lambda size: SimpleNet(),
    "resnet20-cifar": lambda size: ResNet([16, 32, 64], 3),
    "resnet56-cifar": lambda size: ResNet([16, 32, 64], 9),
    "resnet18-cifar": lambda size: ResNet([64, 128, 256, 512], 2),
}
