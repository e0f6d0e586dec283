"""The accounts wing as a whole: answers who is signed in, gives claims, and lists its routes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from ..kernel.browser import Browsers
from ..kernel.moment import instant
from ..kernel.passwords import Passwords
from ..kernel.ports import Authentication
from ..kernel.records import Holder, User
from ..kernel.requests import HttpRequest
from ..kernel.routes import Route
from ..kernel.shell import Shell
from ..kernel.show import Screen
from ..kernel.values import Soon
from . import paths
from .attempts import Attempts
from .password_change import PasswordChangeEndpoint
from .profile import ProfileEndpoint
from .sessions import Sessions, authentication, may_hold_session
from .sign_in import SignInEndpoint
from .sign_in_form import SignInForm
from .sign_out import SignedOutEndpoint, SignOutEndpoint


@frozen(eq=False)
class Accounts:
    """Implements the `SignIn` and `ClaimsSource` ports with users and sessions from storage."""

    shell: Shell
    passwords: Passwords
    screen: Screen
    browsers: Browsers = field(repr=False)
    believes_holders: bool = False
    """Whether the holders that storage tells are the accounts it would return."""

    @property
    def sessions(self) -> Sessions:
        """The sessions."""
        return Sessions(self.shell)

    async def current(self, request: HttpRequest) -> Authentication | None:
        """Return who is signed in with this request's session cookie."""
        found = await self.sessions.current(request)
        return authentication(*found) if found else None

    def address(self, transaction: str) -> str:
        """Return the address of the sign-in page for *transaction*."""
        return f"{self.shell.settings.issuer}{paths.SIGN_IN}?transaction={transaction}"

    async def claims(self, subject: str, wanted: frozenset[str]) -> Mapping[str, object] | None:
        """Return the *wanted* claims of *subject*, or `None` when the account is gone or may not act."""
        user = await self.shell.storage.user(subject)
        if user is None or not may_hold_session(user, instant(self.shell.moment)):
            return None
        return {name: value for name, value in known_claims(user).items() if name in wanted and value is not None}

    def may_act(self, subject: str, holder: Holder | None, now: datetime) -> Soon[bool]:
        """Tell whether *subject* has an account that may act; it is read unless a *holder* that counts was told."""
        if holder is None or not self.believes_holders:
            return self._may_act(subject, now)
        return holder.account is not None and may_hold_session(holder.account, now)

    async def _may_act(self, subject: str, now: datetime) -> bool:
        user = await self.shell.storage.user(subject)
        return user is not None and may_hold_session(user, now)

    def routes(self) -> tuple[Route, ...]:
        """Return this wing's routes."""
        form = SignInForm(self.shell, self.screen, self.browsers)
        sign_in = SignInEndpoint(self.sessions, Attempts.of(self.shell), self.passwords, self.browsers, form)
        change = PasswordChangeEndpoint(self.sessions, self.passwords, self.screen, self.browsers, form)
        sign_out = SignOutEndpoint(self.sessions, self.screen, self.browsers)
        return (
            Route(paths.SIGN_IN, ("GET", "POST"), sign_in, page=True),
            Route(paths.PASSWORD_CHANGE, ("GET", "POST"), change, page=True),
            Route(paths.SIGN_OUT, ("GET", "POST"), sign_out, page=True),
            Route(paths.SIGNED_OUT, ("GET",), SignedOutEndpoint(self.screen), page=True),
            Route(paths.PROFILE, ("GET",), ProfileEndpoint(self.sessions, self.screen), page=True),
        )


def known_claims(user: User) -> dict[str, object]:
    """Return every standard claim of *user* (OpenID Connect Core §5.1)."""
    claims: dict[str, object] = {
        "preferred_username": user.username,
        "updated_at": int(user.updated_at.timestamp()),
        **user.claims,
    }
    if user.email is not None:
        claims |= {"email": user.email, "email_verified": user.email_verified}
    return claims
