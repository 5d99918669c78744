#!/usr/bin/env python3
"""Makes engine/tests/fixtures/skeletons.gz: torchvision's networks as PyTorch's two exporters write them, without their weights.

    PYTHONPATH=.parity/packages .python/bin/python scripts/onnx_skeletons.py      # packages: scripts/setup-parity.sh

Each network is exported at the image size that it was published for, with a free batch, by torch.onnx.export with dynamo=False
("torchscript") and dynamo=True ("dynamo"). Parameters and buffers are random before the export, because the exporters store equal
tensors once and drop biases that are zero. Then the payload of every stored float tensor with more than one element goes: the
test (engine/tests/import.rs) fills the gap with numbers that follow from the tensor's name. Documentation strings, inferred
shapes, and all metadata but the modules' names go, too; the nodes stay as they were exported.

The file is a gzip stream of entries: length of the name (u32, little-endian), name (`torchscript/resnet18`), length of the ONNX
file, ONNX file.
"""

import gzip
import io
import struct
import tempfile
import warnings
from pathlib import Path

import onnx
import torch
import torchvision

NETWORKS = [
    "alexnet", "vgg11", "vgg11_bn", "vgg16", "vgg16_bn", "resnet18", "resnet34", "resnet50", "squeezenet1_0", "squeezenet1_1",
    "inception_v3", "googlenet", "densenet121", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x1_0", "efficientnet_b0",
    "vit_b_16",
]
OUTPUT = Path(__file__).parent.parent / "engine/tests/fixtures/skeletons.gz"


def network(name):
    options = {"weights": None}
    if name in ("googlenet", "inception_v3"):
        # As with published weights: auxiliary classifiers (which evaluation does not run) and other statistics of the input.
        options.update(aux_logits=True, init_weights=False, transform_input=True)
    built = getattr(torchvision.models, name)(**options).eval()
    for tensor in (*built.parameters(), *built.buffers()):
        if tensor.is_floating_point():
            tensor.data.uniform_(0.5, 1.5)
    return built


def exported(name, dynamo):
    side = 299 if name == "inception_v3" else 224
    images = torch.randn(2, 3, side, side)
    names = {"input_names": ["input"], "output_names": ["logits"]}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.onnx")
        if dynamo:
            shapes = ({0: torch.export.Dim("batch")},)
            torch.onnx.export(network(name), (images,), path, dynamo=True, external_data=False, dynamic_shapes=shapes, **names)
        else:
            axes = {"input": {0: "batch"}, "logits": {0: "batch"}}
            torch.onnx.export(network(name), (images,), path, dynamo=False, dynamic_axes=axes, **names)
        return onnx.load(path)


def skeleton(model):
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and torch.Size(tensor.dims).numel() > 1:
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
        tensor.ClearField("doc_string")
    for node in model.graph.node:
        node.ClearField("doc_string")
        kept = [entry for entry in node.metadata_props if entry.key == "pkg.torch.onnx.name_scopes"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    for field in (model.graph.value_info, model.metadata_props, model.graph.metadata_props):
        del field[:]
    model.ClearField("doc_string")
    return model.SerializeToString()


def main():
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    entries = io.BytesIO()
    for name in NETWORKS:
        for exporter, dynamo in (("torchscript", False), ("dynamo", True)):
            for part in (f"{exporter}/{name}".encode(), skeleton(exported(name, dynamo))):
                entries.write(struct.pack("<I", len(part)) + part)
            print(exporter, name, len(part), flush=True)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_bytes(gzip.compress(entries.getvalue(), 9, mtime=0))
    print(OUTPUT, OUTPUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
