"""What synchronous storage meets: threads, all at once or step by step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...kernel.sync import run
from . import steps
from .steps import STEPPING, Company, Visits

Attempt = Callable[[], Coroutine[Any, Any, object]]


def at_once(attempts: Sequence[Attempt]) -> list[object]:
    """Return what each of *attempts* returned or raised, started together in threads of their own."""
    start = threading.Barrier(len(attempts))

    def one(at: int) -> object:
        start.wait()
        return run(attempts[at]())

    return _outcomes(one, len(attempts))


def in_steps(attempts: Sequence[Attempt], own: frozenset[str], *, lines: bool = False) -> list[object]:
    """Return the same where the first few keep step through their *own* packages, and the rest follow."""
    through = threading.Event()
    company = Company(min(STEPPING, len(attempts)), own, lines=lines)

    def one(at: int) -> object:
        if at >= company.size:
            through.wait(steps.PATIENCE)
            return run(attempts[at]())
        try:
            with company.stepping(at):
                return run(attempts[at]())
        finally:
            through.set()

    return _outcomes(one, len(attempts))


def visited(work: Attempt, attempts: Sequence[Attempt], own: frozenset[str]) -> list[object]:
    """Return what *work* returned or raised, and then each of *attempts* that was made before a line of it."""
    with ThreadPoolExecutor(1) as visitor:
        visits = Visits(attempts, lambda attempt: visitor.submit(lambda: run(attempt())))

        def working(at: int) -> object:
            with visits.received(own):
                return run(work())

        outcome = _outcomes(working, 1)
    return outcome + [visit.exception() or visit.result() for visit in visits.made]


def _outcomes(one: Callable[[int], object], number: int) -> list[object]:
    """Return what *one* returned or raised for each place, in threads of their own."""
    outcomes: list[object] = [TimeoutError("a contender hangs")] * number

    def note(at: int) -> None:
        try:
            outcomes[at] = one(at)
        except Exception as error:  # noqa: BLE001 - every outcome counts
            outcomes[at] = error

    contenders = [threading.Thread(target=note, args=(at,), daemon=True) for at in range(number)]
    for contender in contenders:
        contender.start()
    patience = steps.PATIENCE
    for contender in contenders:
        contender.join(patience)
        if contender.is_alive():
            patience = 0  # it was the same for all of them
    return list(outcomes)
