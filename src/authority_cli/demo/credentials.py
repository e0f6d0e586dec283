"""The demo's credentials: all derived from one secret, so that the same database knows them again next time.

A temporary database has a secret of its own that ends with it. A kept SQLite file has it beside itself, readable by
its owner alone; for another database it is kept in the person's state folder, under a name made of the address.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from ..troubles import Trouble

if TYPE_CHECKING:
    from authority_core.kernel.values import Secret

USERNAME = "demo"
EMAIL = "demo@example.com"

_TEXT = """
Amber Anchor Apple Arrow Aspen Badge Beacon Birch Bishop Bloom Breeze Bronze Cabin Canyon Cedar Cherry Cloud
Clover Cobalt Comet Copper Coral Cotton Crane Crater Dawn Delta Drift Eagle Ember Falcon Fern Flint Forest
Garnet Glacier Granite Harbor Hazel Heron Indigo Island Ivory Jasmine Juniper Lagoon Lantern Laurel Lemon Lilac
Lotus Maple Marble Meadow Mint Nectar Olive Opal Orchid Otter Pebble Pepper Pine Prairie
"""
_WORDS = tuple(_TEXT.split())
"""64 of them: six bits each."""


@frozen
class Credentials:
    """What the demo's person and clients know."""

    secret_key: Secret
    _seed: bytes = field(repr=False)

    @property
    def password(self) -> str:
        """The person's password, made to be typed: three words and four digits."""
        bits = int.from_bytes(self._drawn("password"), "big")
        words = [_WORDS[(bits >> shift) % 64] for shift in (0, 6, 12)]
        return "-".join((*words, f"{(bits >> 18) % 10000:04d}"))

    def client_secret(self, client_id: str) -> str:
        """Return the client's secret: 256 bits as base64url."""
        from authority_core.kernel.encoding import base64url

        return base64url(self._drawn("client secret of " + client_id))

    @property
    def verifier(self) -> str:
        """A PKCE verifier for the lines to type (RFC 7636 §4.1); an application makes one for each request."""
        from authority_core.kernel.encoding import base64url

        return base64url(self._drawn("verifier"))

    def _drawn(self, label: str) -> bytes:
        return hashlib.blake2b(label.encode(), key=self._seed, digest_size=32).digest()


def credentials_from(text: str) -> Credentials:
    """Return the credentials that follow from a secret *text*."""
    from authority_core.kernel.values import Secret

    return Credentials(Secret(text), hashlib.sha256(b"authority demo\x00" + text.encode()).digest())


def fresh() -> str:
    """Return a new secret."""
    return os.urandom(32).hex()


def kept(path: Path) -> str:
    """Return the secret in the file at *path*, which is made, for its owner alone, when it is not there.

    Raises `Trouble` when it can neither be read nor made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            text = path.read_text(encoding="ascii").strip()
        else:
            text = fresh()
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text + "\n")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text"
        raise Trouble(
            f"The demo keeps its secret in {path}, which cannot be used ({reason}): check the folder's rights."
        ) from error
    if len(text) < 32:
        raise Trouble(f"The file {path} does not hold a secret of the demo: delete it together with the database.")
    return text


def place(url: str) -> Path:
    """Return where the secret of the database at *url* is kept."""
    from sqlalchemy import make_url

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return Path(parsed.database + ".demo-secret")
    name = hashlib.sha256(parsed.render_as_string(hide_password=True).encode()).hexdigest()[:16]
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "authority" / f"{name}.demo-secret"
