"""Many steps of a commit as one statement of PostgreSQL: one round trip, and a transaction by itself.

Every statement but the last becomes a data-modifying `WITH`. All of them see the same snapshot and run in no order
that may be relied on, so only steps that do not depend on each other are joined: statements that need not be asked
how many rows they touched, no two of which write over the same row. Two inserts of one key still refuse each other.

As it is, PostgreSQL runs the last of them first, and goes back from there. So they are written in reverse: rows that
several commits want are locked in the order of the plan, as by commits that go step by step. Nothing but a wait in a
circle, which PostgreSQL ends, hangs on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from .plan import Step
from .prepared import Values

_NUMBERED = re.compile(r"\$(\d+)")


def joined(steps: Sequence[Step]) -> Sequence[Step]:
    """Return *steps* as one, where they are independent; otherwise as they are."""
    if len(steps) == 1:
        return steps
    written: list[tuple[str, Values]] = []
    for step in steps:
        if step.must_change:
            return steps
        if step.over:
            written.append((step.sql, step.over))
    if len(written) != len(set(written)):
        return steps
    backwards = steps[::-1]
    values = tuple(chain.from_iterable([step.values for step in backwards]))
    return (Step(_statement(tuple([step.sql for step in backwards])), values, must_change=False),)


@lru_cache(maxsize=256)
def _statement(texts: tuple[str, ...]) -> str:
    """Return the statement that runs all *texts*, whose values follow each other."""
    numbered, before = [], 0
    for text in texts:
        numbered.append(_NUMBERED.sub(lambda found: f"${int(found[1]) + before}", text))  # noqa: B023 - used at once
        before += max((int(number) for number in _NUMBERED.findall(text)), default=0)
    *first, last = numbered
    return f"WITH {', '.join(f'step{at} AS ({text})' for at, text in enumerate(first))} {last}"
