"""Password hashes that other systems made: which are known, what they may cost, and whether a password fits one.

Import refuses what is not known or costs too much; sign-in verifies what is stored and replaces it by argon2id. Slow:
callers put `verify` through the `Offload` port. It knows no account and no storage, and no error of it shows a hash.

A sign-in with a foreign hash takes that hash's time, not argon2id's: until an account's first sign-in after an import,
its answer may tell by its time that the account exists.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from typing import Final

from argon2 import Parameters, PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from attrs import field, frozen

from .encoding import equal
from .settings import Settings

INSTALL: Final = "bcrypt hashes need an extra: pip install 'authority-idp[import-hashes]'."
MOST_MEMORY_KIB: Final = 524_288
"""Memory that verifying one password may take: 512 MiB."""
MOST_ARGON2_WORK: Final = 2_097_152
"""Memory times passes of an argon2 hash, in KiB: 2 GiB."""
MOST_ARGON2_LANES: Final = 64
MOST_BCRYPT_COST: Final = 15
MOST_ITERATIONS: Final = 5_000_000
MOST_SCRYPT_WORK: Final = 8_388_608
"""N times r times p of a scrypt hash: 1 GiB passes through memory."""
HIGHEST_MEMORY_KIB: Final = 4_194_304
HIGHEST_PASSES: Final = 20
"""What settings may ask of argon2 at most: a stored hash beyond it was never ours, and is not worked at."""
_BCRYPT_BYTES: Final = 72
_LONGEST: Final = 1024

_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}\Z")
_DJANGO_BCRYPT = re.compile(r"bcrypt(?P<sha256>_sha256)?\$(?P<inner>\$2[aby]\$.+)\Z", re.DOTALL)
_DIGEST = "sha1|sha256|sha512"
_SALT = r"[\x21-\x23\x25-\x7e]{1,256}"
_PBKDF2 = (
    re.compile(rf"(?P<django>pbkdf2_)(?P<digest>{_DIGEST})\$(?P<rounds>[0-9]{{1,8}})\$(?P<salt>{_SALT})\$(?P<hash>[^$]+)\Z"),
    re.compile(rf"(?P<werkzeug>pbkdf2:)(?P<digest>{_DIGEST}):(?P<rounds>[0-9]{{1,8}})\$(?P<salt>{_SALT})\$(?P<hash>[^$]+)\Z"),
    re.compile(
        rf"(?P<passlib>\$pbkdf2)(?:-(?P<digest>{_DIGEST}))?\$(?P<rounds>[0-9]{{1,8}})\$(?P<salt>[./A-Za-z0-9]{{1,344}})\$(?P<hash>[^$]+)\Z"
    ),
)
_NUMBER = "[0-9]{1,8}"
_SCRYPT = (
    re.compile(
        rf"scrypt:(?P<n>{_NUMBER}):(?P<r>{_NUMBER}):(?P<p>{_NUMBER})\$(?P<salt>{_SALT})\$(?P<werkzeug>[0-9a-f]+)\Z"
    ),
    re.compile(
        rf"scrypt\$(?P<n>{_NUMBER})\$(?P<salt>{_SALT})\$(?P<r>{_NUMBER})\$(?P<p>{_NUMBER})\$(?P<django>[^$]+)\Z"
    ),
    re.compile(
        rf"\$scrypt\$ln=(?P<ln>[0-9]{{1,2}}),r=(?P<r>{_NUMBER}),p=(?P<p>{_NUMBER})"
        r"\$(?P<salt>[+./A-Za-z0-9]{1,344})\$(?P<passlib>[+./A-Za-z0-9]+)\Z"
    ),
)


class Refused(Exception):
    """A hash that cannot be taken; the message says why, and shows nothing of it."""


Check = Callable[[bytes], bool]
"""Tells whether a password, in UTF-8, fits."""


@frozen
class Known:
    """A hash that was understood: *check* judges a password, *argon2* is what an argon2 hash costs."""

    check: Check = field(repr=False)
    argon2: Parameters | None = None


def hash_fault(known: str, settings: Settings) -> str | None:
    """Return why *known* may not be imported as a password hash, in one sentence that shows nothing of it.

    An argon2 hash may cost what *settings* ask of new ones, if that is more than the limits here.
    """
    try:
        cost = _understood(known).argon2
    except Refused as refusal:
        return str(refusal)
    return None if cost is None else _argon2_fault(cost, settings)


def verify(known: str, password: str) -> bool:
    """Tell whether *password*, as it was typed, is the one *known* was made of; `False` for what is not understood."""
    try:
        return _understood(known).check(password.encode("utf-8"))
    except (Refused, UnicodeEncodeError):
        return False


def whole(known: str, password: str) -> bool:
    """Tell whether *known*, which fits, was made of all of *password*: bcrypt looks at 72 bytes and passes over more.

    Whatever stands behind them fits as well, so that nothing better may be made of what was typed.
    """
    plain_bcrypt = known.startswith(("$2", "bcrypt$"))
    return not plain_bcrypt or len(password.encode("utf-8", "surrogatepass")) <= _BCRYPT_BYTES


def _understood(known: str) -> Known:
    if len(known) > _LONGEST:
        raise Refused("The password hash is too long.")
    if known.startswith(("$argon2", "argon2$argon2")):
        return _argon2(known.removeprefix("argon2") if known.startswith("argon2$") else known)
    django = _DJANGO_BCRYPT.match(known)
    if django or known.startswith("$2"):
        return _bcrypt(django["inner"], sha256=bool(django["sha256"])) if django else _bcrypt(known, sha256=False)
    for pattern in _PBKDF2:
        found = pattern.match(known)
        if found:
            return _pbkdf2(found)
    for pattern in _SCRYPT:
        found = pattern.match(known)
        if found:
            return _scrypt(found)
    if not known or known.startswith("!"):  # as Django marks accounts that have none
        raise Refused("This is no password hash: give null, which means no sign-in by password.")
    raise Refused(
        "The password hash is of no known form: argon2, bcrypt, and PBKDF2 or scrypt as Django, Werkzeug and passlib "
        "write them."
    )


# --- argon2 (RFC 9106) -----------------------------------------------------------------------------------------------


def _argon2(known: str) -> Known:
    try:
        cost = extract_parameters(known)
    except (InvalidHashError, ValueError):
        raise Refused("The argon2 hash is malformed.") from None
    dear = cost.memory_cost > HIGHEST_MEMORY_KIB or cost.time_cost > HIGHEST_PASSES
    if dear or cost.parallelism > MOST_ARGON2_LANES:
        raise Refused("The argon2 hash costs more than any setting allows: at most 4 GiB, 20 passes and 64 lanes.")
    hasher = PasswordHasher()  # verification takes every parameter from the hash

    def check(password: bytes) -> bool:
        try:
            return hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False

    return Known(check, cost)


def _argon2_fault(cost: Parameters, settings: Settings) -> str | None:
    usual = cost.memory_cost <= settings.argon2_memory_kib and cost.time_cost <= settings.argon2_time
    dear = cost.memory_cost > MOST_MEMORY_KIB or cost.memory_cost * cost.time_cost > MOST_ARGON2_WORK
    if dear and not usual:
        return "The argon2 hash costs too much to verify: at most 512 MiB, and 2 GiB over all passes."
    if cost.hash_len < 16 or cost.salt_len < 8:
        return "The argon2 hash is too short: it needs 16 bytes, and 8 of salt."
    return None


# --- bcrypt ----------------------------------------------------------------------------------------------------------


def _bcrypt(known: str, *, sha256: bool) -> Known:
    found = _BCRYPT.match(known)
    if not found or int(found[1]) < 4:
        raise Refused("The bcrypt hash is malformed.")
    if int(found[1]) > MOST_BCRYPT_COST:
        raise Refused(f"The bcrypt hash costs too much to verify: at most {MOST_BCRYPT_COST}.")
    try:
        import bcrypt
    except ImportError:
        raise Refused(INSTALL) from None

    def check(password: bytes) -> bool:
        if sha256:  # as Django does against the limit of 72 bytes
            password = hashlib.sha256(password).hexdigest().encode("ascii")
        try:
            # The systems that made these hashes cut in silence; bcrypt 5 raises instead.
            return bcrypt.checkpw(password[:_BCRYPT_BYTES], known.encode("ascii"))
        except ValueError:
            return False

    return Known(check)


# --- PBKDF2 (RFC 8018 §5.2) ------------------------------------------------------------------------------------------


def _pbkdf2(found: re.Match[str]) -> Known:
    parts = found.groupdict()
    rounds, name = int(found["rounds"]), found["digest"] or "sha1"  # passlib names every digest but the first
    salt = _adapted_base64(found["salt"]) if parts.get("passlib") else found["salt"].encode("ascii")
    if parts.get("passlib"):
        expected = _adapted_base64(found["hash"])
    elif parts.get("django"):
        expected = _base64(found["hash"])
    else:
        expected = _hex(found["hash"])
    if not 16 <= len(expected) <= 64:
        raise Refused("The PBKDF2 hash must have 16 to 64 bytes.")
    blocks = -(-len(expected) // hashlib.new(name, usedforsecurity=False).digest_size)  # each takes all iterations
    if not 1 <= rounds <= MOST_ITERATIONS // blocks:
        raise Refused(f"The PBKDF2 hash costs too much to verify: at most {MOST_ITERATIONS} iterations in all.")

    def check(password: bytes) -> bool:
        return equal(hashlib.pbkdf2_hmac(name, password, salt, rounds, len(expected)), expected)

    return Known(check)


# --- scrypt (RFC 7914) -----------------------------------------------------------------------------------------------


def _scrypt(found: re.Match[str]) -> Known:
    parts = found.groupdict()
    r, p = int(found["r"]), int(found["p"])
    n = 2 ** int(found["ln"]) if parts.get("passlib") else int(found["n"])
    if n < 2 or n & (n - 1) or r < 1 or p < 1:
        raise Refused("The scrypt hash is malformed: N is a power of two, r and p are positive.")
    memory = 128 * r * (n + p + 2)
    if memory > MOST_MEMORY_KIB * 1024 or n * r * p > MOST_SCRYPT_WORK:
        raise Refused("The scrypt hash costs too much to verify: at most 512 MiB, and N times r times p of 8388608.")
    if parts.get("passlib"):
        expected = _adapted_base64(found["passlib"])
    elif parts.get("django"):
        expected = _base64(found["django"])
    else:
        expected = _hex(found["werkzeug"])
    if not 16 <= len(expected) <= 64:
        raise Refused("The scrypt hash must have 16 to 64 bytes.")
    salt = _adapted_base64(found["salt"]) if parts.get("passlib") else found["salt"].encode("ascii")

    def check(password: bytes) -> bool:
        made = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=memory + 65_536, dklen=len(expected))
        return equal(made, expected)

    return Known(check)


# --- bytes as text ---------------------------------------------------------------------------------------------------


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Refused("The password hash is not base64.") from None


def _adapted_base64(text: str) -> bytes:
    """Return the bytes of *text* in passlib's base64: no padding, and of PBKDF2 a dot for the plus."""
    return _base64(text.replace(".", "+") + "=" * (-len(text) % 4))


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Refused("The password hash is not hexadecimal.") from None
