"""The refresh token grant with rotation (RFC 6749 §6, RFC 9700 §4.14, OpenID Connect Core §12).

Each use spends the token presented and answers with its one derived successor. A repeat within the reuse interval
gets the same successor again, as long as that is unspent; any later repeat revokes the grant.
"""

from __future__ import annotations

from datetime import timedelta

from attrs import field, frozen

from ...kernel.changes import Change, Decision, Put, Revoke, Spend
from ...kernel.encoding import digest
from ...kernel.events import RefreshReplayed, TokenIssued
from ...kernel.moment import Moment, expired
from ...kernel.problems import Problem, refuse
from ...kernel.records import Client, Grant, RefreshToken, Spent, Stored
from ...kernel.requests import Form
from ...kernel.settings import Settings
from ...kernel.values import join_words, transient
from ..checks.lifetime import over
from ..checks.resource import narrowed_audience
from ..checks.scope import narrowed_scope, parse_scope
from ..mint.access import mint_access_token
from ..mint.id_token import mint_id_token
from ..mint.refresh import KIND, refresh_record, successor_of
from ..mint.tokens import Tokens
from .base import Outcome, Reads

_REFUSED = refuse("invalid_grant", "The refresh token is wrong, expired, used, or not this client's.")


@transient
class RefreshRequest:
    """A client's attempt to refresh."""

    client: Client
    token: str = field(repr=False)
    scope: frozenset[str] | None
    resource: tuple[str, ...]


@transient
class RefreshFacts:
    """The token, its grant and mark; and whether its successor was used, when it has one."""

    stored: Stored[RefreshToken] | None
    successor_used: bool = False


@frozen
class RefreshTokenGrant:
    """`refresh_token`: at most one live refresh token per grant, ever."""

    name = "refresh_token"

    def parse(self, form: Form, client: Client) -> RefreshRequest:
        """Type the request."""
        return RefreshRequest(
            client, form.require("refresh_token"), parse_scope(form.get("scope")), form.all("resource")
        )

    async def load(self, request: RefreshRequest, reads: Reads) -> RefreshFacts:
        """Read the token; and, only when it was used before, its successor."""
        stored = await reads.refresh_token(digest(KIND, request.token))
        if stored is None or stored.spent is None:
            return RefreshFacts(stored)
        successor = await reads.refresh_token(digest(KIND, successor_of(request.token, stored.spent.salt)))
        return RefreshFacts(stored, successor_used=successor is None or successor.spent is not None)

    def decide(self, request: RefreshRequest, facts: RefreshFacts, policy: Settings, moment: Moment) -> Outcome:
        """Decide."""
        stored, client = facts.stored, request.client
        if stored is None or stored.grant is None:
            return Decision(_REFUSED)
        grant = stored.grant
        # RFC 6749 §6: issued to this client; a stranger's attempt changes nothing.
        if grant.client_id != client.client_id:
            return Decision(_REFUSED)
        # Liveness is the grant's.
        if grant.revoked_at is not None or over(grant, policy, moment.now):
            return Decision(_REFUSED)
        if client.tokens_valid_after is not None and grant.created_at <= client.tokens_valid_after:
            return Decision(_REFUSED)
        # RFC 9700 §4.14.2: reuse ends the grant, except an immediate repeat whose successor nobody has used.
        spent = stored.spent
        if spent is not None and not _repeats(spent, facts, policy, moment):
            if expired(stored.record.keep_until, moment.now):  # as if it were forgotten: cleaning up decides nothing
                return Decision(_REFUSED)
            return _replayed(grant, moment)
        if expired(stored.record.expires_at, moment.now):
            return Decision(_REFUSED)
        # What the client may no longer have disappears silently; asking beyond the grant is refused (RFC 6749 §6).
        try:
            scope = narrowed_scope(request.scope, grant.scope & client.scopes)
            audience = narrowed_audience(request.resource, grant.audience)
        except Problem as problem:
            return Decision(problem.refusal)
        return _refreshed(request, stored, grant, scope, audience, policy, moment)


def _repeats(spent: Spent, facts: RefreshFacts, policy: Settings, moment: Moment) -> bool:
    interval = policy.refresh_token_reuse_interval
    # 0 is strict whatever the clocks say: the mark may come from a process whose clock is ahead of ours.
    in_time = interval > 0 and moment.now < spent.at + timedelta(seconds=interval)
    return in_time and not facts.successor_used


def _replayed(grant: Grant, moment: Moment) -> Outcome:
    replayed = RefreshReplayed(
        client_id=grant.client_id, subject=grant.subject, session_id=grant.session_id, grant_id=grant.grant_id
    )
    revoke = Revoke("grant", grant.grant_id, moment.now, grant.keep_until, "refresh token replayed")
    return Decision(_REFUSED, (revoke,), (replayed,))


def _refreshed(
    request: RefreshRequest,
    stored: Stored[RefreshToken],
    grant: Grant,
    scope: frozenset[str],
    audience: tuple[str, ...],
    policy: Settings,
    moment: Moment,
) -> Outcome:
    client, record, spent = request.client, stored.record, stored.spent
    access = mint_access_token(
        policy, client, subject=grant.subject, grant=grant, scope=scope, audience=audience, moment=moment
    )
    changes: list[Change] = list(access.changes)
    salt = moment.salt("successor") if spent is None else spent.salt
    successor = successor_of(request.token, salt)
    if spent is None:
        changes.append(Spend(record.key, moment.now, record.keep_until, salt))
        changes.append(Put(refresh_record(successor, grant, record.generation + 1, policy, moment)))
    id_token = None
    if "openid" in scope:  # OpenID Connect Core §12.2: the same subject and auth_time, no nonce
        id_token = mint_id_token(policy, client, grant, nonce=None, moment=moment)
    issued = TokenIssued(
        client_id=client.client_id,
        subject=grant.subject,
        session_id=grant.session_id,
        grant_id=grant.grant_id,
        grant_type=RefreshTokenGrant.name,
        scope=join_words(scope),
        token_id=access.token_id,
        repeated=spent is not None,
    )
    return Decision(Tokens(access, successor, id_token, stored.holder), tuple(changes), (issued,))
