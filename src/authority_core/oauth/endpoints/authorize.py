"""The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2), up to the point where a person must act.

A request that can be answered at once is answered without a trace; otherwise it becomes an interaction, bound to the
browser, and the person is sent to sign in or to consent. Sign-in comes back here with the transaction.
"""

from __future__ import annotations

from urllib.parse import quote

from attrs import field, frozen

from ...kernel.browser import Browsers
from ...kernel.changes import Change, Decision, Spend
from ...kernel.events import AuthorizationRefused, CodeIssued
from ...kernel.jose import InvalidToken, audiences, verify
from ...kernel.moment import Moment
from ...kernel.ports import Authentication, SignIn
from ...kernel.problems import Problem, Refusal
from ...kernel.records import Interaction
from ...kernel.requests import Form, HttpRequest, parse_body, parse_query
from ...kernel.responses import Headers, HttpResponse, redirect
from ...kernel.shell import origin_of
from ...kernel.show import Screen
from ...kernel.values import join_words
from .. import interactions
from ..authorize.answer import code_answer, error_answer
from ..authorize.request import AuthorizationRequest, Return, client_id_of, parse_request, proved_return
from ..authorize.steps import Allow, AskConsent, AskSignIn, Facts, issue_code, next_step
from ..context import OAuth

CONSENT_PATH = "/consent"
LONGEST_REQUEST = 8192
_QUERY_SAFE = "%&=+-._~:/?@!$'()*,;"  # RFC 3986 §3.4, and what is escaped already
Answered = Decision[HttpResponse]


@frozen(eq=False)
class Authorization:
    """What the authorization and consent endpoints share."""

    oauth: OAuth
    sign_in: SignIn
    screen: Screen
    browsers: Browsers = field(repr=False)

    async def proved(self, form: Form) -> Return:
        """Return where answers to *form* may go; raises `Problem`, for a page."""
        client = await self.oauth.shell.storage.client(client_id_of(form))
        return proved_return(form, client)

    async def hinted_subject(self, request: AuthorizationRequest) -> str | None:
        """Return the subject of the request's `id_token_hint`, a token of ours for this client, expired or not."""
        if request.id_token_hint is None:
            return None
        try:
            keys = await self.oauth.keys.verifying_keys()
            claims = verify(request.id_token_hint, keys, typ=frozenset({"jwt"})).claims
            subject = claims.get("sub")
            ours = claims.get("iss") == self.oauth.shell.settings.issuer
            if ours and request.client.client_id in audiences(claims) and isinstance(subject, str):
                return subject
        except InvalidToken:
            pass
        raise Problem("invalid_request", "The id_token_hint is not an ID token of this server for this client.")

    async def facts(
        self, request: AuthorizationRequest, authentication: Authentication | None, under_way: Interaction | None
    ) -> Facts:
        """Gather what the next step depends on."""
        consent = None
        # Where consent is implied it is remembered only when the client asked that people be asked.
        if authentication is not None and (not request.client.first_party or "consent" in request.prompt):
            consent = await self.oauth.shell.storage.consent(authentication.subject, request.client.client_id)
        return Facts(
            authentication=authentication,
            consent=consent,
            asked_at=under_way.created_at if under_way else None,
            hinted=await self.hinted_subject(request),
        )

    def issue(
        self,
        request: AuthorizationRequest,
        authentication: Authentication,
        moment: Moment,
        *,
        after_post: bool,
        changes: tuple[Change, ...] = (),
    ) -> Answered:
        """Answer with a code."""
        settings = self.oauth.shell.settings
        code, put = issue_code(request, authentication, settings, moment)
        event = CodeIssued(
            client_id=request.client.client_id,
            subject=authentication.subject,
            session_id=authentication.session_id,
            scope=join_words(request.scope),
        )
        answer = code_answer(request.back, code, settings.issuer, after_post=after_post)
        return Decision(answer, (*changes, put), (event,))

    def refuse(
        self, back: Return, refusal: Refusal, *, after_post: bool, changes: tuple[Change, ...] = ()
    ) -> Answered:
        """Answer with an error, sent to the client."""
        event = AuthorizationRefused(
            client_id=back.client.client_id, error=refusal.error, reason=refusal.reason or refusal.description
        )
        answer = error_answer(back, refusal, self.oauth.shell.settings.issuer, after_post=after_post)
        return Decision(answer, changes, (event,))


