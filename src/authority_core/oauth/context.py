"""What the endpoints of this wing are built from: the shell, the keys, and the ports to people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from attrs import frozen

from ..kernel.ports import ClaimsSource, Signer
from ..kernel.records import Holder
from ..kernel.shell import Shell
from ..kernel.values import Soon
from .client_auth.slow_secrets import SlowSecrets
from .grants.base import AnyGrant
from .mint.keys import KeyRing

MayAct = Callable[[str, Holder | None, datetime], Soon[bool]]
"""Tells whether a subject may act at an instant: at once when storage has looked at its account already."""


def by_claims(source: ClaimsSource) -> MayAct:
    """Return the rule for a host's own people: who has claims, even none of them, may act."""

    async def may_act(subject: str, holder: Holder | None, now: datetime) -> bool:
        # A host's own source may answer anything; only claims mean yes.
        return isinstance(await source.claims(subject, frozenset()), Mapping)

    return may_act


@frozen(eq=False)
class OAuth:
    """The wing's parts. *signer* is the key ring unless a host signs elsewhere."""

    shell: Shell
    secrets: SlowSecrets
    keys: KeyRing
    signer: Signer
    grants: Mapping[str, AnyGrant]
    claims: ClaimsSource
    may_act: MayAct
