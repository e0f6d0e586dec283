"""Housekeeping beside the requests: forgets what may be forgotten, every so often, on the host's own event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from authority_core import Authority

logger = logging.getLogger("authority")


@asynccontextmanager
async def cleanup_forever(authority: Authority, *, every: float = 600, batch: int = 1000) -> AsyncIterator[None]:
    """Call `authority.cleanup` every *every* seconds for as long as the block runs; put it into your lifespan.

    It works in the background, *batch* records a transaction. A failure is logged and tried again the next time; it
    never ends the application. Several processes may each do it.

        @asynccontextmanager
        async def lifespan(app):
            async with authority_starlette.lifespan(authority), cleanup_forever(authority):
                yield

    Raises `ValueError` when *every* is not positive.
    """
    if every <= 0:
        raise ValueError("every is a number of seconds above 0")
    task = asyncio.create_task(_again_and_again(authority, every, batch), name="authority-cleanup")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _again_and_again(authority: Authority, every: float, batch: int) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            gone = await authority.cleanup(batch=batch)
        except Exception:
            logger.exception("forgetting what may be forgotten failed; it is tried again in %s seconds", every)
        else:
            logger.debug("%d records were forgotten", gone)
