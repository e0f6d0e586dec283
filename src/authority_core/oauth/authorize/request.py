"""Reading an authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).

First the client and its redirect URI: until both are proved, nothing is ever sent to an address from the request
(RFC 6749 §4.1.2.1). Then everything else, whose faults go back to the client by redirect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import field, frozen

from ...kernel.problems import Problem
from ...kernel.records import Client
from ...kernel.requests import Form
from ...kernel.settings import Settings
from ..checks.pkce import check_challenge
from ..checks.redirect_uri import fault, matches
from ..checks.resource import allowed_audience
from ..checks.scope import allowed_scope, parse_scope

_PROMPTS = frozenset({"none", "login", "consent", "select_account"})
_MAY_REPEAT = frozenset({"resource"})  # RFC 8707 §2
LONGEST_NONCE = 512
LONGEST_STATE = 4096


@frozen
class Return:
    """Where an answer may be sent: a client and a redirect URI that it registered, proved to belong together."""

    client: Client
    redirect_uri: str
    state: str | None


@frozen(kw_only=True)
class AuthorizationRequest:
    """A request whose every parameter was checked."""

    back: Return
    scope: frozenset[str]
    audience: tuple[str, ...]
    nonce: str | None
    code_challenge: str | None = field(repr=False)
    code_challenge_method: Literal["S256", "plain"] | None
    prompt: frozenset[str]
    max_age: int | None
    id_token_hint: str | None = field(repr=False)

    @property
    def client(self) -> Client:
        """The client that asks."""
        return self.back.client


def client_id_of(form: Form) -> str:
    """Return the `client_id`; raises `Problem`, for a page."""
    client_id = form.get("client_id")
    if client_id is None:
        raise Problem("invalid_request", "The request names no application.")
    return client_id


def proved_return(form: Form, client: Client | None) -> Return:
    """Return where answers may go. Raises `Problem`, which must be shown on a page and never redirected."""
    if client is None or not client.active:
        raise Problem("invalid_request", "The application is not known here.", reason="unknown or inactive client")
    redirect_uri = form.get("redirect_uri")
    if redirect_uri is None:
        raise Problem("invalid_request", "The request has no redirect_uri.")
    if not matches(redirect_uri, client.redirect_uris, client.application_type):
        raise Problem("invalid_request", "The request has an invalid redirect_uri.", reason="not registered")
    # The rules of registration again: a URI that came into storage by another way must not lead anywhere.
    wrong = fault(
        redirect_uri, application_type=client.application_type, confidential=client.confidential, production=False
    )
    if wrong is not None:
        raise Problem("invalid_request", "The request has an invalid redirect_uri.", reason=wrong)
    state = None if "state" in form.repeated else form.get("state")
    return Return(client, redirect_uri, state if state is None or len(state) <= LONGEST_STATE else None)


def parse_request(form: Form, back: Return, settings: Settings) -> AuthorizationRequest:
    """Return the typed request. Raises `Problem`, to be sent to the client's redirect URI."""
    form.refuse_repeats(_MAY_REPEAT)
    client = back.client
    response_type = form.get("response_type")
    if response_type is None:
        raise Problem("invalid_request", "The response_type is missing.")
    if response_type != "code":
        raise Problem("unsupported_response_type", "Only response_type=code is supported.")
    if "authorization_code" not in client.grant_types:
        raise Problem("unauthorized_client", "The client is not registered for the authorization code grant.")
    _refuse_unsupported(form)
    if form.get("response_mode") not in (None, "query"):
        raise Problem("invalid_request", "Only response_mode=query is supported.")
    state = form.get("state")
    if (state is None and settings.require_state) or (state is not None and back.state is None):
        raise Problem("invalid_request", "The state is missing or too long.")
    challenge = form.get("code_challenge")
    method = check_challenge(
        challenge,
        form.get("code_challenge_method"),
        required=not (client.confidential and settings.allow_public_pkce_only),
        allow_plain=settings.allow_plain_pkce,
    )
    return AuthorizationRequest(
        back=back,
        scope=_scope(form, client, settings),
        audience=allowed_audience(form.all("resource"), default=settings.audience, allowed=client.audiences),
        nonce=_nonce(form),
        code_challenge=challenge,
        code_challenge_method=method,
        prompt=_prompt(form),
        max_age=_max_age(form),
        id_token_hint=form.get("id_token_hint"),
    )


def _refuse_unsupported(form: Form) -> None:
    if form.get("request") is not None:  # OpenID Connect Core §6.1
        raise Problem("request_not_supported", "Request objects are not supported.")
    if form.get("request_uri") is not None:  # OpenID Connect Core §6.2
        raise Problem("request_uri_not_supported", "request_uri is not supported.")


def _scope(form: Form, client: Client, settings: Settings) -> frozenset[str]:
    known = frozenset(scope.name for scope in settings.scopes)
    default = client.default_scopes or frozenset(settings.default_scopes)
    scope = allowed_scope(parse_scope(form.get("scope")), default=default, allowed=client.scopes & known)
    # OpenID Connect Core §11: offline access is ignored for clients that cannot refresh.
    return scope if "refresh_token" in client.grant_types else scope - {"offline_access"}


def _nonce(form: Form) -> str | None:
    nonce = form.get("nonce")
    if nonce is not None and len(nonce) > LONGEST_NONCE:
        raise Problem("invalid_request", "The nonce is too long.")
    return nonce


def _prompt(form: Form) -> frozenset[str]:
    words: Sequence[str] = (form.get("prompt") or "").split()
    prompt = frozenset(words)
    if not prompt <= _PROMPTS:
        raise Problem("invalid_request", "The prompt is unknown.")
    if "none" in prompt and len(prompt) > 1:  # OpenID Connect Core §3.1.2.1
        raise Problem("invalid_request", "prompt=none stands alone.")
    return prompt


def _max_age(form: Form) -> int | None:
    text = form.get("max_age")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise Problem("invalid_request", "The max_age must be a number of seconds.")
    return int(text)
