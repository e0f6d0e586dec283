"""Work that is cancelled half way, the way each kind of caller does it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import anyio


async def cancelled_once(work: Coroutine[Any, Any, Any], steps: int) -> None:
    """Cancel *work* as asyncio does, once, after so many steps of the loop."""
    task = asyncio.ensure_future(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def cancelled_for_good(work: Coroutine[Any, Any, Any], steps: int) -> None:
    """Cancel *work* as anyio and Starlette do: whatever it still waits for is cancelled too."""
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: work)
        for _ in range(steps):
            await asyncio.sleep(0)
        group.cancel_scope.cancel()


WAYS = (cancelled_once, cancelled_for_good)
STEPS = (*range(20), *(2**power for power in range(5, 14)))
"""Steps of the loop before a commit is cancelled: from none to more than any commit takes."""
