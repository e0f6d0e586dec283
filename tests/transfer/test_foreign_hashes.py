"""Hashes that other systems made: verified as those systems would, bounded in cost, replaced at sign-in."""

from __future__ import annotations

import base64
import hashlib
import sys
import time

import bcrypt
import pytest
from argon2 import PasswordHasher, Type
from werkzeug.security import generate_password_hash

from authority_core.kernel.foreign_hashes import INSTALL, hash_fault, verify
from authority_core.kernel.passwords import Passwords
from authority_core.kernel.ports import Busy
from authority_core.kernel.sync import run
from support.server import make_server, make_settings

PASSWORD = "Correct-Hörse-1"
SALT = "NaCl0123456789ab"


def django_pbkdf2(password: str, digest: str = "sha256", rounds: int = 10) -> str:
    """As `django.contrib.auth.hashers.PBKDF2PasswordHasher.encode` writes it."""
    made = hashlib.pbkdf2_hmac(digest, password.encode(), SALT.encode(), rounds)
    return f"pbkdf2_{digest}${rounds}${SALT}${base64.b64encode(made).decode()}"


def django_scrypt(password: str) -> str:
    """As `ScryptPasswordHasher.encode` writes it."""
    made = hashlib.scrypt(password.encode(), salt=SALT.encode(), n=16, r=8, p=5, dklen=64)
    return f"scrypt$16${SALT}$8$5${base64.b64encode(made).decode()}"


def unpadded(*parts: bytes) -> list[str]:
    return [base64.b64encode(part).decode().rstrip("=") for part in parts]


def passlib_pbkdf2(password: str, digest: str = "sha256", length: int | None = None) -> str:
    """As `passlib.hash.pbkdf2_sha256.hash` writes it: base64 with dots, without padding; SHA-1 has no name.

    Keycloak derives 64 bytes (*length*) whatever the digest.
    """
    salt = bytes(range(200, 216))
    made = hashlib.pbkdf2_hmac(digest, password.encode(), salt, 10, length)
    name = "$pbkdf2" if digest == "sha1" else f"$pbkdf2-{digest}"
    return "$".join((name, "10", *unpadded(salt, made))).replace("+", ".")


def passlib_scrypt(password: str) -> str:
    """As `passlib.hash.scrypt.hash` writes it: base64 without padding."""
    salt = b"\xfb\xff\xbe" * 5
    made = hashlib.scrypt(password.encode(), salt=salt, n=16, r=8, p=5, dklen=32)
    return "$".join(("$scrypt", "ln=4,r=8,p=5", *unpadded(salt, made)))


def bcrypt_of(password: str, prefix: str = "$2b$") -> str:
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode().replace("$2b$", prefix)


def argon2_of(password: str, kind: Type = Type.ID, memory: int = 16, lanes: int = 2) -> str:
    return PasswordHasher(time_cost=1, memory_cost=memory, parallelism=lanes, type=kind).hash(password)


def django_bcrypt_sha256(password: str) -> str:
    return "bcrypt_sha256$" + bcrypt_of(hashlib.sha256(password.encode()).hexdigest())


HASHES = {
    "argon2id": argon2_of(PASSWORD),
    "argon2i": argon2_of(PASSWORD, Type.I),
    "argon2d": argon2_of(PASSWORD, Type.D),
    "django argon2": "argon2" + argon2_of(PASSWORD),
    "bcrypt 2a": bcrypt_of(PASSWORD, "$2a$"),
    "bcrypt 2b": bcrypt_of(PASSWORD),
    "bcrypt 2y": bcrypt_of(PASSWORD, "$2y$"),
    "django bcrypt": "bcrypt$" + bcrypt_of(PASSWORD),
    "django bcrypt_sha256": django_bcrypt_sha256(PASSWORD),
    "django pbkdf2": django_pbkdf2(PASSWORD),
    "django pbkdf2 sha1": django_pbkdf2(PASSWORD, "sha1"),
    "passlib pbkdf2": passlib_pbkdf2(PASSWORD),
    "passlib pbkdf2 sha1": passlib_pbkdf2(PASSWORD, "sha1"),
    "keycloak pbkdf2": passlib_pbkdf2(PASSWORD, length=64),
    "passlib scrypt": passlib_scrypt(PASSWORD),
    "passlib pbkdf2 sha512": passlib_pbkdf2(PASSWORD, "sha512"),
    "werkzeug pbkdf2": generate_password_hash(PASSWORD, "pbkdf2:sha256:10"),
    "werkzeug pbkdf2 sha512": generate_password_hash(PASSWORD, "pbkdf2:sha512:10"),
    "werkzeug scrypt": generate_password_hash(PASSWORD, "scrypt:1024:8:1"),
    "django scrypt": django_scrypt(PASSWORD),
}


