"""What a grant is (RFC 6749 §1.3, §4.5).

`parse` is pure and types the request; `load` may wait but only read; `decide` is pure and has no port, so it cannot
wait. A refusal is returned, because it may carry changes: a replay revokes.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol, TypeVar

from ...kernel.changes import Decision
from ...kernel.moment import Moment
from ...kernel.ports import ClientReads, GrantReads
from ...kernel.problems import Refusal
from ...kernel.records import Client
from ...kernel.requests import Form
from ...kernel.settings import Settings
from ..mint.tokens import Tokens

Q = TypeVar("Q")
F = TypeVar("F")

Outcome = Decision[Tokens | Refusal]
"""Tokens or a refusal, with what to change and what to report."""


class Reads(ClientReads, GrantReads, Protocol):
    """What a grant may read. There is no `commit` here: a grant that writes does not type-check."""


class GrantType(Protocol[Q, F]):
    """One value of `grant_type`. Built-in grants implement exactly this.

    *Q* is the typed request that `parse` makes, *F* the facts that `load` gathers.
    """

    @property
    def name(self) -> str:
        """The `grant_type` value."""
        ...

    def parse(self, form: Form, client: Client) -> Q:
        """Return the typed request of an authenticated *client*; raises `Problem` when it is malformed."""
        ...

    def load(self, request: Q, reads: Reads) -> Awaitable[F] | None:
        """Gather the facts that the decision needs, in an `async def`.

        A plain `def` that returns `None` says that it needs none: `decide` gets `None` for its facts then. That is all
        that can be told at once, for only the grant knows its facts.
        """
        ...

    def decide(self, request: Q, facts: F, policy: Settings, moment: Moment) -> Outcome:
        """Decide: guards in the order of the specification, one reason each, then the one success."""
        ...


AnyGrant = GrantType[Any, Any]
"""A grant whose request and facts only it knows."""
