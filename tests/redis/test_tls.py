"""TLS to one server, to Sentinels and in a cluster, and the names and passwords of Sentinels; both colours.

The servers' certificates bear the address 127.0.0.1 unless a test says otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from attrs import frozen

from authority_core.kernel.changes import Put, StorageUnavailable
from authority_core.testing.contract import samples as s
from authority_redis import AsyncRedisStorage, RedisStorage
from support.certificates import Certifier
from support.redis_servers import RedisServer
from support.waiting import until

Files = tuple[Path, Path]


@frozen
class House:
    """The authority that certifies our servers, and one that does not; who is certified by them."""

    right: Certifier
    wrong: Certifier
    server: Files
    elsewhere: Files
    client: Files
    stranger: Files


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("tls")
    right, wrong = Certifier(folder, "right"), Certifier(folder, "wrong")
    return House(
        right,
        wrong,
        server=right.certify("server", "127.0.0.1"),
        elsewhere=right.certify("elsewhere", "127.0.0.2"),
        client=right.certify("client"),
        stranger=wrong.certify("stranger"),
    )


def tls(house: House, files: Files, *, clients: str = "no") -> dict[str, str]:
    """Return the options of a server that shows *files*, and asks *clients* for theirs or not."""
    certificate, key = files
    return {
        "tls-cert-file": str(certificate),
        "tls-key-file": str(key),
        "tls-ca-cert-file": str(house.right.path),
        "tls-auth-clients": clients,
    }


@contextmanager
def running(options: dict[str, str], **more: object) -> Iterator[RedisServer]:
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    started = RedisServer(*words, **more)  # type: ignore[arg-type]  # as the test likes
    try:
        yield started
    finally:
        started.stop()


@contextmanager
def watching(options: dict[str, str], *lines: str, tls_port: bool) -> Iterator[RedisServer]:
    """Yield a Sentinel."""
    told = [f"{name} {value}" for name, value in options.items()]
    started = RedisServer(sentinel="\n".join([*told, *lines]), tls_port=tls_port)
    try:
        yield started
    finally:
        started.stop()


def secure(place: str, **options: object) -> str:
    told = urlencode({name: str(value) for name, value in options.items() if value is not None})
    return f"rediss://{place}?{told}"


def served(url: str) -> bool:
    """Tell whether storage at *url* is there; both colours must agree."""
    blocking, awaited = RedisStorage.from_url(url), AsyncRedisStorage.from_url(url)

    async def ask() -> bool:
        try:
            await awaited.commit([Put(s.a_grant("awaited"))])
            return await awaited.grant("awaited") == s.a_grant("awaited")
        except StorageUnavailable:
            return False
        finally:
            await awaited.aclose()

    try:
        blocking.commit([Put(s.a_grant("blocking"))])
        found = blocking.grant("blocking") == s.a_grant("blocking")
    except StorageUnavailable:
        found = False
    finally:
        blocking.close()

    assert asyncio.run(ask()) is found
    return found


@pytest.mark.parametrize(
    ("shown", "trusted", "outcome"),
    [
        ("server", "right", True),
        ("server", None, False),
        ("server", "wrong", False),
        ("elsewhere", "right", False),
    ],
)
def test_the_server_is_verified(house: House, shown: str, trusted: str | None, outcome: bool):
    """`rediss://` wants a certificate that is trusted and bears the server's name."""
    known = None if trusted is None else getattr(house, trusted).path
    with running(tls(house, getattr(house, shown)), tls_port=True) as own:
        assert served(secure(f"127.0.0.1:{own.port}/0", ssl_ca_certs=known)) is outcome


