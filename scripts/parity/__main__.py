#!/usr/bin/env python3
"""Compares sweep's networks with torchvision's, or writes down what torchvision's answer.

    python scripts/parity check PROGRAM [NAME ...]
                                                  compare all numbers, and write them into docs/zoo.md
    python scripts/parity fixtures [NAME ...]     write engine/tests/zoo/NAME.json
    python scripts/parity dump NAME FILE          write the values on the way, for `sweep model bisect NAME --against FILE`
    python scripts/parity golden                  print the generator's golden numbers
"""

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "engine/tests/zoo"
DOCUMENT = ROOT / "docs/zoo.md"

GOLDEN = [
    ("conv1.weight", (64, 3, 7, 7)),
    ("classifier.6.weight", (10, 512)),
    ("bn1.weight", (64,)),
    ("bn1.bias", (64,)),
    ("bn1.running_mean", (64,)),
    ("bn1.running_var", (64,)),
    ("encoder.pos_embedding", (1, 197, 768)),
]


def golden(_):
    import generator
    import numpy

    tensors = [(name, generator.tensor(name, shape)) for name, shape in GOLDEN]
    for name, tensor in [*tensors, ("images", generator.images(2, 3, 9, 7))]:
        bits = tensor.reshape(-1).view(numpy.uint32)
        print(name, list(tensor.shape), [f"0x{bits[i]:08x}" for i in (0, 1, -1)])


def chosen(names):
    from networks import networks

    known = networks()
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"parity: no network called {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names or known]


def fixtures(arguments):
    import fixtures

    FIXTURES.mkdir(exist_ok=True)
    for network in chosen(arguments.names):
        print(fixtures.write(network, FIXTURES), flush=True)


def check(arguments):
    import check
    import table
    from networks import networks

    failed = False
    for network in chosen(arguments.names):
        row = check.check(network, arguments.program)
        print(table.line(row), flush=True)
        for failure in row.failures:
            print(f"{row.network}: {failure}", file=sys.stderr, flush=True)
        failed |= bool(row.failures)
        table.write(DOCUMENT, networks(), [row])
    return int(failed)


def dump(arguments):
    import dump

    (network,) = chosen([arguments.name])
    print(dump.write(network, arguments.file))


def main():
    parser = argparse.ArgumentParser(
        prog="parity", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)

    def command(run):
        sub = commands.add_parser(run.__name__)
        sub.set_defaults(run=run)
        return sub

    all_or_some = command(check)
    all_or_some.add_argument("program", metavar="PROGRAM", help="engine/examples/parity.rs, built")
    all_or_some.add_argument("names", nargs="*", metavar="NAME")
    command(fixtures).add_argument("names", nargs="*", metavar="NAME")
    one = command(dump)
    one.add_argument("name", metavar="NAME")
    one.add_argument("file", metavar="FILE")
    command(golden)
    arguments = parser.parse_args()
    return arguments.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
