"""What an API learns from an access token, and which scopes it asks for. Knows no transport and no framework."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from types import MappingProxyType

from attrs import field, frozen

from ..kernel.encoding import Json
from ..kernel.jose import InvalidToken, audiences
from ..kernel.problems import ConfigurationError
from ..kernel.values import split_words


@frozen(kw_only=True)
class VerifiedToken:
    """An access token that was genuine, meant for this API and alive when it was looked at.

    *subject* is the person, or the client itself when no person is involved (RFC 9068 §2.2). *claims* is everything
    the issuer said, read-only to the last level. The token's text is not kept.
    """

    issuer: str
    subject: str
    client_id: str
    scope: frozenset[str]
    audience: tuple[str, ...]
    expires_at: datetime
    issued_at: datetime | None
    token_id: str | None
    claims: Mapping[str, object] = field(repr=False, eq=False)


@frozen
class Needs:
    """The scopes that a request needs: every one of *all_of*, and, if *any_of* is not empty, one of those.

    Raises:
        ConfigurationError: A name is not a scope's (RFC 6749 §3.3).
    """

    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        faults = [f"{name!r:.40} is not a scope name." for name in self.all_of + self.any_of if not _is_scope(name)]
        if faults:
            raise ConfigurationError(faults)

    def met_by(self, scope: frozenset[str]) -> bool:
        """Tell whether *scope* is enough."""
        return scope.issuperset(self.all_of) and (not self.any_of or not scope.isdisjoint(self.any_of))

    def words(self) -> str:
        """Return the scopes as the `scope` attribute of a challenge lists them (RFC 6750 §3)."""
        return " ".join(dict.fromkeys(self.all_of + self.any_of))


def _is_scope(name: object) -> bool:
    # scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
    return isinstance(name, str) and name != "" and all("!" <= char <= "~" and char not in '"\\' for char in name)


def read_claims(claims: Json, issuer: str) -> VerifiedToken:
    """Return *claims*, which are already proved, as a value; raises `InvalidToken` when their shape is wrong."""
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise InvalidToken("the scope is malformed")
    if "cnf" in claims or claims.get("token_type", "Bearer") != "Bearer":
        # A token bound to a key is no bearer token: without its proof it is stolen goods (RFC 9449 §7.1, RFC 8705 §3).
        raise InvalidToken("the token is bound to a key")
    expires_at = _time(claims, "exp")
    if expires_at is None:
        raise InvalidToken("the token has no end")
    token_id = claims.get("jti")
    return VerifiedToken(
        issuer=issuer,
        subject=_text(claims, "sub"),
        client_id=_text(claims, "client_id"),
        scope=split_words(scope),
        audience=audiences(claims),
        expires_at=expires_at,
        issued_at=_time(claims, "iat"),
        token_id=token_id if isinstance(token_id, str) else None,
        claims=MappingProxyType({name: _still(value) for name, value in claims.items()}),
    )


def _text(claims: Json, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidToken(f"the claim {name} is missing")
    return value


def _time(claims: Json, name: str) -> datetime | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidToken("a time is malformed")
    try:
        return datetime.fromtimestamp(value, timezone.utc)
    except (OverflowError, ValueError, OSError):
        raise InvalidToken("a time is malformed") from None


def _still(value: object) -> object:
    """Return *value* so that no reader can change what another reads."""
    if isinstance(value, dict):
        return MappingProxyType({name: _still(one) for name, one in value.items()})
    if isinstance(value, list):
        return tuple(_still(one) for one in value)
    return value
