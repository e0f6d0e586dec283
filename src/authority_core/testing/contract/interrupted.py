"""A commit that others look at half way, and one whose task is cancelled there. Both are played where tasks wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from attrs import evolve

from ...kernel.abilities import is_async
from ...kernel.changes import Change, Conflict, CutOff, Put, Replace, Revoke, Spend
from ...kernel.ports import Storage
from ...kernel.records import RefreshToken, Stored
from .samples import KEEP, NOW, a_client, a_grant, a_refresh_token, an_audit_record, key_of
from .stage import Stage, expect, expect_same, promise

_STEPS = (*range(8), 12, 24, 48)
"""Steps of the loop after which a commit is cancelled."""
_LOOKING = 8
"""How many look at once."""


async def cancelled(commit: Coroutine[Any, Any, None], steps: int) -> bool:
    """Cancel *commit* after so many steps of the loop; tell whether it was through before."""
    task = asyncio.ensure_future(commit)
    for _ in range(steps):
        await asyncio.sleep(0)
    through = task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return through


async def traces(storage: Storage, name: str) -> list[bool]:
    """Return of each change under this *name* whether it has happened."""
    witness, lines = await storage.grant(f"witness {name}"), await storage.audit()
    return [
        witness is not None and witness.revoked_at is not None,
        await storage.client(name) is not None,
        await storage.grant(name) is not None,
        await storage.refresh_token(key_of(name, "refresh")) is not None,
        name in [line.audit_id for line in lines],
    ]


class Interrupted:
    """Asynchronous storage only: synchronous code cannot be cancelled, and threads cannot be made to look in time."""

    @promise
    async def test_a_cancelled_commit_is_whole_or_nothing(self, stage: Stage) -> None:
        """However far a commit had come when its task was cancelled, all of it has happened in the end, or nothing."""
        storage = stage.storage
        if not is_async(stage.raw):
            return
        names = [f"{steps}" for steps in _STEPS]
        await storage.commit([Put(evolve(a_grant(f"witness {name}", None), subject=name)) for name in names])
        for steps, name in zip(_STEPS, names, strict=True):
            spend = Spend(key_of(name), NOW, KEEP)
            changes: list[Change] = [
                *(spend, CutOff(name, None, NOW, KEEP), Replace(a_client(name)), Put(a_grant(name))),
                *(Put(a_refresh_token(name, name)), Put(an_audit_record(name))),
            ]
            through = await cancelled(storage.commit(changes), steps)
            try:
                await storage.commit([spend])  # waits for what may still be under way, and is first or second
                happened = False
            except Conflict:
                happened = True
            seen = await traces(storage, name)
            expect_same(seen, [happened] * len(seen), "of a cancelled commit all has happened, or nothing")
            if through:
                return

    @promise
    async def test_nothing_is_given_before_it_is_ended(self, stage: Stage) -> None:
        """Whoever looks while a commit ends what it stores never sees that alive, or a key unspent."""
        storage, token = stage.storage, a_refresh_token("of nobody")
        if not is_async(stage.raw):
            return
        ended = asyncio.ensure_future(
            storage.commit(
                [
                    *(Put(token), Put(a_grant("revoked", None)), Put(evolve(a_grant("cut", None), subject="cut"))),
                    *(
                        Revoke("grant", "revoked", NOW, KEEP),
                        CutOff("cut", None, NOW, KEEP),
                        Spend(token.key, NOW, KEEP),
                    ),
                ]
            )
        )
        reads: Sequence[Callable[[], Coroutine[Any, Any, Any]]] = (
            lambda: storage.grant("revoked"),
            lambda: storage.grant("cut"),
            lambda: storage.refresh_token(token.key),
        )
        looks = set[asyncio.Task[Any]]()
        while not ended.done():
            looks |= {asyncio.ensure_future(read()) for read in reads if len(looks) < _LOOKING}
            await asyncio.sleep(0)
            seen = {look for look in looks if look.done()}
            looks -= seen
            expect(not any(_alive(look.result()) for look in seen), "what a commit ends is never seen alive")
        await ended
        last = [*await asyncio.gather(*looks), *[await read() for read in reads]]
        expect(not any(_alive(one) for one in last), "what a commit ends is never seen alive")
        expect(None not in last[-len(reads) :], "in the end it is there")


def _alive(found: Any) -> bool:
    if isinstance(found, Stored):
        return isinstance(found.record, RefreshToken) and found.spent is None
    return found is not None and found.revoked_at is None
