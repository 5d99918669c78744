"""Small files with what a network answers, for tests that run without Python."""

import json

import generator
import measure
import numpy


def digest(name, value):
    """Two numbers that differ when any element does: the length, and the product with a vector drawn from the name."""
    flat = value.reshape(-1)
    probe = generator.uniform(f"probe.{name}", flat.size)
    return float(numpy.linalg.norm(flat)), float(flat @ probe)


def numbers(values, digits):
    return "[" + ", ".join(f"{value:.{digits}g}" for value in values) + "]"


def table(values):
    lines = [f"    {json.dumps(name)}: {numbers(digest(name, value), 12)}" for name, value in values.items()]
    return "{\n" + ",\n".join(lines) + "\n  }"


def write(network, folder):
    """One tensor a line, so that a change can be read."""
    module = measure.randomised(network, network.size)
    count = measure.parameters(module)
    logits = measure.logits(module, network.size)
    if network.step_size != network.size:
        module = measure.randomised(network, network.step_size)
    loss, gradients, buffers = measure.step(module, network, network.step_size)
    fields = {
        "network": json.dumps(network.name),
        "classes": network.classes,
        "transform_input": json.dumps(network.transform_input),
        "parameters": count,
        "size": network.size,
        "logits": "[\n    " + ",\n    ".join(numbers(row, 8) for row in logits) + "\n  ]",
        "step_size": network.step_size,
        "loss": f"{loss:.12g}",
        "gradients": table(gradients),
        "buffers": table(buffers),
    }
    text = "{\n" + ",\n".join(f"  {json.dumps(name)}: {value}" for name, value in fields.items()) + "\n}\n"
    (folder / f"{network.name}.json").write_text(text)
    spread = (logits.max(0) - logits.min(0)).max()
    return f"{network.name}: {count} parameters, loss {loss:.4g}, spread {spread:.3g} of {abs(logits).max():.3g}"
