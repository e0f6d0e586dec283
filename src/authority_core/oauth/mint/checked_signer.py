"""A host's signer, looked at where it enters: what it answers becomes part of JSON as it is."""

from __future__ import annotations

import string
from collections.abc import Mapping

from attrs import frozen

from ...kernel.ports import Signer

_ALPHABET = string.ascii_letters.encode() + string.digits.encode() + b"-_"


@frozen(eq=False)
class CheckedSigner:
    """Implements the `Signer` port: hands on what *signer* answers, if it is a compact JWS."""

    signer: Signer

    async def sign(self, algorithm: str, typ: str, claims: Mapping[str, object]) -> str:
        """Return *claims* as *signer* signs them. Raises `TypeError` when its answer is no compact JWS."""
        signed = self.signer.sign(algorithm, typ, claims)
        return _compact(signed if isinstance(signed, str) else await signed)


def _compact(token: object) -> str:
    """Return *token*, which has letters, digits and `-_` and two dots (RFC 7515 §7.1): JSON escapes none of them."""
    if type(token) is not str or not token.isascii() or token.encode().translate(None, _ALPHABET) != b"..":
        raise TypeError("the signer answered with no compact JWS")
    return token
