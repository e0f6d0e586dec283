"""A token described but not yet signed: what a pure decision returns in place of a JWT."""

from __future__ import annotations

from attrs import field

from ...kernel.encoding import Json
from ...kernel.values import transient


@transient
class Unsigned:
    """Claims to be signed with the active key for *algorithm*, under the media type *typ*."""

    algorithm: str
    typ: str
    claims: Json = field(repr=False)
