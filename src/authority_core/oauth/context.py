"""What the endpoints of this wing are built from: the shell, the keys, and the ports to people."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ..kernel.ports import ClaimsSource, Signer
from ..kernel.shell import Shell
from .grants.base import AnyGrant
from .mint.keys import KeyRing


@frozen(eq=False)
class OAuth:
    """The wing's parts. *signer* is the key ring unless a host signs elsewhere."""

    shell: Shell
    keys: KeyRing
    signer: Signer
    grants: Mapping[str, AnyGrant]
    claims: ClaimsSource
