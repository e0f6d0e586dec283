"""Signing in with a user name or e-mail address and a password."""

from __future__ import annotations

import math

from attrs import evolve, field, frozen

from ..kernel.browser import FIELD, Browsers, transaction_key
from ..kernel.changes import Decision, Replace
from ..kernel.events import SessionCreated, SignInFailed, UserSignedIn
from ..kernel.identity import LONGEST, canonical
from ..kernel.moment import Moment, expired
from ..kernel.pages import ClientCard, SignInPage
from ..kernel.passwords import Passwords
from ..kernel.records import Interaction, User
from ..kernel.requests import HttpRequest, parse_body, parse_query
from ..kernel.responses import Headers, HttpResponse, redirect
from ..kernel.shell import CROWD, origin_of
from ..kernel.show import Screen
from .attempts import Attempts, Locked
from .sessions import Sessions, may_sign_in

WRONG = "The user name or password is not right."


@frozen(eq=False)
class SignInEndpoint:
    """`GET` and `POST /signin`."""

    sessions: Sessions
    attempts: Attempts
    passwords: Passwords
    screen: Screen
    browsers: Browsers = field(repr=False)
    home: str
    """Where to go when nothing waits."""

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Show the form, or judge what was typed."""
        if request.method == "POST":
            return await self._judge(request)
        transaction = parse_query(request).get("transaction")
        waiting = await self._waiting(request, transaction)
        if waiting is None and await self.sessions.current(request) is not None:
            return redirect(self.home, after_post=False)
        return await self._form(request, waiting, transaction if waiting else None)

    async def _judge(self, request: HttpRequest) -> HttpResponse:
        form = parse_body(request)
        form.refuse_repeats()
        self.browsers.check_form(request, form, "")
        transaction, typed = form.get("transaction"), form.get("username") or form.get("email") or ""
        waiting = await self._waiting(request, transaction)
        password, remember = form.get("password") or "", form.get("remember") == "on"

        async def again(error: str, status: int, headers: Headers = ()) -> HttpResponse:
            return await self._form(request, waiting, transaction if waiting else None, typed, error, status, headers)

        if not typed or not password or len(typed) > LONGEST:
            return await again("Enter your user name or e-mail address, and your password.", 400)
        identifier = canonical(typed)
        user = await self.sessions.shell.storage.user_by_identifier(identifier)
        admission = await self.attempts.admit(self.attempts.key(identifier, user))
        if isinstance(admission, Locked):
            wait = max(1, math.ceil((admission.until - self.sessions.shell.moment().now).total_seconds()))
            return await again(_locked(wait), 423, (("retry-after", str(wait)),))
        if not await self.passwords.verify(password, user.password_hash if user else None) or user is None:
            await self._failed(identifier, user, request, "wrong password" if user else "unknown identifier")
            return await again(WRONG + _left(admission.left), 401)
        if not may_sign_in(user, self.sessions.shell.moment().now):
            await self._failed(identifier, user, request, "inactive or locked account")
            return await again("This account cannot sign in at the moment. Please contact support.", 403)
        rehashed = await self.passwords.hash(password) if self.passwords.outdated(user.password_hash or "") else None
        signed_in = await self._open(request, user, identifier, remember, rehashed, transaction if waiting else None)
        return signed_in or await again(WRONG, 401)

    async def _open(
        self,
        request: HttpRequest,
        user: User,
        identifier: str,
        remember: bool,
        rehashed: str | None,
        transaction: str | None,
    ) -> HttpResponse | None:
        storage = self.sessions.shell.storage
        issuer = self.sessions.shell.settings.issuer
        onward = f"{issuer}/authorize?transaction={transaction}" if transaction else self.home

        async def attempt(moment: Moment) -> Decision[HttpResponse | None]:
            now = await storage.user(user.user_id)
            if now is None or now.password_hash != user.password_hash or not may_sign_in(now, moment.now):
                return Decision(None)
            before = await self.sessions.current(request)
            previous = before[0] if before else None
            session, changes, cookies = self.sessions.opened(now, previous, request, moment, remember=remember)
            signed_in = evolve(now, last_login_at=moment.now, password_hash=rehashed or now.password_hash)
            changes += (Replace(signed_in), self.attempts.forgiven(self.attempts.key(identifier, user), moment.now))
            events = (
                UserSignedIn(subject=now.user_id, session_id=session.session_id, method="password"),
                SessionCreated(subject=now.user_id, session_id=session.session_id),
            )
            return Decision(redirect(onward, after_post=True, headers=cookies), changes, events)

        return await self.sessions.shell.act(origin_of(request), attempt, CROWD)

    async def _failed(self, identifier: str, user: User | None, request: HttpRequest, reason: str) -> None:
        typed = self.attempts.key(identifier, None).hex()[:16]
        event = SignInFailed(subject=user.user_id if user else None, identifier=typed, reason=reason)
        await self.sessions.shell.report(origin_of(request), event)

    async def _form(
        self,
        request: HttpRequest,
        waiting: Interaction | None,
        transaction: str | None,
        typed: str | None = None,
        error: str | None = None,
        status: int = 200,
        headers: Headers = (),
    ) -> HttpResponse:
        moment = self.sessions.shell.moment()
        secret, cookies = self.browsers.greet(request, moment)
        hidden = [(FIELD, self.browsers.csrf_token(secret, "", moment))]
        if transaction is not None:
            hidden.append(("transaction", transaction))
        page = SignInPage(
            action=f"{self.sessions.shell.settings.issuer}/signin",
            hidden=tuple(hidden),
            client=await self._client(waiting),
            identifier=typed if typed is not None else _hint(waiting),
            error=error,
        )
        return self.screen.show(request, page, status=status, headers=(*cookies, *headers), form_leaves=True)

    async def _waiting(self, request: HttpRequest, transaction: str | None) -> Interaction | None:
        """Return the authorization request that waits for this sign-in, if this browser began it."""
        secret = self.browsers.secret_of(request)
        if transaction is None or secret is None:
            return None
        stored = await self.sessions.shell.storage.interaction(transaction_key(transaction))
        if stored is None or stored.spent is not None or stored.record.browser != self.browsers.key(secret):
            return None
        return None if expired(stored.record.expires_at, self.sessions.shell.moment().now) else stored.record

    async def _client(self, waiting: Interaction | None) -> ClientCard | None:
        client = await self.sessions.shell.storage.client(waiting.client_id) if waiting else None
        if client is None:
            return None
        return ClientCard(
            client_id=client.client_id,
            name=client.name,
            client_uri=client.client_uri,
            logo_uri=client.logo_uri,
            policy_uri=client.policy_uri,
            tos_uri=client.tos_uri,
        )


def _hint(waiting: Interaction | None) -> str:
    """Return the request's `login_hint`, to fill in (OpenID Connect Core §3.1.2.1)."""
    return next((value for name, value in waiting.parameters if name == "login_hint"), "")[:LONGEST] if waiting else ""


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
