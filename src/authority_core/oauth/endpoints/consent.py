"""Consent: showing what a client wants, and taking the person's decision (RFC 6749 §4.1, step B).

The form carries the transaction and the decision, nothing else that counts: what is granted is what was stored and
shown. Without our own CSRF token nothing happens, and a GET approves nothing.
"""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve, frozen

from ...kernel.browser import FIELD, csrf_failed
from ...kernel.changes import Change, Decision, Replace, Spend
from ...kernel.consents import holds, kept
from ...kernel.encoding import digest
from ...kernel.events import AuthorizationDenied, AuthorizationGranted
from ...kernel.identity import client_card
from ...kernel.moment import Moment
from ...kernel.pages import ConsentPage, ScopeLine
from ...kernel.ports import Authentication
from ...kernel.problems import Problem, Refusal, refuse
from ...kernel.records import Consent
from ...kernel.requests import HttpRequest, parse_body, parse_query
from ...kernel.responses import HttpResponse, redirect
from ...kernel.settings import Settings
from ...kernel.shell import CROWD, origin_of
from ...kernel.values import join_words
from ..authorize.request import AuthorizationRequest
from ..authorize.steps import Allow, AskConsent, Facts, next_step, rememberable
from .authorize import Answered, Authorization, resumed

SHOWN = "shown"
"""The form's field that stands for the scopes of the page. It grants nothing: what differs from it is asked again."""
DECISION_PATH = "/authorize/decision"


@frozen(eq=False)
class ConsentEndpoint:
    """`GET /consent`."""

    authorization: Authorization

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Show the consent page; whoever has nothing to decide here is sent back to the authorization endpoint."""
        wing = self.authorization
        shell = wing.oauth.shell
        transaction = parse_query(request).require("transaction")
        moment = shell.moment()
        under_way, typed = await resumed(wing, request, transaction, moment)
        authentication = await wing.sign_in.current(request)
        step = next_step(typed, await wing.facts(typed, authentication, under_way), moment)
        if not isinstance(step, AskConsent):
            return redirect(f"{shell.settings.issuer}/authorize?transaction={transaction}", after_post=False)
        secret, cookies = wing.browsers.greet(request, moment)
        token = wing.browsers.csrf_token(secret, session_of(step.authentication), moment)
        page = ConsentPage(
            action=shell.settings.issuer + DECISION_PATH,
            hidden=(("transaction", transaction), (SHOWN, _shown(typed.scope)), (FIELD, token)),
            client=client_card(typed.client, typed.back.redirect_uri),
            person=step.authentication.person,
            scopes=scope_lines(typed.scope, step.new, shell.settings),
        )
        return wing.screen.show(request, page, headers=cookies, form_leaves=True)


@frozen(eq=False)
class DecisionEndpoint:
    """`POST /authorize/decision`."""

    authorization: Authorization

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Take the decision: a code on approval, `access_denied` on denial, nothing without a genuine form."""
        wing = self.authorization
        form = parse_body(request)
        form.refuse_repeats()
        shown_to = await wing.sign_in.current(request)
        if shown_to is None:
            raise csrf_failed("nobody is signed in any more")
        wing.browsers.check_form(request, form, session_of(shown_to))
        transaction, action = form.require("transaction"), form.get("consent_action")
        if action not in ("approve", "deny"):
            raise Problem("invalid_request", "The form says neither approve nor deny.")

        async def attempt(moment: Moment) -> Answered:
            authentication = await wing.sign_in.current(request)
            if authentication is None or session_of(authentication) != session_of(shown_to):
                raise csrf_failed("signed out meanwhile")
            under_way, typed = await resumed(wing, request, transaction, moment)
            done = Spend(under_way.key, moment.now, under_way.keep_until)
            facts = await wing.facts(typed, authentication, under_way)
            step = next_step(typed, evolve(facts, approved=True), moment)
            if action == "deny":
                return self._denied(typed, authentication, done)
            if isinstance(step, Refusal):
                return wing.refuse(typed.back, step, after_post=True, changes=(done,))
            if not isinstance(step, Allow) or form.get(SHOWN) not in (None, _shown(typed.scope)):
                # The sign-in is no longer fresh enough, or the client was changed since the page was shown: back to
                # where that is asked.
                back = f"{wing.oauth.shell.settings.issuer}/authorize?transaction={transaction}"
                return Decision(redirect(back, after_post=True))
            return self._approved(typed, authentication, facts, done, moment)

        return await wing.oauth.shell.act(origin_of(request), attempt, CROWD)

    def _denied(self, typed: AuthorizationRequest, authentication: Authentication, done: Change) -> Answered:
        refusal = refuse("access_denied", "The person denied the request.")
        denied = AuthorizationDenied(client_id=typed.client.client_id, subject=authentication.subject)
        decision = self.authorization.refuse(typed.back, refusal, after_post=True, changes=(done,))
        return Decision(decision.answer, decision.changes, (*decision.events, denied))

    def _approved(
        self,
        typed: AuthorizationRequest,
        authentication: Authentication,
        facts: Facts,
        done: Change,
        moment: Moment,
    ) -> Answered:
        changes: tuple[Change, ...] = (done,)
        remembered = rememberable(typed)
        if remembered:
            settings = self.authorization.oauth.shell.settings
            changes += (Replace(merged(facts.consent, typed, authentication.subject, settings, moment)),)
        decision = self.authorization.issue(typed, authentication, moment, after_post=True, changes=changes)
        granted = AuthorizationGranted(
            client_id=typed.client.client_id,
            subject=authentication.subject,
            session_id=authentication.session_id,
            scope=join_words(typed.scope),
            remembered=remembered,
        )
        return Decision(decision.answer, decision.changes, (granted, *decision.events))


def _shown(scope: frozenset[str]) -> str:
    return digest(SHOWN, join_words(scope)).hex()


def merged(
    before: Consent | None, typed: AuthorizationRequest, subject: str, settings: Settings, moment: Moment
) -> Consent:
    """Return the consent that now holds: new scopes are added to what is allowed at this moment."""
    expires_at = moment.now + timedelta(days=settings.consent_ttl_days) if settings.consent_ttl_days else None
    fresh = Consent(
        subject=subject,
        client_id=typed.client.client_id,
        scope=typed.scope,
        granted_at=moment.now,
        expires_at=expires_at,
    )
    if before is None:
        return kept(fresh)
    so_far = before.scope if holds(before, typed.client, moment.now) else frozenset()
    return kept(evolve(fresh, scope=so_far | typed.scope, version=before.version))


def session_of(authentication: Authentication) -> str:
    """Return the text that stands for who is signed in, to bind forms to."""
    return authentication.session_id or authentication.subject


def scope_lines(scope: frozenset[str], new: frozenset[str], settings: Settings) -> tuple[ScopeLine, ...]:
    """Return *scope* in words, in the order of the settings; *new* is marked when only part of it is."""
    mark = new != scope
    return tuple(
        ScopeLine(
            name=one.name,
            display_name=one.display_name,
            description=one.description,
            is_new=mark and one.name in new,
        )
        for one in settings.scopes
        if one.name in scope
    )
