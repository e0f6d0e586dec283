"""How the issuer is reached: in either colour, one at a time, and only at addresses that may be trusted."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from queue import SimpleQueue
from types import TracebackType
from typing import cast
from urllib.parse import urlsplit

from attrs import frozen

from ..kernel.encoding import Json, decode_json_object
from ..kernel.ports import Offload
from ..kernel.problems import ConfigurationError
from ..kernel.responses import HttpResponse
from ..kernel.settings_faults import LOOPBACK_HOSTS
from .fetch import SIZE_LIMIT, BlockingFetch, Fetch, FetchFailed, FetchRequest

Gate = AbstractAsyncContextManager[object, bool | None]
"""Admits one at a time: `asyncio.Lock()` and `anyio.Lock()` are gates."""


class Baton:
    """The gate of threads: whoever holds the one baton is inside. For a blocking fetch only: waiting blocks."""

    def __init__(self) -> None:
        self._batons: SimpleQueue[None] = SimpleQueue()
        self._batons.put(None)

    async def __aenter__(self) -> None:
        self._batons.get()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._batons.put(None)


@frozen(eq=False)
class Reach:
    """A way to the issuer: an asynchronous *fetch* and the *gate* before it. *blocking* tells that it never waits."""

    fetch: Fetch
    gate: Gate
    blocking: BlockingFetch | None = None

    @classmethod
    def by(cls, fetch: Fetch | BlockingFetch, gate: Gate | None) -> Reach:
        """Return the way that *fetch* of either colour goes.

        Raises `ConfigurationError` when an asynchronous *fetch* comes without a *gate*.
        """
        if not _is_async(fetch):
            blocking = cast(BlockingFetch, fetch)
            return cls(_lifted(blocking), Baton() if gate is None else gate, blocking)
        if gate is None:
            raise ConfigurationError(["An asynchronous fetch needs a gate: pass gate=asyncio.Lock()."])
        return cls(_guarded(cast(Fetch, fetch)), gate)

    def offloaded(self, offload: Offload, gate: Gate) -> Reach:
        """Return the same way with a blocking fetch run by *offload*, so that it does not hold up others."""
        blocking = self.blocking
        if blocking is None:
            return self

        async def fetch(request: FetchRequest) -> HttpResponse:
            return await offload(lambda: blocking(request))

        return Reach(_guarded(fetch), gate)


def _is_async(fetch: object) -> bool:
    call = inspect.getattr_static(type(fetch), "__call__", None)
    return inspect.iscoroutinefunction(fetch) or inspect.iscoroutinefunction(call)


def _lifted(fetch: BlockingFetch) -> Fetch:
    """Return *fetch* as a coroutine function that never suspends."""

    async def lifted(request: FetchRequest) -> HttpResponse:
        try:
            return _checked(fetch(request))
        except FetchFailed:
            raise
        except Exception as error:
            raise FetchFailed(f"the issuer could not be asked ({type(error).__name__})") from error

    return lifted


def _guarded(fetch: Fetch) -> Fetch:
    """Return *fetch* with every foreign error a `FetchFailed`."""

    async def guarded(request: FetchRequest) -> HttpResponse:
        try:
            return _checked(await fetch(request))
        except FetchFailed:
            raise
        except Exception as error:
            raise FetchFailed(f"the issuer could not be asked ({type(error).__name__})") from error

    return guarded


def _checked(response: object) -> HttpResponse:
    if not isinstance(response, HttpResponse):
        raise TypeError("a fetch returns an HttpResponse")
    if len(response.body) > SIZE_LIMIT:
        raise FetchFailed("the answer is too long")
    return response


async def ask_json(fetch: Fetch, request: FetchRequest) -> Json:
    """Return the JSON object that answers *request* with status 200; raises `FetchFailed`."""
    response = await fetch(request)
    if response.status != 200:  # a redirect is an answer like any other: not what was asked for
        raise FetchFailed(f"the issuer answered {response.status}")
    try:
        return decode_json_object(response.body)
    except ValueError:
        raise FetchFailed("the answer is not a JSON object") from None


def permitted(issuer: str, *, allow_loopback_http: bool) -> Callable[[str], bool]:
    """Return the rule that tells whether an address may be asked for the sake of *issuer*.

    Addresses are https; plain http is for loopback hosts, when the *issuer* itself is one or it is allowed.
    """
    loopback = allow_loopback_http or _is_loopback(issuer)

    def rule(url: str) -> bool:
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018 - raises ValueError for a port that is none
        except ValueError:
            return False
        if not parts.hostname or parts.username is not None or parts.fragment or not url.isascii() or " " in url:
            return False
        return parts.scheme == "https" or (loopback and _is_loopback(url))

    return rule


def _is_loopback(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS
