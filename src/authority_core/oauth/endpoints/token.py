"""The token endpoint (RFC 6749 §3.2): one shell for every grant."""

from __future__ import annotations

from attrs import frozen

from ...kernel.changes import Decision
from ...kernel.events import TokenRefused
from ...kernel.problems import Problem, Refusal, refuse
from ...kernel.records import Client
from ...kernel.requests import Form, HttpRequest, parse_body
from ...kernel.responses import HttpResponse, error_response
from ...kernel.shell import ATTEMPTS, conflicting, origin_of
from ..client_auth.authenticate import authenticate_client
from ..context import OAuth
from ..mint.tokens import Tokens, sealed

_MAY_REPEAT = frozenset({"resource", "audience"})  # RFC 8707 §2, RFC 8693 §2.1

_GONE = refuse("invalid_grant", "The account is gone or may not sign in.")


@frozen(eq=False)
class TokenEndpoint:
    """`POST /token`."""

    oauth: OAuth

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with tokens, or with the error of RFC 6749 §5.2."""
        oauth, shell = self.oauth, self.oauth.shell
        origin, moment, form = origin_of(request), shell.moment(), read_post(request)
        name = form.require("grant_type")
        client = await authenticate_client(oauth.secrets, request, form, origin, moment.now)
        try:
            grant = oauth.grants.get(name)
            if grant is None or name not in client.grant_types:
                raise _no_grant(known=grant is not None)
            typed = grant.parse(form, client)
        except Problem as problem:
            await shell.report(origin, _refused(problem.refusal, name, client))
            raise
        for _ in range(ATTEMPTS):  # `Shell.act` written out: its closures would cost a tenth of our part of the request
            loading = grant.load(typed, shell.storage)
            decision = grant.decide(typed, None if loading is None else await loading, shell.settings, moment)
            answer = decision.answer
            if isinstance(answer, Tokens):
                person = answer.access.person
                if person is not None:
                    may = oauth.may_act(person, answer.holder, moment.now)
                    if (may if isinstance(may, bool) else await may) is not True:
                        answer, decision = _GONE, Decision(_GONE)
            if isinstance(answer, Refusal):
                decision = Decision(answer, decision.changes, (*decision.events, _refused(answer, name, client)))
                response = error_response(answer)
            else:
                sealing = sealed(answer, oauth.signer)
                response = sealing if isinstance(sealing, HttpResponse) else await sealing
            if await shell.commit(decision, origin, moment):
                return response
            moment = shell.moment()
        raise conflicting()


def _no_grant(*, known: bool) -> Problem:
    if known:
        return Problem("unauthorized_client", "The client is not registered for this grant type.")
    return Problem("unsupported_grant_type", "The grant type is not enabled here.")


def read_post(request: HttpRequest) -> Form:
    """Return the form of a POST to an endpoint for clients; parameters in the query are refused (RFC 6749 §3.2)."""
    if request.query:
        raise Problem("invalid_request", "Parameters belong in the body.")
    form = parse_body(request)
    if form.repeated:
        form.refuse_repeats(_MAY_REPEAT)
    return form


def _refused(refusal: Refusal, grant_type: str, client: Client) -> TokenRefused:
    known = grant_type if len(grant_type) <= 100 else None
    return TokenRefused(client_id=client.client_id, error=refusal.error, grant_type=known, reason=refusal.reason)
