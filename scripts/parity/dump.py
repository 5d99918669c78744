"""The values that a network computes on the way, for `sweep model bisect --against`."""

import measure
import safetensors
import torch


def record(module, images):
    """name -> output of every innermost module that is called once; one that is called again has no single value."""
    values, calls = {}, {}

    def keep(name):
        def hook(_, __, output):
            # An activation that works in place would overwrite what is kept.
            output = output[0] if isinstance(output, tuple) else output
            values[name], calls[name] = output.detach().clone(), calls.get(name, 0) + 1

        return hook

    for name, part in module.named_modules():
        if isinstance(part, torch.nn.MultiheadAttention):
            # Its projection is called as a function, so that no hook of its own would be.
            part.register_forward_hook(keep(f"{name}.out_proj"))
        elif name and not list(part.children()) and not name.endswith("self_attention.out_proj"):
            part.register_forward_hook(keep(name))
    with torch.no_grad():
        module.eval()(images)
    return {name: value for name, value in values.items() if calls[name] == 1}


def write(network, path):
    module = measure.randomised(network, network.size)
    images = measure.images(measure.EVAL_BATCH, network.size)
    values = record(module, images)
    tensors = {"images": images, **values}
    safetensors.write(path, {name: value.float().numpy() for name, value in tensors.items()})
    return f"{path}: {len(values)} values of {network.name}"
