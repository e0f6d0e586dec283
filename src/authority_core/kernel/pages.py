"""What a person is shown, as values. A `Pages` port turns them into HTML; a host may bring its own.

Models carry plain text only; escaping is the renderer's duty. Every form posts to *action* with the hidden fields in
*hidden*, which a renderer must keep.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

Hidden = tuple[tuple[str, str], ...]


@frozen(kw_only=True)
class Page:
    """What all pages share. *name* chooses the template."""

    name: ClassVar[str] = ""


@frozen(kw_only=True)
class ClientCard:
    """How a client introduces itself to a person."""

    client_id: str
    name: str
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    redirect_host: str | None = None
    verified: bool = True
    """False for clients that registered themselves."""


@frozen(kw_only=True)
class ScopeLine:
    """One line of the consent page."""

    name: str
    display_name: str
    description: str
    is_new: bool = False
    """Not among what was allowed before."""


@frozen(kw_only=True)
class Person:
    """Who is signed in, as pages show it."""

    display_name: str
    username: str | None = None
    email: str | None = None


@frozen(kw_only=True)
class SignInPage(Page):
    """Ask for a user name or e-mail address and a password."""

    name = "sign_in"
    action: str
    hidden: Hidden
    client: ClientCard | None = None
    identifier: str = ""
    error: str | None = None
    """A sentence from a fixed list."""
    notice: str | None = None
    remember_offered: bool = True


@frozen(kw_only=True)
class PasswordChangePage(Page):
    """Ask for a new password, twice; *person* is not signed in before it is set."""

    name = "password_change"
    action: str
    hidden: Hidden
    person: Person
    client: ClientCard | None = None
    rules: tuple[str, ...] = ()
    """What a password needs, one sentence each."""
    faults: tuple[str, ...] = ()
    """What was wrong with the one just typed: sentences from a fixed list."""


@frozen(kw_only=True)
class ConsentPage(Page):
    """Ask whether a client may have what it wants. Approve and deny weigh the same."""

    name = "consent"
    action: str
    hidden: Hidden
    client: ClientCard
    person: Person
    scopes: tuple[ScopeLine, ...]
    switch_account_url: str | None = None


@frozen(kw_only=True)
class SignOutPage(Page):
    """Ask before signing out."""

    name = "sign_out"
    action: str
    hidden: Hidden
    person: Person


@frozen(kw_only=True)
class SignedOutPage(Page):
    """Say that it is done."""

    name = "signed_out"
    sign_in_url: str | None = None


@frozen(kw_only=True)
class ConnectedClient:
    """A client the person has allowed."""

    client: ClientCard
    scopes: tuple[ScopeLine, ...]
    since: str
    """ISO 8601 date."""


@frozen(kw_only=True)
class AccountPage(Page):
    """The signed-in person's own page."""

    name = "account"
    person: Person
    email_verified: bool
    signed_in_since: str
    """ISO 8601 UTC time of the sign-in."""
    connected: tuple[ConnectedClient, ...] = ()
    sign_out_url: str


@frozen(kw_only=True)
class Endpoint:
    """A line of the landing page's table."""

    title: str
    method: str
    url: str


@frozen(kw_only=True)
class LandingPage(Page):
    """What the server is, for whoever opens its address."""

    name = "landing"
    issuer: str
    endpoints: tuple[Endpoint, ...]
    sign_in_url: str | None = None
    account_url: str | None = None
    person: Person | None = None
    docs_url: str | None = None


@frozen(kw_only=True)
class ErrorPage(Page):
    """Something was refused or failed. Texts are fixed, chosen by code; nothing of the request is shown."""

    name = "error"
    status: int
    title: str
    detail: str
    advice: str | None = None
    request_id: str | None = None
    home_url: str | None = None


@frozen(kw_only=True)
class View:
    """What every page is rendered with besides its model."""

    app_name: str
    theme: str
    primary_color: str
    base_path: str
    """Path under which the application is mounted, without a slash at the end; prefix of `/static/…`."""
    locale: str = "en"
    logo_url: str | None = None
    support_url: str | None = None
    support_email: str | None = None
    privacy_url: str | None = None
    terms_url: str | None = None
    request_id: str | None = None


@frozen
class Asset:
    """A static file: *content_type*, *body*, and whether its name changes with its content."""

    content_type: str
    body: bytes = field(repr=False)
    immutable: bool = False