@pytest.mark.parametrize("known", HASHES.values(), ids=HASHES)
def test_a_foreign_hash_is_verified(known):
    """The right password fits, in any normal form; every other one does not, and the hash is outdated."""
    passwords = Passwords(make_settings(), make_server().authority._slow)

    assert hash_fault(known, make_settings()) is None
    assert run(passwords.verify(PASSWORD, known))
    assert run(passwords.verify(PASSWORD.replace("ö", "o\u0308"), known))
    assert not run(passwords.verify(PASSWORD + "x", known))
    assert not run(passwords.verify("", known))
    assert passwords.outdated(known)


ANSWERS = {
    "django pbkdf2_sha256": "pbkdf2_sha256$260000$seasalt2$UCGMhrOoaq1ghQPArIBK5RkI6IZLRxlIwHWA1dMy7y8=",
    "django pbkdf2_sha1": "pbkdf2_sha1$10$seasalt2$tx40Wyxh283AjzTlRvj9K0if7kc=",
    "django scrypt": "scrypt$1024$seasalt2$8$1$iJnDbv8J286xDoxKPAXwZ9kj1BGixW/pMnjMo661tRYZkhOhMIZN3nQUUitlxmT1EqMUvB"
    "9Qx1tD23DFmTwruA==",
    "django bcrypt_sha256": "bcrypt_sha256$$2b$04$r5PriCJX3dUhAkgOmmrJaOQYZRrisc3s5jNbTroyx29uj5UNRLZoC",
    "django bcrypt": "bcrypt$$2b$04$ETTdgQ02qg65IxGaWZeeMegr6hb86hI2pHYbdUIuKIs0HpVZej5rS",
    "django argon2": "argon2$argon2id$v=19$m=16,t=1,p=1$c2Vhc2FsdDI$wQPx0CN4g2Grp07WVq/QKBxUAz6IvHhTVlW86BIK4qk",
    "passlib pbkdf2_sha256": "$pbkdf2-sha256$1000$VAph7L3XmnPOOYdwDiGkdA$PCu7vUupTFvMdhMO/0QxfV6dCQXGRkySjPQxhWq9uuM",
    "passlib pbkdf2_sha1": "$pbkdf2$1000$yMnKy8zNzs/Q0dLT1NXW1w$ZjJ6ODpgvRRmgTe/yli3CF9bhiI",
    "passlib scrypt": "$scrypt$ln=10,r=8,p=1$yMnKy8zNzs/Q0dLT1NXW1w$q4xox+td6ncKcqk7/40htJG+Ekrm7cP44eudX1wXLps",
    "werkzeug scrypt": "scrypt:1024:8:1$79z0CWycactETYL2$c0f35ae09ec63c5f4e31637a4e50cf3af55e44d5cf8b7e5775579bdf"
    "583998d9451de9f287ef9a03fbb02e1d046158b77607272eefd61425fbe27feec2150e59",
}
"""Made of `lètmein` by the systems themselves."""


@pytest.mark.parametrize("known", ANSWERS.values(), ids=ANSWERS)
def test_known_answers_of_others(known):
    """Hashes made by the systems themselves, not by our idea of them."""
    assert hash_fault(known, make_settings()) is None
    assert verify(known, "lètmein")
    assert not verify(known, "letmein")


def test_a_known_answer_of_bcrypt():
    """From the test vectors of crypt_blowfish."""
    assert verify("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U")
    assert not verify("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*V")


