"""TLS to PostgreSQL as libpq spells it, with every driver: who must connect connects, who must not is refused.

The server's certificate bears the name `localhost` and not its address. Whether a connection is encrypted, the server
says itself.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import psycopg
import pytest
from attrs import frozen

from authority_core.kernel.changes import StorageUnavailable
from authority_sql import AsyncSqlStorage, SqlStorage, migrate
from support.certificates import Certifier
from support.postgres import USER, cluster, own

RULES = """
hostssl all certified all cert
hostnossl all encrypted all reject
host all all all trust
"""
RIGHT_HOST, WRONG_HOST = "localhost", "127.0.0.1"
DRIVERS = ("psycopg", "psycopg awaited", "asyncpg")
NEWEST = """
SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
ORDER BY backend_start DESC LIMIT 1
"""


@frozen
class Secured:
    """A server with TLS: its *port* and *database*, the authority that certified it, another, and a client's files."""

    port: int
    database: str
    right: Path
    wrong: Path
    client: tuple[Path, Path]

    def url(self, driver: str, user: str = USER, host: str = RIGHT_HOST, **options: object) -> str:
        scheme = "postgresql+asyncpg" if driver == "asyncpg" else "postgresql"
        told = urlencode({name: str(value) for name, value in options.items()})
        return f"{scheme}://{user}@{host}:{self.port}/{self.database}?{told}"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    right, wrong = Certifier(folder, "right"), Certifier(folder, "wrong")
    certificate, key = right.certify("server", "localhost")
    rules = folder / "rules"
    rules.write_text(RULES)
    own(folder)
    if os.geteuid() == 0:
        shutil.chown(key, "postgres")
    files = {"ssl_cert_file": certificate, "ssl_key_file": key, "ssl_ca_file": right.path, "hba_file": rules}
    with cluster(ssl="on", **{name: str(path) for name, path in files.items()}) as made:
        url = made.database()
        migrate(url)
        database = url.rpartition("/")[2]
        made.sql("CREATE ROLE certified LOGIN", "CREATE ROLE encrypted LOGIN")
        made.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO certified, encrypted", database=database)
        yield Secured(made.port, database, right.path, wrong.path, right.certify("certified"))


def encrypted(driver: str, url: str) -> bool:
    """Read something through storage at *url*; return whether the server calls its connection encrypted."""
    if driver == "psycopg":
        storage = SqlStorage.from_url(url)
        try:
            storage.client("nobody")
            return newest_is_encrypted(url)
        finally:
            storage.close()

    async def ask() -> bool:
        awaited = AsyncSqlStorage.from_url(url)
        try:
            await awaited.client("nobody")
            return newest_is_encrypted(url)
        finally:
            await awaited.aclose()

    return asyncio.run(ask())


def newest_is_encrypted(url: str) -> bool:
    """Ask the server at *url*, over a connection of its own, about the newest of all others."""
    parts = urlsplit(url)
    asking = f"postgresql://{USER}@127.0.0.1:{parts.port}{parts.path}?sslmode=disable"
    with psycopg.connect(asking) as connection:
        (told,) = connection.execute(NEWEST).fetchone() or (None,)
    return bool(told)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("mode", "trusted", "host", "outcome"),
    [
        ("disable", None, WRONG_HOST, False),
        ("prefer", None, WRONG_HOST, True),
        ("require", None, WRONG_HOST, True),
        ("verify-ca", "right", WRONG_HOST, True),
        ("verify-full", "right", RIGHT_HOST, True),
    ],
)
def test_who_must_connect_connects(
    secured: Secured, driver: str, mode: str, trusted: str | None, host: str, outcome: bool
) -> None:
    """Encrypted or not as the mode says, and without looking at what it does not promise to check."""
    more = {} if trusted is None else {"sslrootcert": getattr(secured, trusted)}

    assert encrypted(driver, secured.url(driver, host=host, sslmode=mode, **more)) is outcome


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    ("mode", "trusted", "host"),
    [
        ("require", "wrong", RIGHT_HOST),  # libpq checks what it is given
        ("verify-ca", "wrong", RIGHT_HOST),
        ("verify-full", "wrong", RIGHT_HOST),
        ("verify-full", "right", WRONG_HOST),
    ],
)
def test_who_must_not_connect_is_refused(secured: Secured, driver: str, mode: str, trusted: str, host: str) -> None:
    """A certificate of somebody else's, or for another name: no connection, and the sentence names the certificate."""
    url = secured.url(driver, host=host, sslmode=mode, sslrootcert=getattr(secured, trusted))
    with pytest.raises(StorageUnavailable, match="certificate"):
        encrypted(driver, url)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_server_that_wants_tls_takes_nothing_else(secured: Secured, driver: str) -> None:
    """Where the server refuses clear text, `disable` is refused and `require` is not."""
    assert encrypted(driver, secured.url(driver, "encrypted", sslmode="require"))
    with pytest.raises(StorageUnavailable):
        encrypted(driver, secured.url(driver, "encrypted", sslmode="disable"))


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_client_certificate_is_shown(secured: Secured, driver: str) -> None:
    """`sslcert` and `sslkey` are enough for a role that must have a certificate; without them it is refused."""
    server = {"sslmode": "verify-full", "sslrootcert": secured.right}
    certificate, key = secured.client

    assert encrypted(driver, secured.url(driver, "certified", sslcert=certificate, sslkey=key, **server))
    with pytest.raises(StorageUnavailable):
        encrypted(driver, secured.url(driver, "certified", **server))


@pytest.mark.parametrize("driver", DRIVERS)
def test_migrations_speak_tls_too(secured: Secured, driver: str) -> None:
    """The same URL migrates, and the same is refused."""
    migrate(secured.url(driver, sslmode="verify-full", sslrootcert=secured.right))
    with pytest.raises(Exception, match="certificate"):
        migrate(secured.url(driver, sslmode="verify-full", sslrootcert=secured.wrong))
