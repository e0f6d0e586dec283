"""What the endpoints of this wing are built from: the shell, the keys, and the ports to people."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ..kernel.ports import ClaimsSource, Origin, Signer, SignIn
from ..kernel.requests import HttpRequest
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


def origin_of(request: HttpRequest) -> Origin:
    """Return where *request* came from, for the audit trail."""
    agent = request.headers.get("user-agent")
    return Origin(
        ip_address=request.client_address,
        user_agent=agent[:512] if agent else None,
        request_id=request.request_id,
    )
