"""The authorization code grant (RFC 6749 §4.1, RFC 7636, OpenID Connect Core §3.1.3)."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta

from attrs import evolve, field, frozen

from ...kernel.changes import Change, Decision, Put, Revoke, Spend
from ...kernel.encoding import digest
from ...kernel.events import CodeReplayed, TokenIssued
from ...kernel.moment import Moment, expired
from ...kernel.problems import Problem, refuse
from ...kernel.records import AuthorizationCode, Client, Grant, Stored
from ...kernel.requests import Form
from ...kernel.settings import Settings
from ...kernel.values import join_words, transient
from ..checks.pkce import proves
from ..checks.resource import narrowed_audience
from ..mint.access import mint_access_token
from ..mint.id_token import mint_id_token
from ..mint.refresh import KIND as REFRESH
from ..mint.refresh import may_refresh, refresh_record
from ..mint.tokens import Tokens
from .base import Outcome, Reads

KIND = "authorization_code"
Facts = Stored[AuthorizationCode] | None

_REFUSED = refuse("invalid_grant", "The code is wrong, expired, used, or not this client's.")


@transient
class CodeRequest:
    """A client's attempt to redeem a code."""

    client: Client
    code: str = field(repr=False)
    redirect_uri: str | None
    verifier: str | None = field(repr=False)
    resource: tuple[str, ...]


@frozen
class AuthorizationCodeGrant:
    """`authorization_code`: a code is redeemed once, by its client, with its redirect URI and its verifier."""

    name = "authorization_code"

    def parse(self, form: Form, client: Client) -> CodeRequest:
        """Type the request."""
        return CodeRequest(
            client, form.require("code"), form.get("redirect_uri"), form.get("code_verifier"), form.all("resource")
        )

    def load(self, request: CodeRequest, reads: Reads) -> Awaitable[Facts]:
        """Read the code with its mark and the state of its grant."""
        return reads.code(digest(KIND, request.code))

    def decide(self, request: CodeRequest, facts: Facts, policy: Settings, moment: Moment) -> Outcome:
        """Decide. Who cannot prove the verifier changes nothing: a stranger must not burn the client's code."""
        if facts is None:
            return Decision(_REFUSED)
        code, client = facts.record, request.client
        # RFC 6749 §4.1.3: issued to this client.
        if code.grant.client_id != client.client_id:
            return Decision(_REFUSED)
        # RFC 6749 §4.1.3: the same redirect URI; with PKCE it may be left out (OAuth 2.1 §4.1.3).
        if not _same_redirect(code, request):
            return Decision(_REFUSED)
        proved = proves(request.verifier, code.code_challenge, code.code_challenge_method)
        # RFC 6749 §4.1.2: a code used before is refused, and what came of it is revoked.
        if facts.spent is not None:
            if expired(code.keep_until, moment.now):  # as if it were forgotten: cleaning up decides nothing
                return Decision(_REFUSED)
            honest = proved and moment.now < facts.spent.at + timedelta(seconds=policy.code_replay_interval)
            return _replayed(code.grant, moment, revoke=not honest)
        # RFC 7636 §4.6: the verifier proves the challenge.
        if not proved:
            return Decision(_REFUSED)
        # RFC 6749 §4.1.2: in time.
        if expired(code.expires_at, moment.now):
            return Decision(_REFUSED)
        # Liveness is the grant's: its session or subject may have been ended since.
        if facts.grant is not None and facts.grant.revoked_at is not None:
            return Decision(_REFUSED)
        if client.tokens_valid_after is not None and code.grant.created_at <= client.tokens_valid_after:
            return Decision(_REFUSED)
        try:
            audience = narrowed_audience(request.resource, code.grant.audience)
        except Problem as problem:  # RFC 8707 §2.2
            return Decision(problem.refusal)
        return _redeemed(facts, client, audience, policy, moment)


def _same_redirect(code: AuthorizationCode, request: CodeRequest) -> bool:
    if request.redirect_uri is None:
        return code.code_challenge is not None
    return request.redirect_uri == code.redirect_uri


def _replayed(grant: Grant, moment: Moment, *, revoke: bool) -> Outcome:
    changes: tuple[Change, ...] = ()
    if revoke:
        changes = (Revoke("grant", grant.grant_id, moment.now, grant.keep_until, "code replayed"),)
    replayed = CodeReplayed(
        client_id=grant.client_id, subject=grant.subject, grant_id=grant.grant_id, revoked=revoke
    )
    return Decision(_REFUSED, changes, (replayed,))


def _redeemed(
    facts: Stored[AuthorizationCode], client: Client, audience: tuple[str, ...], policy: Settings, moment: Moment
) -> Outcome:
    code = facts.record
    grant = code.grant
    if not grant.scope <= client.scopes:  # what the client may no longer have disappears silently
        grant = evolve(grant, scope=grant.scope & client.scopes)
    access = mint_access_token(
        policy, client, subject=grant.subject, grant=grant, scope=grant.scope, audience=audience, moment=moment
    )
    changes: list[Change] = [Spend(code.key, moment.now, code.keep_until), Put(grant), *access.changes]
    refresh_token = None
    if may_refresh(client, grant.scope, policy):
        refresh_token = moment.token(REFRESH)
        changes.append(Put(refresh_record(refresh_token, grant, 0, policy, moment)))
    id_token = None
    if "openid" in grant.scope:
        id_token = mint_id_token(policy, client, grant, nonce=code.nonce, moment=moment)
    issued = TokenIssued(
        client_id=client.client_id,
        subject=grant.subject,
        session_id=grant.session_id,
        grant_id=grant.grant_id,
        grant_type=AuthorizationCodeGrant.name,
        scope=join_words(grant.scope),
        token_id=access.token_id,
    )
    return Decision(Tokens(access, refresh_token, id_token, facts.holder), tuple(changes), (issued,))
