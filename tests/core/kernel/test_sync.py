"""Two colours from one core: lifted, finished in place, and refused with one sentence when they do not fit."""

from __future__ import annotations

import asyncio

import pytest

from authority_core.kernel.abilities import METHODS, is_async, misses
from authority_core.kernel.changes import Conflict, StorageUnavailable
from authority_core.kernel.sync import Done, coat, run
from authority_core.testing.memory import MemoryStorage


class Waiting:
    def __await__(self):
        yield


async def waits() -> None:
    await Waiting()


async def outer() -> None:
    await waits()


def test_a_coroutine_that_never_waits_is_finished():
    """Its value is returned, its exception raised."""

    async def value() -> int:
        return 7

    async def fails() -> None:
        raise KeyError("x")

    assert run(value()) == 7
    with pytest.raises(KeyError):
        run(fails())


def test_what_is_done_already_is_awaited_like_any_coroutine():
    """In place, by `await`, as a task, and with nothing left to close or to catch."""
    done = Done("an answer")

    async def awaited() -> str:
        return await Done("an answer")

    async def as_a_task() -> str:
        return await asyncio.create_task(Done("an answer"))

    assert run(done) == "an answer"
    assert run(awaited()) == "an answer"
    assert asyncio.run(as_a_task()) == "an answer"
    done.close()
    with pytest.raises(KeyError):
        done.throw(KeyError("nobody there"))


def test_a_coroutine_that_waits_is_named():
    """The sentence says who waited."""
    with pytest.raises(RuntimeError, match="waits tried to wait"):
        run(outer())


class Colourful:
    """One method, in either colour, that raises what it is told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def client(self, client_id: str) -> str:
        if self.error:
            raise self.error
        return client_id


class AsynchronousColourful(Colourful):
    async def client(self, client_id: str) -> str:  # type: ignore[override]  # the other colour
        return super().client(client_id)

    async def commit(self, changes: object) -> None: ...


@pytest.mark.parametrize("kind", [Colourful, AsynchronousColourful])
def test_both_colours_wear_the_same_coat(kind):
    """Values pass; our own errors pass; every foreign error is `StorageUnavailable`."""
    assert run(coat(kind()).client("a")) == "a"
    for error, seen in (
        (Conflict(), Conflict), (StorageUnavailable("x"), StorageUnavailable), (OSError("disk"), StorageUnavailable)
    ):  # fmt: skip
        with pytest.raises(seen):
            run(coat(kind(error)).client("a"))


def test_colour_and_completeness_are_seen():
    """By the class alone."""
    assert is_async(AsynchronousColourful())
    assert not is_async(MemoryStorage())
    assert not is_async(object())
    assert misses(MemoryStorage(), accounts=True) == ()
    assert "commit" in misses(Colourful(), accounts=False)
    assert "user" not in misses(Colourful(), accounts=False)
    assert {"user", "session", "commit"} <= set(METHODS)
