"""What asynchronous storage meets: tasks, which change places where they wait, and the threads that they wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from . import steps
from .steps import STEPPING, Visits, Workers
from .threads import Attempt


async def at_once(attempts: Sequence[Attempt]) -> list[object]:
    """Return what each of *attempts* returned or raised, started together in tasks of their own."""
    return await _outcomes([asyncio.create_task(attempt()) for attempt in attempts])


async def in_steps(attempts: Sequence[Attempt], workers: Workers, *, lines: bool = False) -> list[object]:
    """Return the same where the threads of the first few keep step, and the rest follow."""
    through = asyncio.Event()
    size = min(STEPPING, len(attempts))

    async def one(at: int) -> object:
        if at >= size:
            await through.wait()
            return await attempts[at]()
        try:
            return await attempts[at]()
        finally:
            workers.alone()
            through.set()

    workers.company(size, lines=lines)
    return await _outcomes([asyncio.create_task(one(at)) for at in range(len(attempts))])


async def visited(work: Attempt, attempts: Sequence[Attempt], workers: Workers) -> list[object]:
    """Return what *work* returned or raised, and then each of *attempts* that was made meanwhile.

    Where the storage works in threads, one is made before each line of the work; otherwise one begins whenever the
    loop goes round, a few of them before the work.
    """
    if workers.seen:
        loop = asyncio.get_running_loop()
        visits = Visits(attempts, lambda attempt: asyncio.run_coroutine_threadsafe(attempt(), loop))
        workers.visited(visits)
        outcome = await _outcomes([asyncio.create_task(work())])
        workers.alone()
        return outcome + await _outcomes([asyncio.wrap_future(visit) for visit in visits.made])
    early = len(attempts) // 4
    begun = [await _begun(attempt) for attempt in attempts[:early]]
    working = asyncio.create_task(work())
    begun += [await _begun(attempt) for attempt in attempts[early:]]
    return await _outcomes([working, *begun])


async def _begun(attempt: Attempt) -> asyncio.Future[object]:
    task = asyncio.create_task(attempt())
    await asyncio.sleep(0)
    return task


async def _outcomes(contenders: Sequence[asyncio.Future[object]]) -> list[object]:
    _, hanging = await asyncio.wait(contenders, timeout=steps.PATIENCE)
    for contender in hanging:
        contender.cancel()
    answers = await asyncio.gather(*contenders, return_exceptions=True)
    late = TimeoutError("a contender hangs")
    return [late if contender in hanging else answer for contender, answer in zip(contenders, answers, strict=True)]
