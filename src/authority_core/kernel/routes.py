"""Routes as data: what is served where, whoever serves it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from attrs import frozen

from .requests import HttpRequest
from .responses import HttpResponse

Endpoint = Callable[[HttpRequest], Awaitable[HttpResponse]]


@frozen
class Route:
    """One exact *path* below the mount, the methods it takes, and who answers.

    *page* says that errors are shown to a person as HTML rather than to a client as JSON. *cors* lets scripts of any
    origin call it, without credentials.
    """

    path: str
    methods: tuple[str, ...]
    endpoint: Endpoint
    page: bool = False
    cors: bool = False
