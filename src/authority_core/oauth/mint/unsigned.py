"""A token described but not yet signed: what a pure decision returns in place of a JWT."""

from __future__ import annotations

from attrs import field

from ...kernel.encoding import Json
from ...kernel.records import Grant
from ...kernel.values import transient


@transient
class Unsigned:
    """Claims to be signed with the active key for *algorithm*, under the media type *typ*."""

    algorithm: str
    typ: str
    claims: Json = field(repr=False)


def add_authentication(claims: Json, grant: Grant) -> None:
    """Add to *claims* how and when the subject of *grant* was authenticated, as far as it is known."""
    if grant.auth_time is not None:
        claims["auth_time"] = int(grant.auth_time.timestamp())
    if grant.acr is not None:
        claims["acr"] = grant.acr
    if grant.amr:
        claims["amr"] = list(grant.amr)
    if grant.session_id is not None:
        claims["sid"] = grant.session_id