def test_a_password_typed_in_another_form_fits_as_it_was_hashed():
    """Other systems hashed what was typed, composed or not."""
    typed = "pa\u0308ssword"

    assert run(Passwords(make_settings(), make_server().authority._slow).verify(typed, django_pbkdf2(typed)))


def test_bcrypt_cuts_as_the_old_systems_did():
    """What comes after 72 bytes never counted; a NUL is no reason to fail."""
    known = bcrypt_of("x" * 72)

    assert verify(known, "x" * 72 + "whatever")
    assert not verify(known, "x" * 71)
    assert not verify(known, "x\x00" * 36)


DEAR = {
    "argon2 memory": argon2_of("x").replace("m=16", "m=1048576"),
    "argon2 passes": argon2_of("x").replace("m=16,t=1", "m=524288,t=9"),
    "argon2 lanes": argon2_of("x", memory=1024, lanes=65),
    "argon2 lanes, little else": argon2_of("x").replace("p=2", "p=8192"),
    "bcrypt": bcrypt_of("x").replace("$04$", "$31$"),
    "pbkdf2": django_pbkdf2("x").replace("$10$", "$99999999$"),
    "pbkdf2 long": f"pbkdf2_sha256$10$salt${base64.b64encode(bytes(600)).decode()}",
    "passlib pbkdf2 sha1": passlib_pbkdf2("x", "sha1").replace("$10$", "$5000001$"),
    "pbkdf2 of several blocks": passlib_pbkdf2("x", length=64).replace("$10$", "$2500001$"),
    "passlib pbkdf2 sha1 long": "$pbkdf2$10$c2FsdA$" + "A" * 87,
    "passlib scrypt N": passlib_scrypt("x").replace("ln=4", "ln=24"),
    "passlib scrypt N beyond all": passlib_scrypt("x").replace("ln=4", "ln=99"),
    "passlib scrypt p": passlib_scrypt("x").replace("p=5", "p=99999999"),
    "scrypt N": generate_password_hash("x", "scrypt:1024:8:1").replace(":1024:", ":16777216:"),
    "scrypt p": generate_password_hash("x", "scrypt:1024:8:1").replace(":8:1$", ":8:9999999$"),
    "scrypt r": generate_password_hash("x", "scrypt:1024:8:1").replace(":8:", ":8388608:"),
}


@pytest.mark.parametrize("known", DEAR.values(), ids=DEAR)
def test_a_hash_that_costs_too_much_is_refused(known):
    """Nobody's machine is held for minutes, nor filled, by a hash that came in a file."""
    began = time.monotonic()
    fault = hash_fault(known, make_settings())

    assert fault
    assert known not in fault
    assert time.monotonic() - began < 1


def test_what_cannot_be_ours_is_not_worked_at():
    """Should a hash beyond every setting be stored all the same, it is not verified."""
    known = argon2_of("x").replace("m=16,t=1", "m=4194305,t=21")
    began = time.monotonic()

    assert not verify(known, "x")
    assert not verify(DEAR["pbkdf2"], "x")
    assert not verify(DEAR["bcrypt"], "x")
    assert time.monotonic() - began < 1


def test_the_servers_own_settings_are_never_too_much():
    """Who hashes with a gigabyte may import such hashes."""
    known = argon2_of("x").replace("m=16", "m=1048576")

    assert hash_fault(known, make_settings(argon2_memory_kib=1_048_576)) is None
    assert hash_fault(known, make_settings()) is not None


