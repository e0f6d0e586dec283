"""Every page in every state, with made-up people and clients: for tests, theme previews and the start-up check.

Nothing here reads a clock, a setting or a request.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from authority_core.kernel.pages import (
    AccountPage,
    ClientCard,
    ConnectedClient,
    ConsentPage,
    Endpoint,
    ErrorPage,
    LandingPage,
    Page,
    PasswordChangePage,
    Person,
    ScopeLine,
    SignedOutPage,
    SignInPage,
    SignOutPage,
    View,
)


@frozen(kw_only=True)
class Sample:
    """A page in one of its states; *label* is unique and fit for a file name."""

    label: str
    page: Page


HIDDEN = (("csrf_token", "sample-csrf-token"), ("transaction", "sample-transaction"))

ADA = Person(display_name="Ada Lovelace", username="ada", email="ada@example.com")

NOTES = ClientCard(
    client_id="acme-notes",
    name="Acme Notes",
    client_uri="https://notes.example.com",
    policy_uri="https://notes.example.com/privacy",
    tos_uri="https://notes.example.com/terms",
    redirect_host="notes.example.com",
)
STRANGER = ClientCard(client_id="s6BhdRkqt3", name="Weather Widget", redirect_host="127.0.0.1:8912", verified=False)
CALENDAR = ClientCard(client_id="calendar", name="Team Calendar", redirect_host="calendar.example.com")

SCOPES = (
    ScopeLine(name="openid", display_name="Sign you in", description="Confirm who you are with this account."),
    ScopeLine(name="profile", display_name="Your profile", description="See your name, user name and picture."),
    ScopeLine(name="email", display_name="Your e-mail address", description="See your address and if it is verified."),
)
MORE_SCOPES = (
    *SCOPES,
    ScopeLine(
        name="offline_access",
        display_name="Stay connected",
        description="Keep this access while you are away, until you remove it.",
        is_new=True,
    ),
    ScopeLine(name="reports:read", display_name="Read reports", description="", is_new=True),
)

RULES = (
    "Use at least 12 characters.",
    "Add an upper-case letter.",
    "Add a lower-case letter.",
    "Add a digit.",
)

ISSUER = "https://id.example.com"
ENDPOINTS = (
    Endpoint(title="OpenID Connect discovery", method="GET", url=f"{ISSUER}/.well-known/openid-configuration"),
    Endpoint(title="Server metadata", method="GET", url=f"{ISSUER}/.well-known/oauth-authorization-server"),
    Endpoint(title="Authorization", method="GET", url=f"{ISSUER}/oauth2/authorize"),
    Endpoint(title="Token", method="POST", url=f"{ISSUER}/oauth2/token"),
    Endpoint(title="User information", method="GET", url=f"{ISSUER}/oauth2/userinfo"),
    Endpoint(title="Introspection", method="POST", url=f"{ISSUER}/oauth2/introspect"),
    Endpoint(title="Revocation", method="POST", url=f"{ISSUER}/oauth2/revoke"),
    Endpoint(title="Public keys", method="GET", url=f"{ISSUER}/oauth2/jwks"),
)


def sample_view(theme: str = "light", *, primary_color: str = "#7c3aed", locale: str = "en") -> View:
    """Return a view of a made-up host."""
    return View(
        app_name="Authority",
        theme=theme,
        primary_color=primary_color,
        base_path="",
        locale=locale,
        support_url="https://example.com/help",
        support_email="help@example.com",
        privacy_url="https://example.com/privacy",
        terms_url="https://example.com/terms",
    )


def sample_pages() -> Iterator[Sample]:
    """Yield every page the core can show, in every state it can be in."""
    yield from _sign_in()
    yield from _password_change()
    yield from _consent()
    yield from _signing_out()
    yield from _account()
    yield from _landing()
    yield from _errors()


def _sign_in() -> Iterator[Sample]:
    def page(
        client: ClientCard | None = None, identifier: str = "", error: str | None = None, notice: str | None = None
    ) -> SignInPage:
        return SignInPage(
            action="/login", hidden=HIDDEN, client=client, identifier=identifier, error=error, notice=notice
        )

    yield Sample(label="sign-in", page=page())
    yield Sample(label="sign-in-client", page=page(client=NOTES))
    yield Sample(label="sign-in-unverified-client", page=page(client=STRANGER))
    yield Sample(label="sign-in-hint", page=page(client=NOTES, identifier="ada@example.com"))
    yield Sample(label="sign-in-notice", page=page(notice="You are signed out."))
    yield Sample(
        label="sign-in-error",
        page=page(client=NOTES, identifier="ada", error="The user name or password is not right. Please try again."),
    )
    yield Sample(
        label="sign-in-without-remember", page=SignInPage(action="/login", hidden=HIDDEN, remember_offered=False)
    )


def _password_change() -> Iterator[Sample]:
    def page(client: ClientCard | None = None, faults: tuple[str, ...] = ()) -> PasswordChangePage:
        return PasswordChangePage(
            action="/password/change", hidden=HIDDEN, person=ADA, client=client, rules=RULES, faults=faults
        )

    yield Sample(label="password-change", page=page())
    yield Sample(label="password-change-client", page=page(client=NOTES))
    yield Sample(label="password-change-error", page=page(client=NOTES, faults=("The two passwords differ.",)))
    yield Sample(label="password-change-errors", page=page(faults=(*RULES[:2], "The two passwords differ.")))
    yield Sample(
        label="password-change-bare",
        page=PasswordChangePage(action="/password/change", hidden=HIDDEN, person=Person(display_name="Ada")),
    )


def _consent() -> Iterator[Sample]:
    def page(client: ClientCard, scopes: tuple[ScopeLine, ...], switch: str | None = "/login?switch=1") -> ConsentPage:
        return ConsentPage(
            action="/consent", hidden=HIDDEN, client=client, person=ADA, scopes=scopes, switch_account_url=switch
        )

    yield Sample(label="consent", page=page(NOTES, SCOPES))
    yield Sample(label="consent-extended", page=page(NOTES, MORE_SCOPES))
    yield Sample(label="consent-unverified", page=page(STRANGER, SCOPES[:1], switch=None))
    yield Sample(label="consent-without-scopes", page=page(CALENDAR, ()))


def _signing_out() -> Iterator[Sample]:
    yield Sample(label="sign-out", page=SignOutPage(action="/logout", hidden=HIDDEN, person=ADA))
    yield Sample(label="signed-out", page=SignedOutPage(sign_in_url="/login"))
    yield Sample(label="signed-out-bare", page=SignedOutPage())


def _account() -> Iterator[Sample]:
    def page(person: Person, verified: bool, connected: tuple[ConnectedClient, ...]) -> AccountPage:
        return AccountPage(
            person=person,
            email_verified=verified,
            signed_in_since="2026-03-12T09:30:00Z",
            connected=connected,
            sign_out_url="/logout",
        )

    connected = (
        ConnectedClient(client=NOTES, scopes=MORE_SCOPES, since="2026-01-08"),
        ConnectedClient(client=CALENDAR, scopes=SCOPES[:2], since="2025-11-22"),
        ConnectedClient(client=STRANGER, scopes=SCOPES[:1], since="2025-06-30"),
    )
    yield Sample(label="account", page=page(ADA, True, connected))
    yield Sample(label="account-new", page=page(ADA, False, ()))
    yield Sample(label="account-bare", page=page(Person(display_name="Ada"), False, connected[2:]))


def _landing() -> Iterator[Sample]:
    yield Sample(
        label="landing",
        page=LandingPage(issuer=ISSUER, endpoints=ENDPOINTS, sign_in_url="/login", docs_url="https://example.com/docs"),
    )
    yield Sample(
        label="landing-signed-in",
        page=LandingPage(issuer=ISSUER, endpoints=ENDPOINTS, account_url="/account", person=ADA),
    )
    yield Sample(label="landing-bare", page=LandingPage(issuer=ISSUER, endpoints=()))


def _errors() -> Iterator[Sample]:
    yield Sample(
        label="error",
        page=ErrorPage(
            status=400,
            title="This sign-in link does not work",
            detail="The application asked to return to an address that it has not registered.",
            advice="Go back to the application and try again. If it happens again, tell its makers.",
            request_id="01JQ8Z6V3MWT",
            home_url="/",
        ),
    )
    yield Sample(
        label="error-bare",
        page=ErrorPage(status=503, title="Busy for the moment", detail="The server cannot answer just now."),
    )
