"""Where a storage of either colour plays: the same test drives threads over one and tasks over the other."""

from __future__ import annotations

import asyncio
import inspect
import math
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol, TypeVar, cast

from ...kernel.abilities import is_async
from ...kernel.changes import Change, Conflict, StorageUnavailable
from ...kernel.ports import Storage
from ...kernel.sync import coat, run

T = TypeVar("T")
Attempt = Callable[[], Coroutine[Any, Any, object]]
CONTENDERS = 32
STEPPING = 4
"""How many of the contenders go step by step where it is asked for."""
_PATIENCE = 120.0
"""Seconds after which contenders that hang fail the test."""
_PAUSE = 1e-6
"""Seconds of the shortest wait, in which another thread wakes."""
_ALONE = 4
"""How many steps a contender takes for each pause where it is the only one that is not waiting."""
_TURN = 0.01
"""Seconds after which a contender that takes no step is taken to wait for another, as for a lock."""


class ContractBroken(AssertionError):
    """The storage broke the promise that the message names."""


def expect(kept: bool, promise: str) -> None:
    """Raise `ContractBroken` unless the *promise* was *kept*; works under `python -O` too."""
    if not kept:
        raise ContractBroken(promise)


def expect_same(actual: object, expected: object, promise: str) -> None:
    """Raise `ContractBroken`, showing both, unless *actual* equals *expected*."""
    if actual != expected:
        raise ContractBroken(f"{promise}\n  stored:   {expected!r}\n  returned: {actual!r}")


async def expect_conflict(storage: Storage, changes: Sequence[Change], promise: str) -> None:
    """Raise `ContractBroken` unless committing *changes* raises `Conflict`."""
    try:
        await storage.commit(changes)
    except Conflict:
        return
    raise ContractBroken(promise)


async def expect_refused(storage: Storage, changes: Sequence[Change], promise: str) -> None:
    """Raise `ContractBroken` unless committing *changes* raises `ValueError`, which the coat hands on as a cause."""
    try:
        await storage.commit(changes)
    except StorageUnavailable as error:
        if isinstance(error.__cause__, ValueError):
            return
        raise ContractBroken(f"{promise}; this was another error") from error
    raise ContractBroken(promise)


