"""A token answer: described by a grant's decision, sealed by the shell (RFC 6749 §5.1)."""

from __future__ import annotations

import string

from attrs import field

from ...kernel.encoding import quoted
from ...kernel.ports import Signer
from ...kernel.records import Holder
from ...kernel.responses import HttpResponse, json_text_response
from ...kernel.values import join_words, transient
from .access import MintedAccess
from .id_token import at_hash
from .unsigned import Unsigned

_ALPHABET = string.ascii_letters.encode() + string.digits.encode() + b"-_"


@transient
class Tokens:
    """What the token endpoint will answer, before signing. A custom grant returns one too."""

    access: MintedAccess
    refresh_token: str | None = field(default=None, repr=False)
    id_token: Unsigned | None = None
    holder: Holder | None = None
    """The account of the person, where it was read along with the grant."""


async def seal(tokens: Tokens, signer: Signer) -> HttpResponse:
    """Sign what is unsigned and return the answer. Raises `TypeError` when a signer's answer is no compact JWS."""
    minted = tokens.access
    access = minted.token
    if isinstance(access, Unsigned):
        access = await signer.sign(access.algorithm, access.typ, access.claims)
        text = _jws(access)
    else:
        text = quoted(access)
    more = ""
    if tokens.refresh_token is not None:
        more = f',"refresh_token":{quoted(tokens.refresh_token)}'
    if tokens.id_token is not None:
        unsigned = tokens.id_token
        claims = {**unsigned.claims, "at_hash": at_hash(access, unsigned.algorithm)}
        more += f',"id_token":{_jws(await signer.sign(unsigned.algorithm, unsigned.typ, claims))}'
    scope = quoted(join_words(minted.scope))
    return json_text_response(
        f'{{"access_token":{text},"token_type":"Bearer","expires_in":{minted.expires_in},"scope":{scope}{more}}}'
    )


def _jws(token: object) -> str:
    """Return the JSON text of a compact JWS: letters, digits and `-_`, two dots (RFC 7515 §7.1); none is escaped."""
    if not isinstance(token, str) or not token.isascii() or token.encode().translate(None, _ALPHABET) != b"..":
        raise TypeError("the signer answered with no compact JWS")
    return f'"{token}"'
