"""What an account is called, in one canonical form, and how people and clients are shown."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from .pages import ClientCard, Person
from .records import Client, User

LONGEST = 320
_USERNAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,255}\Z")


def comparable(identifier: str) -> str:
    """Return the form in which storage compares names and addresses: NFC, lower case."""
    return unicodedata.normalize("NFC", identifier).lower()


def canonical(identifier: str) -> str:
    """Return the form of what a person typed: trimmed, and `comparable`."""
    return comparable(identifier.strip())


def username_fault(username: str) -> str | None:
    """Return why *username* will not do."""
    return None if _USERNAME.match(username) else "A user name has 1 to 64 letters, digits, _ or -."


def email_fault(email: str) -> str | None:
    """Return why *email* will not do."""
    return None if _EMAIL.match(email) and len(email) <= LONGEST else "This is not an e-mail address."


def person(user: User) -> Person:
    """Return *user* as pages show people."""
    name = user.claims.get("name")
    shown = name if isinstance(name, str) and name else user.username or user.email or user.user_id
    return Person(display_name=shown, username=user.username, email=user.email)


def client_card(client: Client, redirect_uri: str | None = None) -> ClientCard:
    """Return how *client* introduces itself."""
    return ClientCard(
        client_id=client.client_id,
        name=client.name,
        client_uri=client.client_uri,
        logo_uri=client.logo_uri,
        policy_uri=client.policy_uri,
        tos_uri=client.tos_uri,
        redirect_host=urlsplit(redirect_uri).netloc or None if redirect_uri else None,
    )