@frozen(eq=False)
class AuthorizeEndpoint:
    """`GET` and `POST /authorize`."""

    authorization: Authorization

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with a redirect to the client, to sign-in, or to consent; or with an error page."""
        if request.method == "POST":
            return self._from_post(request)
        if len(request.query) > LONGEST_REQUEST:
            raise Problem("request_too_large", "The authorization request is too long.")
        form = parse_query(request)
        transaction = form.get("transaction")
        if transaction is not None:
            return await self._resume(request, transaction)
        return await self._begin(request, form)

    def _from_post(self, request: HttpRequest) -> HttpResponse:
        # A cross-site POST comes without our SameSite=Lax cookies; the same request by GET brings them.
        # 303, so that nothing is posted again (OpenID Connect Core §3.1.2.1, RFC 9700 §4.12).
        if request.query:
            raise Problem("invalid_request", "Parameters belong in the body.")
        parse_body(request)
        if len(request.body) > LONGEST_REQUEST:
            raise Problem("request_too_large", "The authorization request is too long.")
        address = self.authorization.oauth.shell.settings.issuer + "/authorize?"
        return redirect(address + quote(request.body, safe=_QUERY_SAFE), after_post=True)

    async def _begin(self, request: HttpRequest, form: Form) -> HttpResponse:
        wing = self.authorization
        shell = wing.oauth.shell
        back = await wing.proved(form)

        async def attempt(moment: Moment) -> Answered:
            # Asked after the moment is drawn: whoever is cut off later ends what this moment brings forth.
            authentication = await wing.sign_in.current(request)
            try:
                typed = parse_request(form, back, shell.settings)
                facts = await wing.facts(typed, authentication, None)
            except Problem as problem:
                return wing.refuse(back, problem.refusal, after_post=False)
            step = next_step(typed, facts, moment)
            if isinstance(step, Refusal):
                return wing.refuse(back, step, after_post=False)
            if isinstance(step, Allow):
                return wing.issue(typed, step.authentication, moment, after_post=False)
            secret, cookies = wing.browsers.greet(request, moment)
            transaction, put = interactions.begin(
                form, back.client.client_id, wing.browsers.key(secret), shell.settings, moment
            )
            return Decision(self._onward(step, transaction, cookies), (put,))

        return await shell.act(origin_of(request), attempt)

    async def _resume(self, request: HttpRequest, transaction: str) -> HttpResponse:
        wing = self.authorization

        async def attempt(moment: Moment) -> Answered:
            authentication = await wing.sign_in.current(request)
            under_way, typed = await resumed(wing, request, transaction, moment)
            step = next_step(typed, await wing.facts(typed, authentication, under_way), moment)
            done = (Spend(under_way.key, moment.now, under_way.keep_until),)
            if isinstance(step, Refusal):
                return wing.refuse(typed.back, step, after_post=False, changes=done)
            if isinstance(step, Allow):
                return wing.issue(typed, step.authentication, moment, after_post=False, changes=done)
            return Decision(self._onward(step, transaction, ()))

        return await wing.oauth.shell.act(origin_of(request), attempt)

    def _onward(self, step: AskSignIn | AskConsent, transaction: str, cookies: Headers) -> HttpResponse:
        if isinstance(step, AskSignIn):
            address = self.authorization.sign_in.address(transaction)
        else:
            address = f"{self.authorization.oauth.shell.settings.issuer}{CONSENT_PATH}?transaction={transaction}"
        return redirect(address, after_post=False, headers=cookies)


async def resumed(
    wing: Authorization, request: HttpRequest, transaction: str, moment: Moment
) -> tuple[Interaction, AuthorizationRequest]:
    """Return the interaction that this browser began and its request, checked afresh; raises `Problem`, for a page."""
    secret = wing.browsers.secret_of(request)
    browser = wing.browsers.key(secret) if secret else None
    under_way = await interactions.find(wing.oauth.shell.storage, transaction, browser, moment)
    form = Form(list(under_way.parameters))
    back = await wing.proved(form)
    return under_way, parse_request(form, back, wing.oauth.shell.settings)

