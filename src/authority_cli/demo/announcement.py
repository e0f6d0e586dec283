"""What the demo prints: one JSON line for machines; for people what to click and what to type."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click

from ..environment import masked
from .credentials import EMAIL, USERNAME, place
from .people_and_clients import CALLBACKS

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
    _line()
    _line("  " + _strong("Authority is running") + f" at {issuer}")
    _line()
    _line("  " + _title("Click"))
    _line(f"    {_link(issuer + '/demo')}   sign in, and see the tokens explained")
    _line(f"    user      {_strong(USERNAME)}  (or {EMAIL})")
    _line(f"    password  {_strong(demo.credentials.password)}")
    _line()
    _line("  " + _title("Type"))
    for comment, command in _commands(demo):
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


def _commands(demo: Demo) -> list[tuple[str, tuple[str, ...]]]:
    issuer, callback = demo.settings.issuer, CALLBACKS[0]
    secrets = {one.client_id: one.client_secret for one in demo.clients}
    service = f"-u 'demo-service:{secrets['demo-service']}'"
    web = f"-u 'demo-web:{secrets['demo-web']}'"
    asked = urlencode(
        {
            "response_type": "code",
            "client_id": "demo-web",
            "redirect_uri": callback,
            "scope": "openid profile offline_access",
            "code_challenge": s256(demo.credentials.verifier),
            "code_challenge_method": "S256",
        }
    )
    return [
        (
            "a token for a service: client credentials",
            (f"curl -s {service} \\", f"  -d 'grant_type=client_credentials&scope=reports:read' {issuer}/token"),
        ),
        (
            "what the server says of a token: introspection",
            (
                f"TOKEN=$(curl -s {service} \\",
                f"  -d grant_type=client_credentials {issuer}/token \\",
                '  | sed \'s/.*"access_token":"\\([^"]*\\).*/\\1/\')',
                f"curl -s {service} \\",
                f'  -d "token=$TOKEN" {issuer}/token/introspect',
            ),
        ),
        (
            "tokens for a person: open this, sign in, and copy code=... from the address where the browser ends",
            (f"{issuer}/authorize?{asked}",),
        ),
        (
            "... and redeem it within a minute, with the verifier whose hash went along (PKCE)",
            (
                f"CODE=... ; curl -s {web} \\",
                f"  -d grant_type=authorization_code -d redirect_uri={callback} \\",
                f'  -d code_verifier={demo.credentials.verifier} -d "code=$CODE" {issuer}/token',
            ),
        ),
        (
            "fresh tokens without the person: take the refresh_token of that answer",
            (
                f"REFRESH=... ; curl -s {web} \\",
                f'  -d grant_type=refresh_token -d "refresh_token=$REFRESH" {issuer}/token',
            ),
        ),
    ]


def s256(verifier: str) -> str:
    """Return the challenge of *verifier* (RFC 7636 §4.2)."""
    from authority_core.kernel.encoding import base64url

    return base64url(hashlib.sha256(verifier.encode("ascii")).digest())


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
