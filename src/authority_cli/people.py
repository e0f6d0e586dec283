"""Administrators made on the command line: where their passwords come from, and who is the first."""

from __future__ import annotations

import string
import sys
from typing import TYPE_CHECKING

import click
from attrs import frozen

from .environment import variable
from .troubles import Trouble

if TYPE_CHECKING:
    from authority_core import Authority
    from authority_core.admin.users import NewUser
    from authority_core.kernel.records import Role, User
    from authority_core.kernel.values import Secret

FIRST = "admin"
"""User name of the first administrator when the environment names nobody."""
GENERATED_LENGTH = 24


@frozen(eq=False)
class Password:
    """A password and, when it was generated, the text to show once."""

    secret: Secret
    shown: str | None = None


def generated() -> Password:
    """Make a password of 24 letters and digits that meets every policy."""
    import secrets

    from authority_core.kernel.values import Secret

    alphabet = string.ascii_letters + string.digits
    while True:
        text = "".join(secrets.choice(alphabet) for _ in range(GENERATED_LENGTH))
        kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits)
        if all(set(text) & set(kind) for kind in kinds):
            return Password(Secret(text), text)


def asked() -> Password:
    """Take the password from the environment, or ask for it twice; raises `Trouble` when nobody can be asked."""
    from authority_core.kernel.values import Secret

    given = variable("ADMIN_PASSWORD")
    if given is not None:
        return Password(Secret(given))
    if not sys.stdin.isatty():
        raise Trouble(
            "No password was given and nobody is there to be asked: set AUTHORITY_ADMIN_PASSWORD, "
            "pipe it in with --password-stdin, or add --generate-password."
        )
    return Password(Secret(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)))


def piped() -> Password:
    """Take the password from the first line of standard input."""
    from authority_core.kernel.values import Secret

    return Password(Secret(sys.stdin.readline().rstrip("\r\n")))


def new_administrator(
    username: str | None, email: str | None, name: str | None, role: Role, password: Password
) -> NewUser:
    """Return the account to create; a generated password is to be changed at first sign-in."""
    from authority_core.admin.users import NewUser

    return NewUser(
        username=username,
        email=email,
        password=password.secret,
        role=role,
        password_must_change=password.shown is not None,
        claims={"name": name} if name else {},
    )


def first_administrator(authority: Authority) -> tuple[User, Password | None]:
    """Return the administrator named by the environment, and the password if the account was made just now."""
    from authority_core.admin.users import Users
    from authority_core.kernel.passwords import ADMINS
    from authority_core.kernel.sync import run

    users = Users(authority.shell, authority.passwords)
    email, username = variable("ADMIN_EMAIL"), variable("ADMIN_USERNAME")
    if email is None and username is None:
        username = FIRST
    for identifier in (username, email):
        found = run(users.find(identifier)) if identifier else None
        if found is not None and found.role not in ADMINS:
            raise Trouble(f"The account {identifier} exists but is no administrator: set AUTHORITY_ADMIN_….")
        if found is not None:
            return found, None
    password = asked() if variable("ADMIN_PASSWORD") else generated()
    new = new_administrator(username, email, variable("ADMIN_NAME"), "super_admin", password)
    return run(users.create(new)), password
