#!/usr/bin/env python3
"""Runs a test program: bounded.py SECONDS PROGRAM [ARG ...]

One that hangs is ended with all that it has started (which would hold on to the output else), and exits with 124. Cargo then says
which program it was, and the program's own output which test. Part of `make unit`.
"""

import os
import signal
import subprocess
import sys


def children():
    """Of each process: those it has started."""
    tree = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                parent = stat.read().rpartition(")")[2].split()[1]
        except OSError:
            continue
        tree.setdefault(int(parent), []).append(int(pid))
    return tree


def end(pid, tree):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    for child in tree.get(pid, []):
        end(child, tree)


def main():
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    test = subprocess.Popen(command)
    while True:
        try:
            code = test.wait(seconds)
            # A signal's number is what a shell would add to 128.
            return code if code >= 0 else 128 - code
        except subprocess.TimeoutExpired:
            print(f"{command[0]} is ended: it did not finish within {seconds:.0f} s", file=sys.stderr, flush=True)
            end(test.pid, children())
            test.wait()
            return 124
        except KeyboardInterrupt:
            # The program got it too, from the terminal.
            continue


sys.exit(main())
