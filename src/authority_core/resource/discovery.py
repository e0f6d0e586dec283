"""Where an issuer keeps its keys and its introspection endpoint, by discovery, and which keys those are.

Only documents of the configured issuer are read; no address in a token is ever followed (RFC 8725 §3.10).
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from ..kernel.encoding import Json
from ..kernel.jose import PublicKey
from ..kernel.moment import MomentSource
from .cached import Cached
from .fetch import Fetch, FetchFailed, FetchRequest
from .reach import ask_json

METADATA_FRESH = 3600
"""Seconds that issuer metadata is used without asking again."""
KEYS_FRESH = 600
"""Seconds that a key set is used without asking again."""

Rule = Callable[[str], bool]


@frozen
class IssuerMetadata:
    """The part of an issuer's metadata that an API needs; an address that is not permitted is absent."""

    jwks_uri: str | None
    introspection_endpoint: str | None


@frozen(eq=False)
class KeySet:
    """The keys of one issuer that may sign access tokens."""

    keys: tuple[PublicKey, ...]
    kids: frozenset[str]


def metadata_of(issuer: str, rule: Rule, moment: MomentSource) -> Cached[IssuerMetadata]:
    """Return the metadata of *issuer*, fetched when first needed (OpenID Connect Discovery §4)."""
    url = issuer.rstrip("/") + "/.well-known/openid-configuration"

    async def load(fetch: Fetch) -> IssuerMetadata:
        document = await ask_json(fetch, FetchRequest(method="GET", url=url))
        if document.get("issuer") != issuer:  # exactly equal: RFC 8414 §3.3, OpenID Connect Discovery §4.3
            raise FetchFailed("the metadata is another issuer's")
        return IssuerMetadata(
            jwks_uri=_address(document, "jwks_uri", rule),
            introspection_endpoint=_address(document, "introspection_endpoint", rule),
        )

    return Cached(load, fresh=METADATA_FRESH, moment=moment)


def keys_of(metadata: Cached[IssuerMetadata], algorithms: frozenset[str], moment: MomentSource) -> Cached[KeySet]:
    """Return the keys for *algorithms* of the issuer that *metadata* is about."""

    async def load(fetch: Fetch) -> KeySet:
        url = (await metadata.peek(fetch)).jwks_uri
        if url is None:
            raise FetchFailed("the metadata names no usable jwks_uri")
        return _key_set(await ask_json(fetch, FetchRequest(method="GET", url=url)), algorithms)

    return Cached(load, fresh=KEYS_FRESH, moment=moment)


def _address(document: Json, name: str, rule: Rule) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and rule(value) else None


def _key_set(document: Json, algorithms: frozenset[str]) -> KeySet:
    members = document.get("keys")
    if not isinstance(members, list):
        raise FetchFailed("the key set is malformed")
    keys = tuple(key for jwk in members if (key := _key(jwk)) is not None and key.algorithm in algorithms)
    if not keys:
        raise FetchFailed("the key set holds no usable key")
    return KeySet(keys, frozenset(key.kid for key in keys if key.kid is not None))


def _key(jwk: object) -> PublicKey | None:
    """Return one member of the set, or `None`: keys that are not understood are passed over (RFC 7517 §5)."""
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
        return None
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        return PublicKey.from_jwk(jwk)
    except ValueError:
        return None
