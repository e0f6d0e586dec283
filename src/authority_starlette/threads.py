"""Threads for what would hold up the event loop: slow hashing, and storage that is synchronous."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

from authority_core.kernel.abilities import METHODS, OPTIONAL, tells_holders
from authority_core.kernel.ports import Busy

T = TypeVar("T")


class BoundedThreads:
    """The `Offload` port under ASGI: at most *workers* at a time, at most *queue* waiting, then `Busy`."""

    def __init__(self, workers: int, queue: int) -> None:
        self._limiter = CapacityLimiter(workers)
        self._most = workers + queue
        self._inside = 0

    async def __call__(self, work: Callable[[], T]) -> T:
        """Return what *work* returns; raises `Busy` when too much is waiting."""
        if self._inside >= self._most:
            raise Busy("too many passwords are waiting to be checked")
        self._inside += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._inside -= 1


def in_threads(storage: object, *, threads: int = 16) -> object:
    """Return synchronous *storage* as asynchronous: every call runs in one of *threads* worker threads.

    For applications whose database layer is synchronous; each call costs a hop between threads.
    """
    return _Threaded(storage, CapacityLimiter(threads))


class _Threaded:
    tells_holders = False

    def __init__(self, storage: object, limiter: CapacityLimiter) -> None:
        self.tells_holders = tells_holders(storage)
        self._storage = storage
        found = {name: getattr(storage, name, None) for name in (*METHODS, *OPTIONAL)}
        self._methods = {name: _hopping(method, limiter) for name, method in found.items() if method is not None}

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        methods: dict[str, Callable[..., Coroutine[Any, Any, Any]]] = vars(self).get("_methods", {})
        if name not in methods:
            raise AttributeError(name)
        return methods[name]


def _hopping(method: Callable[..., T], limiter: CapacityLimiter) -> Callable[..., Coroutine[Any, Any, T]]:
    async def hopping(*arguments: object, **options: object) -> T:
        return await anyio.to_thread.run_sync(partial(method, *arguments, **options), limiter=limiter)

    return hopping
