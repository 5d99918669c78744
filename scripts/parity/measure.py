"""What a network answers, and what one training step does to it."""

import generator
import torch

STEP_BATCH = 4
EVAL_BATCH = 2


def randomised(network, size):
    """The network with every parameter and buffer drawn from the generator, in float64."""
    module = network.build(size)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.from_numpy(generator.tensor(name, value.shape)))
    return module.double()


def images(count, size):
    return torch.from_numpy(generator.images(count, 3, size, size)).double()


def labels(count, classes):
    return torch.tensor([(3 * i + 1) % classes for i in range(count)])


def parameters(module):
    return sum(value.numel() for value in module.parameters())


def logits(module, size):
    """[N, classes] as deployed, numpy float64."""
    with torch.no_grad():
        return module.eval()(images(EVAL_BATCH, size)).numpy()


def step(module, network, size):
    """Loss, and name -> tensor of all gradients and of all batch norms' buffers after one forward pass in training."""
    from networks import calm

    outputs = calm(module).train()(images(STEP_BATCH, size))
    outputs = tuple(outputs) if isinstance(outputs, tuple) else (outputs,)
    weights = (1.0, *network.auxiliary)
    if len(outputs) != len(weights):
        raise RuntimeError(f"{network.name} yields {len(outputs)} outputs in training, not {len(weights)}")
    wanted = labels(STEP_BATCH, network.classes)
    losses = [torch.nn.functional.cross_entropy(output, wanted) for output in outputs]
    loss = sum(weight * loss for weight, loss in zip(weights, losses))
    loss.backward()
    gradients = {name: value.grad.numpy() for name, value in module.named_parameters()}
    buffers = {name: value.numpy() for name, value in module.named_buffers() if value.is_floating_point()}
    return loss.item(), gradients, buffers
