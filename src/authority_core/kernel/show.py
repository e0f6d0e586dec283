"""Showing pages: the security headers of every HTML answer, and the fixed texts of error pages."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from attrs import field, frozen

from .pages import Asset, ErrorPage, Page, View
from .ports import Pages
from .problems import ConfigurationError, Refusal
from .requests import HttpRequest
from .responses import NO_STORE, Headers, HttpResponse, error_response
from .settings import Settings

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=()"

# Titles and sentences by error code; nothing of the request is ever shown.
_TEXTS: dict[str, tuple[str, str, str | None]] = {
    "csrf_failed": (
        "This form has expired",
        "For your safety, forms work only for a while and only from this site.",
        "Go back to where you started and try again.",
    ),
    "not_found": ("There is nothing here", "The address may be mistyped, or the page has moved.", None),
    "method_not_allowed": ("This is not how it works", "The address is right, but cannot be used this way.", None),
    "request_too_large": ("Too much was sent", "The request is larger than this server accepts.", None),
    "rate_limit_exceeded": ("Too many attempts", "Please wait a while before you try again.", None),
    "temporarily_unavailable": (
        "Back in a moment",
        "The service cannot answer right now.",
        "Wait a little, then try again.",
    ),
    "server_error": (
        "Something went wrong here",
        "It is our fault, not yours, and it has been noted.",
        "Try again; if it stays, tell support the reference below.",
    ),
}
_REFUSED = ("This request cannot go on", None, "Go back to the application and start again.")


def page_headers(*, form_leaves: bool = False) -> Headers:
    """Return the headers of every HTML answer.

    *form_leaves* is for pages whose form may end in a redirect to another origin: Chromium applies `form-action` to
    the whole chain of redirects. `Referrer-Policy: same-origin` sends nothing to others, yet keeps the `Origin` header
    on our own forms, which `no-referrer` would blank.
    """
    csp = _CSP if form_leaves else _CSP + "; form-action 'self'"
    return (
        ("content-type", "text/html; charset=UTF-8"),
        ("content-security-policy", csp),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("x-xss-protection", "0"),
        ("permissions-policy", _PERMISSIONS),
        ("cross-origin-opener-policy", "same-origin"),
        ("vary", "Cookie"),
        *NO_STORE,
    )


@frozen(eq=False)
class Screen:
    """Renders pages for one issuer."""

    settings: Settings
    _pages: Callable[[], Pages] = field(repr=False)
    _staying: Headers
    _leaving: Headers

    @classmethod
    def from_settings(cls, settings: Settings, pages: Callable[[], Pages]) -> Screen:
        """Compute what all pages share, once. *pages* is asked when the first page is shown."""
        return cls(
            settings, pages, page_headers(), page_headers(form_leaves=True)
        )

    @property
    def base_path(self) -> str:
        """Where the application is mounted, from the issuer's address."""
        return urlsplit(self.settings.issuer).path

    @property
    def pages(self) -> Pages:
        """The renderer."""
        return self._pages()

    def show(
        self,
        request: HttpRequest,
        page: Page,
        *,
        status: int = 200,
        headers: Headers = (),
        form_leaves: bool = False,
    ) -> HttpResponse:
        """Answer with *page* as HTML."""
        html = self._pages().render(page, self._view(request))
        return HttpResponse(status, (self._leaving if form_leaves else self._staying) + headers, html.encode("utf-8"))

    def error(self, request: HttpRequest, refusal: Refusal, headers: Headers = ()) -> HttpResponse:
        """Answer with the error page for *refusal*: its fixed sentence, never a word of the request."""
        title, detail, advice = _TEXTS.get(refusal.error, _REFUSED)
        page = ErrorPage(
            status=refusal.status,
            title=title,
            detail=detail or refusal.description,
            advice=advice,
            request_id=request.request_id,
        )
        try:
            return self.show(request, page, status=refusal.status, headers=headers)
        except ConfigurationError:  # a server for machines needs no renderer to refuse what it does not know
            return error_response(refusal, headers)

    def asset(self, path: str) -> Asset | None:
        """Return the static file at *path* below `/static/`; none without a renderer."""
        try:
            return self._pages().asset(path)
        except ConfigurationError:
            return None

    def _view(self, request: HttpRequest) -> View:
        settings = self.settings
        return View(
            app_name=settings.app_name,
            theme=settings.theme,
            primary_color=settings.primary_color,
            base_path=self.base_path,
            logo_url=settings.logo_url,
            support_url=settings.support_url,
            support_email=settings.support_email,
            privacy_url=settings.privacy_url,
            terms_url=settings.terms_url,
            request_id=request.request_id,
        )