class Stage:
    """One storage of one test. `storage` is asynchronous to the test, whatever its colour."""

    def __init__(self, raw: object, runner: asyncio.Runner | None) -> None:
        self.raw = raw
        self.storage = coat(raw)
        self._runner = runner

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Finish *coroutine*: on the loop for asynchronous storage, in place for synchronous."""
        return run(coroutine) if self._runner is None else self._runner.run(coroutine)

    async def call(self, name: str, *arguments: object) -> object:
        """Call a method outside the protocols, of either colour."""
        answer = getattr(self.raw, name)(*arguments)
        return await answer if inspect.isawaitable(answer) else answer

    async def contend(self, attempts: Sequence[Attempt], *, stepwise: bool = False) -> list[object]:
        """Start all *attempts* at once, in threads or tasks; return what each returned or raised, in order.

        Threads change places too seldom to meet in between two statements. *stepwise* the first few go together, one
        step of the interpreter after the other, and the rest follow when one of them is through; tasks change places
        where they wait, and nowhere else.
        """
        if self._runner is None:
            return _in_steps(attempts, _packages(self.raw)) if stepwise else _in_threads(attempts)
        return list(await asyncio.wait_for(_in_tasks(attempts), _PATIENCE))

    async def contend_to_commit(self, contenders: Sequence[Sequence[Change]], *, stepwise: bool = False) -> list[int]:
        """Commit all lists of changes at once; return the places of those that succeeded. All others met `Conflict`."""

        def attempt(changes: Sequence[Change]) -> Attempt:
            return lambda: self.storage.commit(changes)

        outcomes = await self.contend([attempt(changes) for changes in contenders], stepwise=stepwise)
        strange = [outcome for outcome in outcomes if outcome is not None and not isinstance(outcome, Conflict)]
        expect(not strange, f"under contention a commit succeeds or raises Conflict, and nothing else: {strange[:3]!r}")
        return [at for at, outcome in enumerate(outcomes) if outcome is None]


async def _in_tasks(attempts: Sequence[Attempt]) -> list[object]:
    start = asyncio.Event()

    async def one(attempt: Attempt) -> object:
        await start.wait()
        return await attempt()

    tasks = [asyncio.create_task(one(attempt)) for attempt in attempts]
    start.set()
    return list(await asyncio.gather(*tasks, return_exceptions=True))


def _in_threads(attempts: Sequence[Attempt]) -> list[object]:
    start = threading.Barrier(len(attempts))

    def one(at: int) -> object:
        start.wait()
        return run(attempts[at]())

    return _outcomes(one, len(attempts))


def _in_steps(attempts: Sequence[Attempt], packages: frozenset[str]) -> list[object]:
    through = threading.Event()
    company = _Company(min(STEPPING, len(attempts)), packages)

    def one(at: int) -> object:
        if at >= company.size:
            through.wait(_PATIENCE)
            return run(attempts[at]())
        try:
            with company.stepping(at):
                return run(attempts[at]())
        finally:
            through.set()

    return _outcomes(one, len(attempts))


def _outcomes(one: Callable[[int], object], number: int) -> list[object]:
    """Return what *one* returned or raised for each place, in threads of their own."""
    outcomes: list[object] = [TimeoutError("a contender hangs")] * number

    def note(at: int) -> None:
        try:
            outcomes[at] = one(at)
        except Exception as error:  # noqa: BLE001 - every outcome counts
            outcomes[at] = error

    threads = [threading.Thread(target=note, args=(at,), daemon=True) for at in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE)
    return outcomes


def _packages(storage: object) -> frozenset[str]:
    """Return the packages that *storage* is written in; races within its libraries are not its own."""
    return frozenset(kind.__module__.partition(".")[0] for kind in type(storage).__mro__)


class _Company:
    """Threads that keep step through *packages*: before each that is new to it, every one waits for all the others.

    A step is an instruction of the interpreter, for an increment may be lost within a line. Who takes none for a while,
    such as one that waits for a lock, is left behind, and keeps step again with whomever it finds at its next one.
    """

    def __init__(self, size: int, packages: frozenset[str]) -> None:
        self.size = size
        self._packages = packages
        self._moved = threading.Condition()
        self._steps: list[float] = [0] * size  # of those that are waited for; others have taken infinitely many

    @contextmanager
    def stepping(self, at: int) -> Iterator[None]:
        """Keep step meanwhile, in this thread and as number *at*; its tracer, of a debugger or coverage, is away."""
        before = sys.gettrace()
        sys.settrace(self._tracer(at))
        try:
            yield
        finally:
            sys.settrace(before)
            with self._moved:
                self._steps[at] = math.inf
                self._moved.notify_all()

    def _tracer(self, at: int) -> Callable[[FrameType, str, object], Any]:
        known = set[tuple[int, int]]()

        def entered(frame: FrameType, event: str, argument: object) -> Any:
            if str(frame.f_globals.get("__name__")).partition(".")[0] not in self._packages:
                return None
            frame.f_trace_opcodes = True
            return step

        def step(frame: FrameType, event: str, argument: object) -> Any:
            place = id(frame.f_code), frame.f_lasti
            if place not in known:
                self._wait(at, _TURN if known else _PATIENCE)
                known.add(place)
            return step

        return entered

    def _wait(self, at: int, most: float) -> None:
        with self._moved:
            there = [steps for steps in self._steps if steps < math.inf]
            mine = self._steps[at] = self._steps[at] + 1 if self._steps[at] < math.inf else max(there, default=0)
            self._moved.notify_all()
            if not self._moved.wait_for(lambda: min(self._steps) >= mine, most):
                self._steps = [math.inf if steps < mine else steps for steps in self._steps]
            if there == [mine - 1] and not mine % _ALONE:
                self._moved.wait(_PAUSE)  # what the others wait for may have come


class Host(Protocol):
    """What a user's subclass gives."""

    def make_storage(self) -> object:
        """Return a new, empty storage of either colour, or something to await for one."""
        ...

    def close_storage(self, storage: object) -> object:
        """Put a storage away; may return something to await."""
        ...


def on_stage(host: Host, play: Callable[[Stage], None]) -> None:
    """Make a storage, let *play* use it, put it away."""
    made = host.make_storage()
    if not inspect.isawaitable(made) and not is_async(made):
        try:
            play(Stage(made, None))
        finally:
            host.close_storage(made)
        return
    with asyncio.Runner() as runner:
        raw = runner.run(_awaited(made)) if inspect.isawaitable(made) else made
        try:
            play(Stage(raw, runner))
        finally:
            closing = host.close_storage(raw)
            if inspect.isawaitable(closing):
                runner.run(_awaited(closing))


async def _awaited(thing: Awaitable[T]) -> T:
    return await thing


Play = Callable[[Any, Stage], Coroutine[Any, Any, None]]


def promise(play: Play) -> Callable[[Any], None]:
    """Turn an asynchronous method over a `Stage` into a test that any runner collects."""

    def test(self: Any) -> None:
        on_stage(cast(Host, self), lambda stage: stage.run(play(self, stage)))

    test.__name__ = play.__name__
    test.__qualname__ = play.__qualname__
    test.__doc__ = play.__doc__
    test.__module__ = play.__module__
    return test
