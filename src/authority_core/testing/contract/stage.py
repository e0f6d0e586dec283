"""Where a storage of either colour plays: the same test drives threads over one and tasks over the other."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar, cast

from ...kernel.abilities import is_async
from ...kernel.changes import Change, Conflict, StorageUnavailable
from ...kernel.ports import Storage
from ...kernel.sync import coat, run
from . import tasks, threads
from .steps import Workers, packages
from .threads import Attempt

T = TypeVar("T")
CONTENDERS = 32


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

    def __init__(self, raw: object, runner: asyncio.Runner | None, workers: Workers | None = None) -> None:
        self.raw = raw
        self.storage = coat(raw)
        self._runner = runner
        self._workers = workers or Workers()
        self._workers.own = packages(raw)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Finish *coroutine*: on the loop for asynchronous storage, in place for synchronous."""
        return run(coroutine) if self._runner is None else self._runner.run(coroutine)

    async def call(self, name: str, *arguments: object) -> object:
        """Call a method outside the protocols, of either colour."""
        answer = getattr(self.raw, name)(*arguments)
        return await answer if inspect.isawaitable(answer) else answer

    async def contend(
        self, attempts: Sequence[Attempt], *, stepwise: bool = False, lines: bool = False
    ) -> list[object]:
        """Start all *attempts* at once, in threads or tasks; return what each returned or raised, in order.

        Threads change places too seldom to meet in between two statements. *stepwise* the first few go together, one
        step of the interpreter after the other, or one of the *lines*, and the rest follow when one of them is through;
        tasks change places where they wait, and step by step where they wait for threads.
        """
        if not stepwise:
            return threads.at_once(attempts) if self._runner is None else await tasks.at_once(attempts)
        if self._runner is None:
            return threads.in_steps(attempts, self._workers.own, lines=lines)
        return await tasks.in_steps(attempts, self._workers, lines=lines)

    async def contend_to_commit(
        self, contenders: Sequence[Sequence[Change]], *, stepwise: bool = False, lines: bool = False
    ) -> list[int]:
        """Commit all lists of changes at once; return the places of those that succeeded. All others met `Conflict`."""
        attempts = [self._committing(changes) for changes in contenders]
        return _winners(await self.contend(attempts, stepwise=stepwise, lines=lines))

    async def commit_during(self, work: Attempt, contenders: Sequence[Sequence[Change]]) -> list[int]:
        """Commit the lists of changes one by one while *work* is done, in between any two of its steps.

        Return the places of those that succeeded. All others met `Conflict`, or came too late to be made. The work may
        meet `Conflict` too.
        """
        visits = [self._committing(changes) for changes in contenders]
        if self._runner is None:
            outcomes = threads.visited(work, visits, self._workers.own)
        else:
            outcomes = await tasks.visited(work, visits, self._workers)
        _winners(outcomes[:1])
        return _winners(outcomes[1:])

    def _committing(self, changes: Sequence[Change]) -> Attempt:
        return lambda: self.storage.commit(changes)


def _winners(outcomes: Sequence[object]) -> list[int]:
    strange = [outcome for outcome in outcomes if isinstance(outcome, Exception) and not isinstance(outcome, Conflict)]
    expect(not strange, f"under contention a commit succeeds or raises Conflict, and nothing else: {strange[:3]!r}")
    return [at for at, outcome in enumerate(outcomes) if not isinstance(outcome, Conflict)]


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
    workers = Workers()
    with asyncio.Runner() as runner, workers.engaged():
        raw = runner.run(_awaited(made)) if inspect.isawaitable(made) else made
        try:
            play(Stage(raw, runner, workers))
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
