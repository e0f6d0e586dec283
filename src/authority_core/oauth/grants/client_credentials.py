"""The client credentials grant (RFC 6749 §4.4): a confidential client acts for itself."""

from __future__ import annotations

from attrs import frozen

from ...kernel.changes import Decision
from ...kernel.events import TokenIssued
from ...kernel.moment import Moment
from ...kernel.problems import Problem, refuse
from ...kernel.records import Client
from ...kernel.requests import Form
from ...kernel.settings import Settings
from ...kernel.values import join_words, transient
from ..checks.resource import allowed_audience
from ..checks.scope import parse_scope
from ..mint.access import mint_access_token
from ..mint.tokens import Tokens
from .base import Outcome, Reads

USER_SCOPES = frozenset({"openid", "offline_access"})
"""Scopes that speak of a person, and there is none here."""


@transient
class ClientCredentialsRequest:
    """A request of a client for itself."""

    client: Client
    scope: frozenset[str] | None
    resource: tuple[str, ...]


@frozen
class ClientCredentials:
    """`client_credentials`: an access token and never a refresh token (RFC 6749 §4.4.3)."""

    name = "client_credentials"

    def parse(self, form: Form, client: Client) -> ClientCredentialsRequest:
        """Type the request."""
        return ClientCredentialsRequest(client, parse_scope(form.get("scope")), form.all("resource"))

    def load(self, request: ClientCredentialsRequest, reads: Reads) -> None:
        """Nothing is needed beyond the client."""

    def decide(
        self, request: ClientCredentialsRequest, facts: None, policy: Settings, moment: Moment
    ) -> Outcome:
        """Decide."""
        client = request.client
        # RFC 6749 §4.4: only confidential clients.
        if not client.confidential:
            return Decision(refuse("unauthorized_client", "This grant is for confidential clients."))
        scope = request.scope
        if scope is None:
            allowed = client.scopes - USER_SCOPES
            scope = (client.default_scopes or allowed) & allowed
        # RFC 6749 §3.3: nothing unknown, nothing beyond the client's allowance.
        elif not scope or not scope <= client.scopes or scope & USER_SCOPES:
            return Decision(refuse("invalid_scope", "The scope is unknown or not allowed to this client."))
        audience: tuple[str, ...] = (policy.audience,)
        if request.resource:  # RFC 8707 §2
            try:
                audience = allowed_audience(request.resource, default=policy.audience, allowed=client.audiences)
            except Problem as problem:
                return Decision(problem.refusal)
        access = mint_access_token(
            policy, client, subject=client.client_id, grant=None, scope=scope, audience=audience, moment=moment
        )
        issued = TokenIssued(
            client_id=client.client_id, grant_type=self.name, scope=join_words(scope), token_id=access.token_id
        )
        return Decision(Tokens(access), access.changes, (issued,))