@pytest.mark.parametrize(
    "known",
    [
        "", "!unusable", "plain text", "5f4dcc3b5aa765d61d8327deb882cf99", "$1$salt$hash", "$argon2id$", "$2b$04$short",
        "$2x$04$" + "a" * 53, "$2b$03$" + "a" * 53, "pbkdf2_md5$10$salt$aGFzaA==", "pbkdf2_sha256$0$salt$" + "A" * 44,
        "pbkdf2_sha256$10$salt$***", "pbkdf2_sha256$10$salt$aGFzaA==", "pbkdf2:sha256:10$salt$zz",
        "scrypt:15:8:1$s$" + "0" * 64, "$scrypt$ln=0,r=8,p=1$c2FsdA$" + "A" * 43, "$scrypt$ln=4,r=8,p=1$c2FsdA$AA",
        "$scrypt$ln=4,r=8,p=1$c2FsdA$***", "$pbkdf2$10$c2FsdA$***", "$pbkdf2-md5$10$c2FsdA$" + "A" * 22,
        "scrypt:16:8:1$s$00", "scrypt$16$salt$8$1$aGFzaA", "x" * 2000,
        "pbkdf2_sha256$\u0661\u0660$salt$" + "A" * 43 + "=",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA", "\x00", "\ud800",
    ],
)  # fmt: skip
def test_what_is_no_hash_is_refused_at_import(known):
    """With a sentence that shows nothing of it; at sign-in it fits no password and nothing raises."""
    fault = hash_fault(known, make_settings())

    assert fault
    assert fault.endswith(".")
    assert len(known) < 3 or known not in fault
    assert not verify(known, "x")
    assert not verify(known, "\ud800")


@pytest.mark.parametrize("known", ["", "!", "!GDw5hzAVSTkjgTjNyBPYMKLgHjJ1VPuU7bBjcFZv"])
def test_what_says_that_there_is_no_password_is_told_to_be_null(known):
    """As Django writes it for accounts that sign in otherwise."""
    assert "give null" in hash_fault(known, make_settings())


def test_without_bcrypt_the_line_that_installs_it_is_named(monkeypatch):
    """And sign-in does not fail in any other way than by a wrong password."""
    known = bcrypt_of("x")
    monkeypatch.setitem(sys.modules, "bcrypt", None)

    assert hash_fault(known, make_settings()) == INSTALL
    assert "pip install 'authority-idp[import-hashes]'" in INSTALL
    assert not verify(known, "x")


@pytest.mark.parametrize("form", ["django pbkdf2", "bcrypt 2y", "werkzeug scrypt", "argon2i"])
def test_a_foreign_hash_is_replaced_at_the_first_sign_in(form):
    """With the right password; the wrong one leaves it as it is. Afterwards the new hash is argon2id, and works."""
    server = make_server()
    server.change_user("u1", password_hash=HASHES[form])

    assert server.browser().sign_in("alice", "wrong").status == 401
    assert server.storage.user("u1").password_hash == HASHES[form]
    assert server.browser().sign_in("alice", PASSWORD).status == 303
    hashed = server.storage.user("u1").password_hash
    assert hashed.startswith("$argon2id$")
    assert not server.authority.passwords.outdated(hashed)
    assert server.browser().sign_in("alice", PASSWORD).status == 303
    assert server.storage.user("u1").password_hash == hashed


def test_a_hash_of_the_first_72_bytes_stays_what_it_is():
    """What bcrypt passes over nobody has proved: no new hash is made of it."""
    server, long = make_server(), "A-Long-Password-1 " * 5
    known = bcrypt_of(long)
    server.change_user("u1", password_hash=known)

    assert server.browser().sign_in("alice", f"{long[:80]} mistyped").status == 303
    assert server.browser().sign_in("alice", long).status == 303
    assert server.storage.user("u1").password_hash == known


def test_a_better_hash_that_nobody_has_time_for_hinders_nobody():
    """The password was right: the person is in, the hash is as it was, and the next sign-in replaces it."""
    server, done = make_server(), []
    server.change_user("u1", password_hash=HASHES["argon2i"])

    async def one_only(work):
        if done:
            raise Busy("too much is waiting")
        done.append(work)
        return work()

    server.authority.run_slow_work_in(one_only)
    assert server.browser().sign_in("alice", PASSWORD).status == 303
    assert server.storage.user("u1").password_hash == HASHES["argon2i"]
    done.clear()
    assert server.browser().sign_in("alice", PASSWORD).status == 303


def test_a_text_too_long_to_be_a_password_never_fits():
    """Not even where a hash of nothing was imported."""
    known = django_pbkdf2("")

    assert not run(Passwords(make_settings(), make_server().authority._slow).verify("x" * 2000, known))
