"""Signing out: asked first, done by POST alone."""

from __future__ import annotations

from attrs import field, frozen

from ..kernel.browser import FIELD, Browsers
from ..kernel.changes import Decision
from ..kernel.events import SessionRevoked, SignedOut
from ..kernel.identity import person
from ..kernel.moment import Moment
from ..kernel.pages import SignedOutPage, SignOutPage
from ..kernel.requests import HttpRequest, parse_body
from ..kernel.responses import HttpResponse, redirect
from ..kernel.shell import origin_of
from ..kernel.show import Screen
from .paths import SIGN_IN, SIGN_OUT, SIGNED_OUT
from .sessions import Sessions


@frozen(eq=False)
class SignOutEndpoint:
    """`GET` and `POST /signout`."""

    sessions: Sessions
    screen: Screen
    browsers: Browsers = field(repr=False)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Ask, or end the session and its tokens."""
        issuer = self.sessions.shell.settings.issuer
        found = await self.sessions.current(request)
        if found is None:
            return redirect(issuer + SIGNED_OUT, after_post=request.method == "POST")
        session, user = found
        if request.method != "POST":
            moment = self.sessions.shell.moment()
            secret, cookies = self.browsers.greet(request, moment)
            token = self.browsers.csrf_token(secret, session.session_id, moment)
            page = SignOutPage(action=issuer + SIGN_OUT, hidden=((FIELD, token),), person=person(user))
            return self.screen.show(request, page, headers=cookies)
        form = parse_body(request)
        self.browsers.check_form(request, form, session.session_id)

        async def attempt(moment: Moment) -> Decision[HttpResponse]:
            done = redirect(issuer + SIGNED_OUT, after_post=True, headers=self.sessions.forget_cookie())
            events = (
                SignedOut(subject=user.user_id, session_id=session.session_id),
                SessionRevoked(subject=user.user_id, session_id=session.session_id, reason="sign-out"),
            )
            return Decision(done, (self.sessions.ended_by(session, moment, "sign-out"),), events)

        return await self.sessions.shell.act(origin_of(request), attempt)


@frozen(eq=False)
class SignedOutEndpoint:
    """`GET /signed-out`."""

    screen: Screen

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Say that it is done."""
        return self.screen.show(request, SignedOutPage(sign_in_url=self.screen.settings.issuer + SIGN_IN))
