"""Python's garbage collector under a server: what exists at the start stays, so it is not looked at again and again."""

from __future__ import annotations

import gc

THRESHOLDS = 20_000, 20, 20
"""How many more containers there must be before the youngest generation is looked at (Python's own: 700), and how often
that happens before an older one is."""


def settle() -> None:
    """Leave everything made so far in this process out of garbage collection, and collect what comes more rarely.

    A full collection walks through all modules: some fifty milliseconds in which nobody is answered. What requests
    make is freed without the collector, but for the few objects that refer to each other. Call it once, when the
    server is about to answer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
