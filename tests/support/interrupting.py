"""`python -m support.interrupting URL`: commits to storage at *URL* that a signal interrupts at any moment.

In a process of its own, because whatever watches Python from within, as coverage does, loses locks of its own here.
"""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Callable
from functools import partial

from authority_core.kernel.changes import Put, Spend
from authority_core.testing.contract.samples import KEEP, NOW, a_grant, key_of
from authority_sql import SqlStorage, keeping

ROUNDS = 4000


class Interrupted(BaseException):
    """What the handler raises, as `KeyboardInterrupt` is raised by Python's own."""


meant: list[bool] = [False]
"""Whether the work is on that is to be interrupted: a signal may come late, when its timer was stopped already."""


def interrupt(number: int, frame: object) -> None:
    """Handle the signal."""
    if meant[0]:
        raise Interrupted


def interrupted(work: Callable[[], object], after: float) -> bool:
    """Do *work*, and interrupt it *after* so many seconds; tell whether that was before its end."""
    try:
        meant[0] = True
        signal.setitimer(signal.ITIMER_REAL, after)
        work()
        signal.setitimer(signal.ITIMER_REAL, 0)
        meant[0] = False
    except Interrupted:
        meant[0] = False
        return True
    return False


def main(url: str) -> None:
    """Commit many times; end with an error where one is half there, or its turn is not free for the next."""
    keeping.WRITER_PATIENCE = 1.0
    signal.signal(signal.SIGALRM, interrupt)
    storage, drawn, hits = SqlStorage.from_url(url), random.Random(1), 0
    for at in range(ROUNDS):
        name = f"{at}"
        changes = [Spend(key_of(name), NOW, KEEP), Put(a_grant(name))]
        hits += interrupted(partial(storage.commit, changes), drawn.uniform(1e-6, 150e-6))
        storage.commit([Spend(key_of(f"after {name}"), NOW, KEEP)])
        if (storage.grant(name) is None) != (storage.spent(key_of(name)) is None):
            sys.exit(f"commit {at} is half there")
    storage.close()
    print(hits)


if __name__ == "__main__":
    main(sys.argv[1])
