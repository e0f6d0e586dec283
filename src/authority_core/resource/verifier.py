"""Local verification of JWT access tokens (RFC 9068): by the issuer's published keys, without asking about each token.

A token is judged as it was issued: one that was revoked since passes until it expires. Where that is too late, ask
with `Introspector`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Self

from ..kernel.jose import ALGORITHMS, Expired, InvalidToken, check_claims, unverified_kid, verify
from ..kernel.moment import MomentSource, instant, system_moment
from ..kernel.ports import Offload
from ..kernel.problems import ConfigurationError
from ..kernel.sync import run
from .discovery import keys_of, metadata_of
from .fetch import BlockingFetch, Fetch, FetchFailed, StandardFetch
from .reach import Gate, Reach, permitted
from .refusals import CannotVerify, Challenge, TokenExpired, TokenInvalid
from .verified import VerifiedToken, read_claims

MOST_LEEWAY = 60
_TYPES = frozenset({"at+jwt"})  # RFC 9068 §2.1: an ID token never passes for an access token


class TokenVerifier:
    """Verifies the access tokens that *issuer* makes for *audience*.

    Args:
        issuer: The issuer, exactly as it names itself; https, or http on a loopback host in development.
        audience: This API, as tokens name it in `aud`. There is no verifying without it.
        algorithms: The signature algorithms that are accepted; the key decides which of them a token must use.
        leeway: Seconds that the clocks may differ, at most 60.
        realm: Names the protected area in `WWW-Authenticate`.
        resource_metadata: Address of this API's RFC 9728 document, for `WWW-Authenticate`.
        fetch: HTTP out, of either colour.
        gate: Admits one fetch at a time; needed with an asynchronous *fetch*, such as `asyncio.Lock()`.
        allow_loopback_http: Let an https issuer keep its keys at plain http on a loopback host.
        moment: The clock.

    Raises:
        ConfigurationError: With every fault at once.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        algorithms: Iterable[str] = ALGORITHMS,
        leeway: int = 30,
        realm: str = "api",
        resource_metadata: str | None = None,
        fetch: Fetch | BlockingFetch | None = None,
        gate: Gate | None = None,
        allow_loopback_http: bool = False,
        moment: MomentSource = system_moment,
    ) -> None:
        accepted = frozenset("EdDSA" if name == "Ed25519" else name for name in algorithms)
        faults = common_faults(issuer, audience, leeway, realm, resource_metadata)
        if not accepted or not accepted.issubset(ALGORITHMS):
            faults.append(f"algorithms must be some of {', '.join(ALGORITHMS)}.")
        if faults:
            raise ConfigurationError(faults)
        self.issuer = issuer
        self.audience = audience
        self.challenge = Challenge(realm, resource_metadata)
        self._leeway = leeway
        self._moment = moment
        self._reach = Reach.by(StandardFetch(moment=moment) if fetch is None else fetch, gate)
        rule = permitted(issuer, allow_loopback_http=allow_loopback_http)
        self._keys = keys_of(metadata_of(issuer, rule, moment), accepted, moment)

    @property
    def blocking(self) -> bool:
        """Whether fetching keys holds up the thread."""
        return self._reach.blocking is not None

    def offloaded(self, offload: Offload, gate: Gate) -> Self:
        """Return the same verifier, with the same cache, that fetches keys through *offload*."""
        other = copy.copy(self)
        other._reach = self._reach.offloaded(offload, gate)
        return other

    async def verify(self, token: str) -> VerifiedToken:
        """Return what *token* says.

        Raises:
            TokenInvalid: It is not one that this API accepts; `TokenExpired` if that is all that is wrong.
            CannotVerify: The issuer's keys are not to be had.
        """
        try:
            kid = unverified_kid(token)
            keys = await self._keys.get(self._reach, lambda held: kid is None or kid in held.kids)
            claims = verify(token, keys.keys, typ=_TYPES).claims  # RFC 9068 §4
            now = instant(self._moment)
            check_claims(claims, issuer=self.issuer, audience=self.audience, now=now, skew=self._leeway)
            return read_claims(claims, self.issuer)
        except Expired:
            raise TokenExpired(self.challenge) from None
        except InvalidToken as error:
            raise TokenInvalid(self.challenge, reason=str(error)) from None
        except FetchFailed as error:
            raise CannotVerify(self.challenge, reason=str(error)) from error

    def verify_sync(self, token: str) -> VerifiedToken:
        """Do as `verify` does, in a synchronous program."""
        return run(self.verify(token))


def common_faults(issuer: str, audience: str, leeway: int, realm: str, resource_metadata: str | None) -> list[str]:
    """Return what is wrong with the arguments that every verifier takes, one sentence each."""
    faults = []
    if not permitted(issuer, allow_loopback_http=False)(issuer) or "?" in issuer or "#" in issuer:
        faults.append("issuer must be an https URL without query and fragment, or http on a loopback host.")
    if not audience:
        faults.append("audience must name this API: a token that is good everywhere is good for an attacker.")
    if not 0 <= leeway <= MOST_LEEWAY:
        faults.append(f"leeway must be a number of seconds from 0 to {MOST_LEEWAY}.")
    if not all(text.isascii() and text.isprintable() for text in (realm, resource_metadata or "")):
        faults.append("realm and resource_metadata must be printable ASCII.")
    return faults
