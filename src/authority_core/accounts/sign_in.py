"""Signing in with a user name or e-mail address and a password."""

from __future__ import annotations

import math
from contextlib import suppress
from urllib.parse import urlencode

from attrs import evolve, field, frozen

from ..kernel.browser import Browsers
from ..kernel.changes import Change, Decision, Replace, StorageUnavailable
from ..kernel.encoding import Digest
from ..kernel.events import PasswordChangeAsked, SignInFailed
from ..kernel.foreign_hashes import whole
from ..kernel.identity import LONGEST, canonical
from ..kernel.moment import Moment, instant
from ..kernel.passwords import Passwords
from ..kernel.ports import Busy
from ..kernel.records import User
from ..kernel.requests import HttpRequest, parse_body, parse_query
from ..kernel.responses import Headers, HttpResponse, redirect
from ..kernel.shell import CROWD, origin_of
from . import pending
from .attempts import Attempts, Locked
from .paths import PASSWORD_CHANGE
from .sessions import Sessions, may_sign_in
from .sign_in_form import SignInForm, Waiting

WRONG = "The user name or password is not right."


@frozen
class Proved:
    """An account whose password was typed rightly, in which *browser*, and what follows from it."""

    user: User
    counter: Digest = field(repr=False)
    rehashed: str | None = field(repr=False)
    browser: Digest = field(repr=False)
    remember: bool


@frozen(eq=False)
class SignInEndpoint:
    """`GET` and `POST /signin`."""

    sessions: Sessions
    attempts: Attempts
    passwords: Passwords
    browsers: Browsers = field(repr=False)
    form: SignInForm

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Show the form, or judge what was typed."""
        if request.method == "POST":
            return await self._judge(request)
        waiting = await self.form.waiting(request, parse_query(request).get("transaction"))
        if waiting is None and await self.sessions.current(request) is not None:
            return redirect(self.form.onward(None), after_post=False)
        return await self.form.show(request, waiting)

    async def _judge(self, request: HttpRequest) -> HttpResponse:
        form = parse_body(request)
        form.refuse_repeats()
        browser = self.browsers.check_form(request, form, "")
        typed = form.get("username") or form.get("email") or ""
        waiting = await self.form.waiting(request, form.get("transaction"))
        password, remember = form.get("password") or "", form.get("remember") == "on"

        async def again(error: str, status: int, headers: Headers = ()) -> HttpResponse:
            return await self.form.show(request, waiting, typed, error=error, status=status, headers=headers)

        if not typed or not password or len(typed) > LONGEST:
            return await again("Enter your user name or e-mail address, and your password.", 400)
        identifier = canonical(typed)
        user = await self.sessions.shell.storage.user_by_identifier(identifier)
        counter = self.attempts.key(identifier, user)
        admission = await self.attempts.admit(counter)
        if isinstance(admission, Locked):
            wait = max(1, math.ceil((admission.until - instant(self.sessions.shell.moment)).total_seconds()))
            return await again(_locked(wait), 423, (("retry-after", str(wait)),))
        try:
            right = await self.passwords.verify(password, user.password_hash if user else None)
        except Busy:
            await self._give_back(self.attempts.unjudged(counter, instant(self.sessions.shell.moment)))
            raise
        if not right or user is None:
            await self._failed(identifier, user, request, "wrong password" if user else "unknown identifier")
            return await again(WRONG + _left(admission.left), 401)
        if not may_sign_in(user, instant(self.sessions.shell.moment)):
            await self._failed(identifier, user, request, "inactive or locked account")
            return await again("This account cannot sign in at the moment. Please contact support.", 403)
        known = user.password_hash or ""
        renew = self.passwords.outdated(known) and whole(known, password) and not user.password_must_change
        rehashed: str | None = None
        with suppress(Busy):  # a better hash is a favour: whoever typed the right password is let in without it
            rehashed = await self.passwords.hash(password) if renew else None
        proved = Proved(user, counter, rehashed, self.browsers.key(browser), remember)
        try:
            admitted = await self._admit(request, proved, waiting)
        except StorageUnavailable:
            await self._give_back(self.attempts.forgiven(counter, instant(self.sessions.shell.moment)))
            raise
        return admitted or await again(WRONG, 401)

    async def _admit(self, request: HttpRequest, proved: Proved, waiting: Waiting | None) -> HttpResponse | None:
        """Open the session, or ask for a new password first; `None` when the account was changed meanwhile."""
        storage = self.sessions.shell.storage

        async def attempt(moment: Moment) -> Decision[HttpResponse | None]:
            user = await storage.user(proved.user.user_id)
            if user is None or user.password_hash != proved.user.password_hash or not may_sign_in(user, moment.now):
                return Decision(None)
            forgiven = self.attempts.forgiven(proved.counter, moment.now)
            if user.password_must_change:
                return self._ask_for_new_password(user, proved, waiting, forgiven, moment)
            new = await self.sessions.begin(user, request, moment, remember=proved.remember)
            signed_in = evolve(user, last_login_at=moment.now, password_hash=proved.rehashed or user.password_hash)
            onward = redirect(self.form.onward(waiting), after_post=True, headers=new.cookies)
            return Decision(onward, (*new.changes, Replace(signed_in), forgiven), new.events)

        return await self.sessions.shell.act(origin_of(request), attempt, CROWD)

    async def _give_back(self, attempts: Change) -> None:
        """Give *attempts* back where storage still can: nobody pays for a fault of ours."""
        with suppress(StorageUnavailable):
            await self.sessions.shell.write(attempts)

    def _ask_for_new_password(
        self, user: User, proved: Proved, waiting: Waiting | None, forgiven: Change, moment: Moment
    ) -> Decision[HttpResponse | None]:
        """Make no session: the person goes on to choose a new password."""
        client_id = waiting.request.client_id if waiting else ""
        ticket, put = pending.begin(user, proved.browser, client_id, moment, remember=proved.remember)
        query = {"ticket": ticket, **({"transaction": waiting.transaction} if waiting else {})}
        address = f"{self.sessions.shell.settings.issuer}{PASSWORD_CHANGE}?{urlencode(query)}"
        event = PasswordChangeAsked(subject=user.user_id, client_id=client_id or None)
        return Decision(redirect(address, after_post=True), (put, forgiven), (event,))

    async def _failed(self, identifier: str, user: User | None, request: HttpRequest, reason: str) -> None:
        typed = self.attempts.key(identifier, None).hex()[:16]
        event = SignInFailed(subject=user.user_id if user else None, identifier=typed, reason=reason)
        await self.sessions.shell.report(origin_of(request), event)


def _left(left: int) -> str:
    if left > 3:
        return ""
    return f" {left} more {'try' if left == 1 else 'tries'} before a pause." if left else " There is a pause now."


def _locked(seconds: int) -> str:
    minutes = math.ceil(seconds / 60)
    return (
        "Signing in is paused because of repeated failed attempts. "
        f"Try again in {minutes} minute{'s' if minutes > 1 else ''}, or contact support."
    )
