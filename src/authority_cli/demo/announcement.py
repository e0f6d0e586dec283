"""What the demo prints: one JSON line for machines; for people what to click and what to type."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..environment import masked
from .credentials import EMAIL, USERNAME, place

if TYPE_CHECKING:
    from .starting import Demo


def as_json(demo: Demo) -> dict[str, object]:
    """Return what a program needs to use *demo*."""
    return {
        "issuer": demo.settings.issuer,
        "user": {"username": USERNAME, "email": EMAIL, "password": demo.credentials.password},
        "clients": [
            {
                "client_id": one.client_id,
                "client_secret": one.client_secret,
                "redirect_uris": list(one.redirect_uris),
                "grant_types": list(one.grant_types),
                "token_endpoint_auth_method": one.token_endpoint_auth_method,
            }
            for one in demo.clients
        ],
    }


def for_people(demo: Demo) -> None:
    """Print what to click and what to type."""
    issuer = demo.settings.issuer
    secrets = {one.client_id: one.client_secret for one in demo.clients}
    _line()
    _line("  " + _strong("Authority is running") + f" at {issuer}")
    _line()
    _line("  " + _title("Click"))
    _line(f"    {_link(issuer + '/demo')}   sign in, and see the tokens explained")
    _line(f"    user      {_strong(USERNAME)}  (or {EMAIL})")
    _line(f"    password  {_strong(demo.credentials.password)}")
    _line()
    _line("  " + _title("Type"))
    for comment, command in _commands(issuer, secrets):
        _line("    " + _quiet("# " + comment))
        for part in command:
            _line("    " + part)
        _line()
    _line("  " + _title("Clients"))
    for one in demo.clients:
        kept = one.client_secret or "no secret, it is public"
        _line(f"    {one.client_id.ljust(13)} {kept}")
    _line()
    _line("  " + _quiet(_about(demo)))
    _line("  " + _quiet("It listens on this machine only. Ctrl-C stops it."))
    _line()


def _commands(issuer: str, secrets: dict[str, str | None]) -> list[tuple[str, tuple[str, ...]]]:
    service = f"demo-service:{secrets['demo-service']}"
    web = f"demo-web:{secrets['demo-web']}"
    return [
        (
            "a token for a service: client credentials",
            (f"curl -s -u '{service}' \\", f"  -d 'grant_type=client_credentials&scope=reports:read' {issuer}/token"),
        ),
        (
            "what the server says of it: introspection",
            (
                f"TOKEN=$(curl -s -u '{service}' -d grant_type=client_credentials {issuer}/token \\",
                '  | sed \'s/.*"access_token":"\\([^"]*\\)".*/\\1/\')',
                f"curl -s -u '{service}' -d \"token=$TOKEN\" {issuer}/token/introspect",
            ),
        ),
        (
            'a code, as your application redeems it (PKCE: the challenge of "$VERIFIER" went with the request)',
            (
                f"curl -s -u '{web}' -d grant_type=authorization_code -d \"code=$CODE\" \\",
                '  -d redirect_uri=http://localhost:3000/callback -d "code_verifier=$VERIFIER" ' + f"{issuer}/token",
            ),
        ),
        (
            "a fresh token without the person: refresh",
            (f"curl -s -u '{web}' -d grant_type=refresh_token -d \"refresh_token=$REFRESH_TOKEN\" {issuer}/token",),
        ),
    ]


def _about(demo: Demo) -> str:
    if demo.temporary:
        return "The database is temporary: it and these credentials end with the demo."
    return f"{masked(demo.url)} is kept; its secret is in {place(demo.url)}, so these credentials stay the same."


def _line(text: str = "") -> None:
    click.echo(text)


def _strong(text: str) -> str:
    return click.style(text, bold=True)


def _title(text: str) -> str:
    return click.style(text, fg="magenta", bold=True)


def _quiet(text: str) -> str:
    return click.style(text, dim=True)


def _link(address: str) -> str:
    shown = click.style(address, fg="cyan", underline=True)
    return f"\x1b]8;;{address}\x1b\\{shown}\x1b]8;;\x1b\\" if sys.stdout.isatty() else address
