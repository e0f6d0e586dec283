"""Where a storage of either colour plays: the same test drives threads over one and tasks over the other."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar, cast

from ...kernel.changes import Change, Conflict
from ...kernel.ports import Storage
from ...kernel.sync import coat, is_async, run

T = TypeVar("T")
CONTENDERS = 32
_PATIENCE = 120.0
"""Seconds after which contenders that hang fail the test."""


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

    async def contend(self, attempts: Sequence[Callable[[], Coroutine[Any, Any, object]]]) -> list[object]:
        """Start all *attempts* at once, in threads or tasks; return what each returned or raised, in order."""
        if self._runner is None:
            return _in_threads(attempts)
        return list(await asyncio.wait_for(_in_tasks(attempts), _PATIENCE))

    async def contend_to_commit(self, contenders: Sequence[Sequence[Change]]) -> list[int]:
        """Commit all lists of changes at once; return the places of those that succeeded. All others met `Conflict`."""

        def attempt(changes: Sequence[Change]) -> Callable[[], Coroutine[Any, Any, object]]:
            return lambda: self.storage.commit(changes)

        outcomes = await self.contend([attempt(changes) for changes in contenders])
        strange = [outcome for outcome in outcomes if outcome is not None and not isinstance(outcome, Conflict)]
        expect(not strange, f"under contention a commit succeeds or raises Conflict, and nothing else: {strange[:3]!r}")
        return [at for at, outcome in enumerate(outcomes) if outcome is None]


async def _in_tasks(attempts: Sequence[Callable[[], Coroutine[Any, Any, object]]]) -> list[object]:
    start = asyncio.Event()

    async def one(attempt: Callable[[], Coroutine[Any, Any, object]]) -> object:
        await start.wait()
        return await attempt()

    tasks = [asyncio.create_task(one(attempt)) for attempt in attempts]
    start.set()
    return list(await asyncio.gather(*tasks, return_exceptions=True))


def _in_threads(attempts: Sequence[Callable[[], Coroutine[Any, Any, object]]]) -> list[object]:
    start = threading.Barrier(len(attempts))
    outcomes: list[object] = [TimeoutError("a contender hangs")] * len(attempts)

    def one(at: int) -> None:
        start.wait()
        try:
            outcomes[at] = run(attempts[at]())
        except Exception as error:  # noqa: BLE001 - every outcome counts
            outcomes[at] = error

    threads = [threading.Thread(target=one, args=(at,), daemon=True) for at in range(len(attempts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE)
    return outcomes


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
