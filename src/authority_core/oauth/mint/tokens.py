"""A token answer: described by a grant's decision, sealed by the shell (RFC 6749 §5.1)."""

from __future__ import annotations

from functools import lru_cache

from attrs import field

from ...kernel.encoding import quoted
from ...kernel.ports import Signer
from ...kernel.records import Holder
from ...kernel.responses import JSON_NO_STORE, HttpResponse
from ...kernel.values import Soon, join_words, transient
from .access import MintedAccess
from .id_token import at_hash
from .unsigned import Unsigned


@transient
class Tokens:
    """What the token endpoint will answer, before signing. A custom grant returns one too."""

    access: MintedAccess
    refresh_token: str | None = field(default=None, repr=False)
    id_token: Unsigned | None = None
    holder: Holder | None = None
    """The account of the person, where it was read along with the grant."""


def sealed(tokens: Tokens, signer: Signer) -> Soon[HttpResponse]:
    """Return the answer of RFC 6749 §5.1, at once when there is nothing to sign.

    What *signer* answers needs no escape in JSON (`CheckedSigner`).
    """
    access = tokens.access.token
    if isinstance(access, str) and tokens.id_token is None:
        return _response(tokens, quoted(access))
    return _signed(tokens, signer)


async def _signed(tokens: Tokens, signer: Signer) -> HttpResponse:
    access, more = tokens.access.token, ""
    if isinstance(access, Unsigned):
        signed = signer.sign(access.algorithm, access.typ, access.claims)
        access = signed if isinstance(signed, str) else await signed
        text = f'"{access}"'
    else:
        text = quoted(access)
    if tokens.id_token is not None:
        unsigned = tokens.id_token
        claims = {**unsigned.claims, "at_hash": at_hash(access, unsigned.algorithm)}
        signed = signer.sign(unsigned.algorithm, unsigned.typ, claims)
        more = f',"id_token":"{signed if isinstance(signed, str) else await signed}"'
    return _response(tokens, text, more)


@lru_cache(maxsize=256)  # the same few scopes come with every request
def _scope_text(words: frozenset[str]) -> str:
    return quoted(join_words(words))


def _response(tokens: Tokens, access_token: str, more: str = "") -> HttpResponse:
    """Return the answer; *access_token* is JSON text, and *more* further members."""
    minted = tokens.access
    if tokens.refresh_token is not None:
        more += f',"refresh_token":{quoted(tokens.refresh_token)}'
    scope = _scope_text(minted.scope)
    text = f'{{"access_token":{access_token},"token_type":"Bearer","expires_in":{minted.expires_in},"scope":{scope}'
    return HttpResponse(200, JSON_NO_STORE, f"{text}{more}}}".encode())

