"""What comes next for an authorization request: sign in, consent, a code, or a refusal. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import frozen

from ...kernel.changes import Put
from ...kernel.consents import holds
from ...kernel.encoding import digest
from ...kernel.moment import Moment, expired
from ...kernel.ports import Authentication
from ...kernel.problems import Refusal, refuse
from ...kernel.records import AuthorizationCode, Consent, Grant
from ...kernel.settings import Settings
from ..checks.redirect_uri import is_loopback
from ..grants.authorization_code import KIND
from .request import AuthorizationRequest

CODE_KEPT = timedelta(minutes=10)
"""How long a code's record outlives the code, to recognise a replay."""


@frozen(kw_only=True)
class Facts:
    """What is known when a step is decided.

    *asked_at* is when the request first came, once it has become an interaction; *hinted* is the subject that a
    verified `id_token_hint` names; *approved* is whether the person has just said yes.
    """

    authentication: Authentication | None
    consent: Consent | None = None
    asked_at: datetime | None = None
    hinted: str | None = None
    approved: bool = False


@frozen
class AskSignIn:
    """The person must sign in (again)."""


@frozen
class AskConsent:
    """The person must decide; *new* is what was not allowed before."""

    authentication: Authentication
    new: frozenset[str]


@frozen
class Allow:
    """The client gets a code."""

    authentication: Authentication


Step = AskSignIn | AskConsent | Allow | Refusal


def next_step(request: AuthorizationRequest, facts: Facts, moment: Moment) -> Step:
    """Decide the next step (OpenID Connect Core §3.1.2.3, §3.1.2.4)."""
    silent = "none" in request.prompt
    authentication = facts.authentication
    if authentication is None or not _fresh(request, authentication, facts, moment):
        return refuse("login_required", "The person must sign in.") if silent else AskSignIn()
    if facts.hinted is not None and facts.hinted != authentication.subject:
        return refuse("login_required", "Another person is signed in.") if silent else AskSignIn()
    if facts.approved:
        return Allow(authentication)
    missing = _not_yet_allowed(request, facts.consent, moment)
    if "consent" in request.prompt or missing:
        if silent:
            return refuse("consent_required", "The person must consent.")
        return AskConsent(authentication, missing or frozenset())
    return Allow(authentication)


def _fresh(
    request: AuthorizationRequest, authentication: Authentication, facts: Facts, moment: Moment
) -> bool:
    """Tell whether the sign-in is recent enough: for `prompt=login` it must have happened inside this transaction."""
    here = facts.asked_at is not None and authentication.auth_time >= facts.asked_at
    if request.prompt & {"login", "select_account"} and not here:
        return False
    if request.max_age is not None and not here:
        return not expired(authentication.auth_time + timedelta(seconds=request.max_age), moment.now)
    return True


def _not_yet_allowed(
    request: AuthorizationRequest, consent: Consent | None, moment: Moment
) -> frozenset[str]:
    """Return the scopes that need asking; all of them for a client whose identity nobody can prove (RFC 8252 §8.6)."""
    if not rememberable(request):
        return request.scope
    if request.client.first_party:
        return frozenset()
    if consent is None or not holds(consent, request.client, moment.now):
        return request.scope
    return request.scope - consent.scope


def rememberable(request: AuthorizationRequest) -> bool:
    """Tell whether consent may be remembered: not for public clients that live on the person's own machine."""
    uri = request.back.redirect_uri
    return request.client.confidential or (uri.startswith("https://") and not is_loopback(uri))


def issue_code(
    request: AuthorizationRequest, authentication: Authentication, settings: Settings, moment: Moment
) -> tuple[str, Put]:
    """Return a code and the change that stores it, with the grant it will become (RFC 6749 §4.1.2)."""
    code = moment.token(KIND)
    ends = moment.now + timedelta(seconds=settings.refresh_token_absolute_ttl)
    if "refresh_token" not in request.client.grant_types:
        ends = moment.now + timedelta(seconds=settings.code_ttl + settings.access_token_ttl)
    grant = Grant(
        grant_id=moment.identifier("grant"),
        client_id=request.client.client_id,
        subject=authentication.subject,
        grant_type="authorization_code",
        scope=request.scope,
        audience=request.audience,
        created_at=moment.now,
        expires_at=ends,
        session_id=authentication.session_id if settings.revoke_tokens_on_session_end else None,
        auth_time=authentication.auth_time,
        acr=authentication.acr,
        amr=authentication.amr,
        keep_until=ends + timedelta(days=1),
    )
    expires_at = moment.now + timedelta(seconds=settings.code_ttl)
    record = AuthorizationCode(
        key=digest(KIND, code),
        grant=grant,
        redirect_uri=request.back.redirect_uri,
        nonce=request.nonce,
        code_challenge=request.code_challenge,
        code_challenge_method=request.code_challenge_method,
        expires_at=expires_at,
        keep_until=expires_at + CODE_KEPT,
    )
    return code, Put(record)