@pytest.mark.parametrize(("shown", "trusted"), [("server", "wrong"), ("elsewhere", "right")])
def test_a_refusal_for_a_certificate_is_readable(house: House, shown: str, trusted: str):
    """The sentence names the certificate, and holds nothing of the URL; in both colours."""
    with running(tls(house, getattr(house, shown)), tls_port=True) as own:
        place = f"me:s3cret@127.0.0.1:{own.port}/0"
        url = secure(place, ssl_ca_certs=getattr(house, trusted).path)
        storage, awaited = RedisStorage.from_url(url), AsyncRedisStorage.from_url(url)
        for ask in (lambda: storage.client("client"), lambda: asyncio.run(awaited.client("client"))):
            with pytest.raises(StorageUnavailable, match="certificate of Redis is not trusted") as refusal:
                ask()

            assert "s3cret" not in repr(refusal.value)
        storage.close()


@pytest.mark.parametrize(("who", "outcome"), [("client", True), ("stranger", False), (None, False)])
def test_a_client_certificate_is_shown(house: House, who: str | None, outcome: bool):
    """A server that asks for certificates takes those of its authority, and nobody else's."""
    certificate, key = (None, None) if who is None else getattr(house, who)
    with running(tls(house, house.server, clients="yes"), tls_port=True) as own:
        files = {"ssl_ca_certs": house.right.path, "ssl_certfile": certificate, "ssl_keyfile": key}

        assert served(secure(f"127.0.0.1:{own.port}/0", **files)) is outcome


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ("sentinel_username=watcher&sentinel_password=w%40rd", True),
        ("sentinel_username=watcher&sentinel_password=wrong", False),
        ("sentinel_password=w%40rd", False),
        ("", False),
    ],
)
def test_sentinels_have_credentials_of_their_own(options: str, outcome: bool):
    """User and password of the Sentinels are told to them, and those of the primary to the primary."""
    with running({"requirepass": "word", "masterauth": "word"}) as primary:
        watch = f"sentinel monitor mymaster 127.0.0.1 {primary.port} 1", "sentinel auth-pass mymaster word"
        users = "user watcher on >w@rd allchannels +@all", "user default on >other ~* &* +@all"
        with watching({}, *watch, *users, tls_port=False) as sentinel:
            assert served(f"redis://:word@127.0.0.1:{sentinel.port}/mymaster?{options}") is outcome


def test_sentinel_and_the_number_of_a_database():
    """`/mymaster/2` is database 2 of the primary, and no other."""
    with running({}) as primary:
        watch = f"sentinel monitor mymaster 127.0.0.1 {primary.port} 1"
        with watching({}, watch, tls_port=False) as sentinel:
            assert served(f"redis://127.0.0.1:{sentinel.port}/mymaster/2")
            with primary.client() as none, primary.client(db=2) as second:
                assert none.dbsize() == 0
                assert second.dbsize() > 0


@pytest.mark.parametrize(("trusted", "outcome"), [("right", True), ("wrong", False)])
def test_sentinels_are_asked_over_tls(house: House, trusted: str, outcome: bool):
    """`rediss://` with Sentinel is TLS to them and to the primary, both verified."""
    options = tls(house, house.server) | {"tls-replication": "yes"}
    with running(options, tls_port=True) as primary:
        watch = f"sentinel monitor mymaster 127.0.0.1 {primary.port} 1"
        with watching(options, watch, tls_port=True) as sentinel:
            url = secure(f"127.0.0.1:{sentinel.port}/mymaster", ssl_ca_certs=getattr(house, trusted).path)

            assert served(url) is outcome


@pytest.mark.parametrize(("trusted", "outcome"), [("right", True), ("wrong", False)])
def test_a_cluster_over_tls(house: House, trusted: str, outcome: bool):
    """Several hosts of `rediss://` are nodes of a cluster that is spoken to over TLS."""
    options = tls(house, house.server) | {"tls-cluster": "yes", "cluster-enabled": "yes"}
    with running(options, tls_port=True) as node, node.client() as client:
        client.execute_command("CLUSTER ADDSLOTS", *range(16384))
        until(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok", "the cluster is not ready")
        place = f"127.0.0.1:{node.port},127.0.0.1:{node.port}"

        assert served(secure(place, ssl_ca_certs=getattr(house, trusted).path)) is outcome
