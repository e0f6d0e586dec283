"""`python -m benchmarks [core] [counters] [http] [scale] [size] [storage] [--quick] [--held]`: print every goal.

It ends with 1 when one is missed. With `--held`, which is for machines that are shared, only the loss of what was
reached before is a failure.

`SERVER_CORE` (0) and `LOAD_CORE` (1) in the environment choose the cores.
"""

from __future__ import annotations

import argparse
import os
import sys

from . import counters, inprocess, overhttp, scale, size, storage
from .goals import Goal, report

PARTS = ("core", "counters", "http", "scale", "size", "storage")


def main() -> int:
    """Measure what the arguments name, or everything; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed and size against floors.")
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="a third of the rounds")
    parser.add_argument("--held", action="store_true", help="fail only where what was reached before is lost")
    asked = parser.parse_args()
    unknown = sorted(set(asked.parts) - set(PARTS))
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}")
    parts, share = asked.parts or PARTS, 3 if asked.quick else 1
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    server_core = int(os.environ.get("SERVER_CORE", cores[0]))
    load_core = int(os.environ.get("LOAD_CORE", cores[-1]))
    goals: list[Goal] = []
    if "size" in parts:
        goals += size.measure(rounds=9 // share)
    if "counters" in parts:
        goals += counters.measure()
    if "storage" in parts:
        goals += storage.measure(60 // share, server_core)
    if "scale" in parts:
        goals += scale.measure(server_core)
    if "http" in parts:
        goals += overhttp.measure(6 // share, seconds=2, server_core=server_core, load_core=load_core)
    if "core" in parts:  # last, for it stays on its core
        goals += inprocess.measure(150 // share, server_core)
    print()
    return report(goals, held=asked.held)


if __name__ == "__main__":
    sys.exit(main())
