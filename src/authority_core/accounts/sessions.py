"""Sessions: a cookie of 256 random bits, its digest in storage, idle and absolute ends decided on use."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import evolve, field, frozen

from ..kernel.changes import Change, Replace, Revoke
from ..kernel.encoding import digest
from ..kernel.events import Event, SessionCreated, UserSignedIn
from ..kernel.identity import person
from ..kernel.moment import Moment, expired
from ..kernel.ports import Authentication
from ..kernel.records import Session, Standing, User
from ..kernel.requests import HttpRequest, cookie, user_agent
from ..kernel.responses import Headers, set_cookie
from ..kernel.settings import Settings
from ..kernel.shell import Shell

KIND = "session"
_KEPT = timedelta(days=30)


@frozen
class NewSession:
    """A session about to begin: the changes that make it, what is reported, and its cookie."""

    session: Session
    changes: tuple[Change, ...]
    events: tuple[Event, ...]
    cookies: Headers = field(repr=False)


@frozen(eq=False)
class Sessions:
    """Reads, makes and ends sessions."""

    shell: Shell

    @property
    def cookie_name(self) -> str:
        """The cookie's name; `__Host-` ties it to this very host under https."""
        settings = self.shell.settings
        return ("__Host-" if settings.secure else "") + settings.session_key

    async def current(self, request: HttpRequest) -> tuple[Session, User] | None:
        """Return the live session of *request* and its user, who may hold it; `None` for nobody."""
        secret = cookie(request, self.cookie_name)
        if secret is None or len(secret) != 43:
            return None
        session = await self.shell.storage.session(digest(KIND, secret))
        now = self.shell.moment().now
        if session is None or ended(session, self.shell.settings, now):
            return None
        user = await self.shell.storage.user(session.user_id)
        if user is None or not may_hold_session(user, now):
            return None
        return await self._touched(session, now), user

    async def _touched(self, session: Session, now: datetime) -> Session:
        pause = timedelta(seconds=self.shell.settings.session_touch_seconds)
        if now < session.last_activity + pause:
            return session
        touched = evolve(session, last_activity=now)
        if not await self.shell.write(Replace(touched)):
            return session  # another request of this browser was first
        return evolve(touched, version=session.version + 1)

    async def begin(self, user: User, request: HttpRequest, moment: Moment, *, remember: bool) -> NewSession:
        """Return the session of a sign-in by *user*, who may hold one, that just succeeded. No other way makes one.

        The cookie is always new, so that none that was planted before lives on. The same person's session goes on
        under its `sid`; another person's is ended.
        """
        before = await self.current(request)
        previous = before[0] if before else None
        settings = self.shell.settings
        secret = moment.token(KIND)
        ends = moment.now + timedelta(days=settings.session_duration_days)
        goes_on = previous is not None and previous.user_id == user.user_id
        session = Session(
            session_id=previous.session_id if previous and goes_on else moment.identifier("session"),
            key=digest(KIND, secret),
            user_id=user.user_id,
            auth_time=moment.now,
            acr="urn:authority:acr:password",
            amr=("pwd",),
            created_at=previous.created_at if previous and goes_on else moment.now,
            last_activity=moment.now,
            expires_at=ends,
            remember=remember,
            ip_address=request.client_address,
            user_agent=user_agent(request),
            keep_until=ends + _KEPT,
            version=previous.version if previous and goes_on else 0,
        )
        changes: tuple[Change, ...] = (Replace(session),)
        if previous is not None and not goes_on:
            changes += (self.ended_by(previous, moment, "another person signed in"),)
        max_age = settings.session_duration_days * 86400 if remember else None
        events = (
            UserSignedIn(subject=user.user_id, session_id=session.session_id, method="password"),
            SessionCreated(subject=user.user_id, session_id=session.session_id),
        )
        cookies = (set_cookie(self.cookie_name, secret, secure=settings.secure, max_age=max_age),)
        return NewSession(session, changes, events, cookies)

    def ended_by(self, session: Session, moment: Moment, reason: str) -> Change:
        """Return the change that ends *session* and, with `revoke_tokens_on_session_end`, its grants."""
        kept = moment.now + timedelta(seconds=self.shell.settings.refresh_token_absolute_ttl) + _KEPT
        return Revoke("session", session.session_id, moment.now, max(kept, session.keep_until), reason)

    def forget_cookie(self) -> Headers:
        """Return the header that removes the cookie."""
        return (set_cookie(self.cookie_name, "", secure=self.shell.settings.secure, max_age=0),)


def ended(session: Session, settings: Settings, now: datetime) -> bool:
    """Tell whether *session* is over: revoked, at its absolute end, or idle too long; lowered limits apply at once."""
    if session.revoked_at is not None or expired(session.expires_at, now):
        return True
    if expired(session.auth_time + timedelta(days=settings.session_duration_days), now):
        return True
    idle = timedelta(minutes=settings.idle_timeout_minutes)
    return bool(idle) and expired(session.last_activity + idle, now)


def may_sign_in(user: User | Standing, now: datetime) -> bool:
    """Tell whether *user* is active and not locked."""
    if not user.active:
        return False
    return user.locked_at is None or (user.unlock_at is not None and expired(user.unlock_at, now))


def may_hold_session(user: User | Standing, now: datetime) -> bool:
    """Tell whether *user* may sign in and has no password left to change: so may sessions and tokens be held."""
    return may_sign_in(user, now) and not user.password_must_change


def authentication(session: Session, user: User) -> Authentication:
    """Return who is signed in, how, and when."""
    return Authentication(
        subject=user.user_id,
        auth_time=session.auth_time,
        acr=session.acr,
        amr=session.amr,
        person=person(user),
        session_id=session.session_id,
    )
