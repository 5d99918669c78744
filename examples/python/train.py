"""A PyTorch training script as a `command` stage of sweep, with `protocol: events`.

sweep starts it in a folder of its own that holds job.json. It tells what happens as JSON lines on file descriptor 3, and
it can be stopped (SIGTERM) and continued elsewhere from its newest checkpoint. Those are the parts marked "sweep:".
"""

import argparse
import json
import os
import shutil
import signal
import sys

import torch
from torch import nn

# sweep: one JSON object a line. Run by hand, where nobody opened descriptor 3, they are printed.
try:
    events = os.fdopen(3, "w", buffering=1)
except OSError:
    events = sys.stdout


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), file=events, flush=True)


# sweep: SIGTERM asks for a checkpoint and an end; exit status 75 says that the job can be continued.
stop = False


def on_sigterm(*_):
    global stop
    stop = True


signal.signal(signal.SIGTERM, on_sigterm)


def save(epoch, state):
    """Writes a checkpoint beside the earlier ones, tells of it, and keeps the last two."""
    folder = f"checkpoints/{epoch}"
    os.makedirs(folder, exist_ok=True)
    torch.save(state, f"{folder}/state.pt.tmp")
    os.replace(f"{folder}/state.pt.tmp", f"{folder}/state.pt")
    tell("checkpoint", epoch=epoch, step=epoch, files=[{"name": "state.pt", "path": f"{folder}/state.pt"}])
    shutil.rmtree(f"checkpoints/{epoch - 2}", ignore_errors=True)


def newest_checkpoint():
    """sweep: job.json lists the folders of earlier checkpoints, newest first."""
    if not os.path.exists("job.json"):
        return None
    with open("job.json") as file:
        folders = json.load(file).get("resume", [])
    for folder in folders:
        try:
            return torch.load(f"{folder}/state.pt")
        except Exception as error:  # a damaged one: the one before it will do
            print(f"{folder}: {error}", file=sys.stderr)
    return None


def data(n, generator):
    """Points in the plane, in three classes that lie on spiral arms."""
    label = torch.randint(0, 3, (n,), generator=generator)
    radius = torch.rand(n, generator=generator)
    angle = 4 * radius + label * 2 * torch.pi / 3 + 0.2 * torch.randn(n, generator=generator)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1), label


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--hidden", type=int, default=64)
    args.add_argument("--seed", type=int, default=0)
    args.add_argument("--epochs", type=int, default=20)
    args = args.parse_args()

    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    (train_x, train_y), (test_x, test_y) = data(2000, generator), data(1000, generator)
    net = nn.Sequential(nn.Linear(2, args.hidden), nn.ReLU(), nn.Linear(args.hidden, args.hidden), nn.ReLU(), nn.Linear(args.hidden, 3))
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)

    first = 1
    if state := newest_checkpoint():
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["rng"])
        first = state["epoch"] + 1
        tell("resumed", epoch=state["epoch"], step=state["epoch"])

    for epoch in range(first, args.epochs + 1):
        for batch in torch.randperm(len(train_x)).split(100):
            loss = nn.functional.cross_entropy(net(train_x[batch]), train_y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            accuracy = (net(test_x).argmax(1) == test_y).float().mean().item()
        tell("epoch", epoch=epoch, epochs=args.epochs, metrics={"loss": loss.item(), "test_accuracy": accuracy})
        state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "rng": torch.get_rng_state()}
        save(epoch, {**state, "epoch": epoch})
        if stop and epoch < args.epochs:
            sys.exit(75)

    # sweep: the measured model, and then that all is well.
    torch.save(net.state_dict(), "weights.pt")
    parameters = sum(p.numel() for p in net.parameters())
    files = [{"name": "weights.pt", "path": "weights.pt"}]
    tell("point", point="main", metrics={"accuracy": accuracy, "parameters": parameters}, files=files)
    tell("done")


main()
