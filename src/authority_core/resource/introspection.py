"""Asking the issuer about each token (RFC 7662): for opaque tokens, and where a revoked token must stop at once."""

from __future__ import annotations

import base64
import copy
from datetime import datetime, timedelta
from typing import Self
from urllib.parse import quote_plus, urlencode

from ..kernel.encoding import Digest, Json, digest
from ..kernel.jose import Expired, InvalidToken, check_claims
from ..kernel.moment import MomentSource, expired, instant, system_moment
from ..kernel.ports import Offload
from ..kernel.problems import ConfigurationError
from ..kernel.sync import run
from ..kernel.values import Secret
from .discovery import metadata_of
from .fetch import BlockingFetch, Fetch, FetchFailed, FetchRequest, StandardFetch
from .reach import Gate, Reach, ask_json, permitted
from .refusals import CannotVerify, Challenge, TokenInvalid
from .verified import VerifiedToken, read_claims
from .verifier import common_faults

MOST_CACHE = 300
_MOST_ANSWERS = 1024


class Introspector:
    """Asks *issuer* whether a token is alive and what it says.

    Args:
        issuer: The issuer, exactly as it names itself.
        audience: This API, as tokens name it in `aud`.
        client_id: The client this API asks as; the issuer must let it see tokens of *audience*.
        client_secret: Its secret, sent in the `Authorization` header (RFC 6749 §2.3.1).
        endpoint: The introspection endpoint; found by discovery when absent.
        cache: Seconds that an answer is used again, at most 300 and never beyond the token's end. 0 asks every time;
            anything else lets a revoked token live that much longer.
        leeway: Seconds that the clocks may differ, at most 60.
        realm: Names the protected area in `WWW-Authenticate`.
        resource_metadata: Address of this API's RFC 9728 document, for `WWW-Authenticate`.
        fetch: HTTP out, of either colour.
        gate: Admits one discovery at a time; needed with an asynchronous *fetch*, such as `asyncio.Lock()`.
        allow_loopback_http: Let an https issuer have its endpoint at plain http on a loopback host.
        moment: The clock.

    Raises:
        ConfigurationError: With every fault at once.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        client_id: str,
        client_secret: str | Secret,
        endpoint: str | None = None,
        cache: int = 0,
        leeway: int = 30,
        realm: str = "api",
        resource_metadata: str | None = None,
        fetch: Fetch | BlockingFetch | None = None,
        gate: Gate | None = None,
        allow_loopback_http: bool = False,
        moment: MomentSource = system_moment,
    ) -> None:
        rule = permitted(issuer, allow_loopback_http=allow_loopback_http)
        secret = client_secret if isinstance(client_secret, Secret) else Secret(client_secret)
        faults = common_faults(issuer, audience, leeway, realm, resource_metadata)
        if endpoint is not None and not rule(endpoint):
            faults.append("endpoint must be an https URL, or http on a loopback host in development.")
        if not client_id or not secret:
            faults.append("client_id and client_secret must be given: an issuer answers no stranger.")
        if not 0 <= cache <= MOST_CACHE:
            faults.append(f"cache must be a number of seconds from 0 to {MOST_CACHE}.")
        if faults:
            raise ConfigurationError(faults)
        self.issuer = issuer
        self.audience = audience
        self.challenge = Challenge(realm, resource_metadata)
        self._credentials = _basic(client_id, secret)
        self._endpoint = endpoint
        self._leeway = leeway
        self._moment = moment
        self._reach = Reach.by(StandardFetch(moment=moment) if fetch is None else fetch, gate)
        self._metadata = metadata_of(issuer, rule, moment)
        self._span = timedelta(seconds=cache)
        self._answers: dict[Digest, tuple[VerifiedToken, datetime]] = {}

    @property
    def blocking(self) -> bool:
        """Whether asking the issuer holds up the thread."""
        return self._reach.blocking is not None

    def offloaded(self, offload: Offload, gate: Gate) -> Self:
        """Return the same introspector, with the same cache, that asks through *offload*."""
        other = copy.copy(self)
        other._reach = self._reach.offloaded(offload, gate)
        return other

    async def verify(self, token: str) -> VerifiedToken:
        """Return what the issuer says about *token*.

        Raises:
            TokenInvalid: It is not alive, or not meant for this API.
            CannotVerify: The issuer cannot be asked, or refuses to answer this API.
        """
        key = digest("introspected", token)
        known = self._answers.get(key)
        if known is not None and not expired(known[1], instant(self._moment)):
            return known[0]
        try:
            answer = await self._ask(token)
            found = self._judged(answer)
        except InvalidToken as error:
            raise TokenInvalid(self.challenge, reason=str(error)) from None
        except FetchFailed as error:
            raise CannotVerify(self.challenge, reason=str(error)) from error
        self._keep(key, found)
        return found

    def verify_sync(self, token: str) -> VerifiedToken:
        """Do as `verify` does, in a synchronous program."""
        return run(self.verify(token))

    async def _ask(self, token: str) -> Json:
        url = self._endpoint or (await self._metadata.get(self._reach)).introspection_endpoint
        if url is None:
            raise FetchFailed("the metadata names no usable introspection_endpoint")
        headers = (
            ("authorization", self._credentials.reveal()),
            ("content-type", "application/x-www-form-urlencoded"),
        )
        form = urlencode({"token": token, "token_type_hint": "access_token"}).encode("ascii")
        return await ask_json(self._reach.fetch, FetchRequest(method="POST", url=url, headers=headers, body=form))

    def _judged(self, answer: Json) -> VerifiedToken:
        if answer.get("active") is not True:  # RFC 7662 §2.2: a boolean; "true" is not true
            raise InvalidToken("not active")
        if answer.get("token_use", "access") != "access":
            raise InvalidToken("not an access token")
        # `iss` is optional in RFC 7662 §2.2: whoever answered is the issuer by TLS. If it is there it must be right.
        named = {"iss": self.issuer} | answer
        now = instant(self._moment)
        try:
            check_claims(named, issuer=self.issuer, audience=self.audience, now=now, skew=self._leeway)
        except Expired:
            raise InvalidToken("expired") from None
        return read_claims(named, self.issuer)

    def _keep(self, key: Digest, found: VerifiedToken) -> None:
        if not self._span:
            return
        if len(self._answers) >= _MOST_ANSWERS:
            self._answers.clear()  # rare, safe between threads, and costs one question a token
        self._answers[key] = (found, min(instant(self._moment) + self._span, found.expires_at))


def _basic(client_id: str, secret: Secret) -> Secret:
    # RFC 6749 §2.3.1: both are form-encoded before they are joined.
    pair = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
    return Secret("Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii"))
