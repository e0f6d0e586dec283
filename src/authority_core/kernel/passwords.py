"""Passwords: the policy they meet and the slow hash they are kept as (argon2id, RFC 9106).

Hashing takes 100 ms and more and 64 MiB, so it goes through the `Offload` port and never runs on an event loop. Hashes
that came from another system are verified by `foreign_hashes` and are outdated from the first day.
"""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError
from attrs import define, evolve, field

from . import foreign_hashes
from .ports import Offload
from .records import Role
from .settings import Settings
from .values import Secret

ADMINS: frozenset[Role] = frozenset({"admin", "super_admin"})
ADMIN_PASSWORD_LENGTH = 16
"""Characters that an administrator's password has at least."""

COMMON = frozenset(
    (  # noqa: SIM905 - a list of fifty words reads worse
        "123456789012 111111111111 000000000000 1234567890ab password1234 password12345 passwordpassword adminadmin12 "
        "administrator administrator1 qwertyuiop12 qwertyuiop123 qwerty123456 qwerty1234567 letmein12345 welcome12345 "
        "welcome123456 iloveyou1234 sunshine1234 princess1234 football1234 baseball1234 superman1234 batman123456 "
        "trustno112345 changeme1234 changemenow1 secret123456 mustang12345 dragon123456 monkey123456 shadow123456 "
        "master123456 michael12345 jordan123456 hunter123456 charlie12345 password123! password1234! abcdefghijkl "
        "abcdef123456 asdfghjkl123 zxcvbnm12345 1q2w3e4r5t6y 1qaz2wsx3edc q1w2e3r4t5y6 passw0rd1234 p@ssw0rd1234 "
        "pa55word1234 testtesttest test12345678 temporary123 default12345 "
    ).split()
)
"""Passwords that meet the rules and are guessed first."""


def password_faults(password: Secret, settings: Settings, role: Role, *names: str | None) -> list[str]:
    """Return why *password* will not do for *role*; administrators need 16 characters."""
    if role in ADMINS:
        longer = max(settings.password_min_length, ADMIN_PASSWORD_LENGTH)
        settings = evolve(settings, password_min_length=longer)
    return policy_faults(password.reveal(), settings, *names)


def policy_faults(password: str, settings: Settings, *names: str | None) -> list[str]:
    """Return every sentence that says why *password* will not do; *names* are what it must not contain."""
    text = unicodedata.normalize("NFC", password)
    rules = (
        (len(text) >= settings.password_min_length, f"Use at least {settings.password_min_length} characters."),
        (len(text) <= settings.password_max_length, f"Use at most {settings.password_max_length} characters."),
        (not settings.require_uppercase or any(map(str.isupper, text)), "Add an upper-case letter."),
        (not settings.require_lowercase or any(map(str.islower, text)), "Add a lower-case letter."),
        (not settings.require_numbers or any(map(str.isdigit, text)), "Add a digit."),
        (text.lower() not in COMMON, "This password is too common."),
        (not _contains(text, names), "The password must not contain your name or address."),
    )
    return [sentence for kept, sentence in rules if not kept]


def _contains(password: str, names: tuple[str | None, ...]) -> bool:
    parts = [name.partition("@")[0].lower() for name in names if name]
    return any(len(part) >= 4 and part in password.lower() for part in parts)


@define(eq=False)
class Passwords:
    """Hashes and verifies, off the event loop."""

    _settings: Settings
    _offload: Offload
    _hasher: PasswordHasher = field(init=False, repr=False)
    _nobody: str | None = field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._hasher = PasswordHasher(
            time_cost=self._settings.argon2_time,
            memory_cost=self._settings.argon2_memory_kib,
            parallelism=self._settings.argon2_parallelism,
        )

    async def hash(self, password: str) -> str:
        """Return the hash of *password*, with its parameters and salt inside."""
        text = _normal(password)
        return await self._offload(lambda: self._hasher.hash(text))

    async def verify(self, password: str, known: str | None) -> bool:
        """Tell whether *password* is the one *known* was made of; for nobody's hash the same work is done in vain."""
        possible = len(password) <= self._settings.password_max_length
        text = password if possible else ""  # the work must not grow with the input
        fits = await self._offload(lambda: matches(known or self._stand_in(), text))
        return fits and possible and known is not None

    def outdated(self, known: str) -> bool:
        """Tell whether *known* was made with other parameters than today's, or by another system."""
        try:
            return self._hasher.check_needs_rehash(known)
        except InvalidHashError:
            return True

    def _stand_in(self) -> str:
        if self._nobody is None:
            self._nobody = self._hasher.hash("nobody's password")
        return self._nobody


def matches(known: str, password: str) -> bool:
    """Tell whether *password* fits in the form we hash, or as it was typed, which is what other systems hashed.

    Slow: for the `Offload` port. The work does not depend on the length of *password*, but the caller bounds it.
    """
    return any(foreign_hashes.verify(known, text) for text in dict.fromkeys((_normal(password), password)))


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)
