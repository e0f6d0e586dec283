"""The port between the storage's logic and a client, and the scripts that run in the server.

The protocol is asynchronous; the implementation for the synchronous client simply never suspends.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any, Protocol

from attrs import field, frozen

from .plan import Text


@frozen
class Script:
    """A Lua script and the name by which a server that has seen it knows it."""

    text: str = field(repr=False)
    sha: str


@cache
def script(name: str) -> Script:
    """Return the script called *name*; every one that reads shares what reads share."""
    folder = files(__package__ or "authority_redis").joinpath("lua")
    common = "" if name in ("commit", "rehearse") else folder.joinpath("common.lua").read_text(encoding="ascii")
    text = common + folder.joinpath(f"{name}.lua").read_text(encoding="ascii")
    return Script(text, sha1(text.encode("ascii"), usedforsecurity=False).hexdigest())  # the name that Redis gives it


class Link(Protocol):
    """A client with its pool of connections."""

    async def run(self, name: str, keys: Sequence[str], arguments: Sequence[Text | int], *, again: bool) -> Any:
        """Return what the script *name* answers, in one round trip once the server knows it.

        *again* allows a second try on a new connection, for what only reads.
        """
        ...

    async def ask(self, *words: Text, beside: str | None = None) -> Any:
        """Return the answer to a command that only reads; of a cluster, the node that holds the key *beside* is asked.

        Without *beside* the first word after the command is the key.
        """
        ...
