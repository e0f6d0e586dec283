"""Scopes in the words of people, and the claims each releases."""

from __future__ import annotations

from attrs import frozen


@frozen
class Scope:
    """A scope as people see it on the consent page, and the claims it releases (OpenID Connect Core §5.4)."""

    name: str
    display_name: str
    description: str = ""
    claims: tuple[str, ...] = ()
    public: bool = True
    """Listed in the metadata."""


STANDARD_SCOPES = (
    Scope("openid", "Confirm who you are", "Your account's identifier", ("sub",)),
    Scope(
        "profile",
        "See your profile",
        "Your name, picture and the like",
        (
            "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile",
            "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
        ),
    ),
    Scope("email", "See your e-mail address", "Your address and whether it is verified", ("email", "email_verified")),
    Scope("address", "See your postal address", "", ("address",)),
    Scope("phone", "See your phone number", "", ("phone_number", "phone_number_verified")),
    Scope("offline_access", "Keep access while you are away", "It stays signed in until you sign it out"),
)  # fmt: skip
