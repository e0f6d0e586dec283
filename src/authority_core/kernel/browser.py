"""What ties a browser to what it began: a random cookie, CSRF tokens, and the check of where a form came from.

The cookie says nothing about a person. A CSRF token is an HMAC over the browser's cookie and the session, masked anew
for every page, so it dies with either.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from urllib.parse import urlsplit

from attrs import field, frozen

from .encoding import Digest, base64url, base64url_decode, digest, equal, keyed_digest
from .moment import Moment, expired
from .problems import Problem
from .records import Interaction, Stored
from .requests import Form, HttpRequest, cookie
from .responses import set_cookie
from .settings import Settings
from .vault import derive

FIELD = "csrf_token"
_KIND = "browser"
INTERACTION = "interaction"
_SALT = 16


def transaction_key(transaction: str) -> Digest:
    """Return the look-up key of the interaction that a page carries as its *transaction*."""
    return digest(INTERACTION, transaction)


class Over(Enum):
    """Why what a browser asks to go on with cannot go on; the value is for the log."""

    NO_COOKIE = "the browser sent no cookie of ours: blocked, deleted, or another browser"
    UNKNOWN = "nothing of that name is stored: mistyped, made up, or long forgotten"
    ELSEWHERE = "it began in another browser"
    USED = "it was used already"
    EXPIRED = "it has expired"


def under_way(stored: Stored[Interaction] | None, browser: Digest | None, now: datetime) -> Interaction | Over:
    """Return what was *stored*, while it can go on and if *browser* began it; otherwise why it is over."""
    if browser is None:
        return Over.NO_COOKIE
    if stored is None:
        return Over.UNKNOWN
    if not equal(stored.record.browser, browser):
        return Over.ELSEWHERE
    if stored.spent is not None:
        return Over.USED
    return Over.EXPIRED if expired(stored.record.expires_at, now) else stored.record


@frozen(eq=False)
class Browsers:
    """Recognises browsers and guards forms, for one issuer."""

    _settings: Settings
    _key: bytes = field(repr=False)
    _origin: str
    _cookie: str

    @classmethod
    def from_settings(cls, settings: Settings) -> Browsers:
        """Derive the CSRF key and the cookie's name from *settings*."""
        parts = urlsplit(settings.issuer)
        prefix = "__Host-" if settings.secure else ""
        origin, name = f"{parts.scheme}://{parts.netloc}", f"{prefix}authority_browser"
        return cls(settings, derive(settings.secret_key, "csrf"), origin, name)

    def secret_of(self, request: HttpRequest) -> str | None:
        """Return the browser's cookie, if it is one of ours by its form."""
        value = cookie(request, self._cookie)
        return value if value is not None and len(value) == 43 else None

    def key_of(self, request: HttpRequest) -> Digest | None:
        """Return what storage may know of the browser that sent *request*, if it is one of ours."""
        secret = self.secret_of(request)
        return None if secret is None else self.key(secret)

    def greet(self, request: HttpRequest, moment: Moment) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return the browser's secret and the headers that set it, when it is new here."""
        known = self.secret_of(request)
        if known is not None:
            return known, ()
        fresh = moment.token("browser")
        return fresh, (set_cookie(self._cookie, fresh, secure=self._settings.secure),)

    def key(self, secret: str) -> Digest:
        """Return what storage may know of a browser's *secret*."""
        return digest(_KIND, secret)

    def csrf_token(self, secret: str, session: str, moment: Moment) -> str:
        """Return a token for a form shown to this browser in this *session* (any text that names who is signed in)."""
        salt = moment.salt("csrf")[:_SALT]
        return base64url(salt + self._mac(salt, secret, session))

    def check_form(self, request: HttpRequest, form: Form, session: str) -> str:
        """Return the browser's secret when the POSTed *form* is one we showed it in this *session*.

        Raises `Problem` (`csrf_failed`).
        """
        self.check_origin(request)
        secret, token = self.secret_of(request), form.get(FIELD)
        if secret is None or token is None or not self._genuine(token, secret, session):
            raise csrf_failed("no genuine CSRF token")
        return secret

    def check_origin(self, request: HttpRequest) -> None:
        """Raise `Problem` (`csrf_failed`) when the browser says that the form came from elsewhere."""
        if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise csrf_failed("a cross-site form")
        origin = request.headers.get("origin")
        referer = request.headers.get("referer")
        if origin is not None and origin != self._origin:
            raise csrf_failed("another origin's form")
        if origin is None and referer is not None and not f"{referer}/".startswith(f"{self._origin}/"):
            raise csrf_failed("another origin's form")

    def _genuine(self, token: str, secret: str, session: str) -> bool:
        try:
            data = base64url_decode(token)
        except ValueError:
            return False
        return equal(data[_SALT:], self._mac(data[:_SALT], secret, session))

    def _mac(self, salt: bytes, secret: str, session: str) -> bytes:
        return keyed_digest(self._key, "csrf", f"{salt.hex()}|{secret}|{session}")


def csrf_failed(reason: str) -> Problem:
    """Return the refusal of a form that did not come from our own page."""
    return Problem("csrf_failed", "The form has expired or did not come from this site.", reason=reason)
