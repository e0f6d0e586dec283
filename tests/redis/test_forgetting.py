"""Redis forgets by itself, by a clock that no test can wind: when all expiries have come, only what lasts is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from authority_core.kernel.changes import Remove, Replace
from authority_core.testing.contract.samples import a_consent
from authority_redis import RedisStorage
from support.mixing import VISITS, House, everything_grows, everything_is_forgotten, furnished
from support.redis_servers import RedisServer, emptied

TABLES = {
    "access": "access_tokens", "audit": "audit_logs", "client": "clients", "code": "authorization_codes",
    "consent": "authorizations", "counter": "counters", "cut": "cut_offs", "grant": "grants",
    "interaction": "authorization_transactions", "key": "signing_keys", "name": "user_identifiers",
    "refresh": "refresh_tokens", "revoked": "revocations", "session": "sessions", "spent": "spent_keys",
    "user": "users",
}  # fmt: skip
"""Which table holds what a family of keys holds."""
LISTS = {"audits": "audit", "clients": "client", "consents": "consent", "keys": "key", "users": "user"}
"""The lists of all there is of a family."""


def sizes(server: RedisServer) -> dict[str, int]:
    """Return how much there is of everything, and of what is listed and not there; what has no table, by its family."""
    with server.client() as client:
        found = Counter(key.decode().split(":")[1] for key in client.scan_iter())
        over = {name: client.zcard(f"authority:{name}") - found[family] for name, family in LISTS.items()}
        over["ends"] = client.zcard("authority:consents:ends")
    counted = {TABLES.get(name, name): count for name, count in found.items() if name not in LISTS}
    return counted | {f"over in {name}": count for name, count in over.items()}


def age(server: RedisServer, storage: RedisStorage) -> None:
    """Let every expiry come, and then somebody consent, which is when what is over leaves the list."""
    with server.client() as client:
        for key in [key for key in client.scan_iter() if client.ttl(key) >= 0]:
            client.delete(key)
        for member in client.zrange("authority:consents:ends", 0, -1):
            client.zadd("authority:consents:ends", {member: 1})
    consent = a_consent("the last", "one")
    storage.commit([Replace(consent)])
    storage.commit([Remove(evolve(consent, version=1))])


@contextmanager
def at_work(days: int) -> Iterator[tuple[House, RedisServer]]:
    """Yield a house on an empty server, and the server."""
    server = emptied()
    storage = RedisStorage.from_url(server.url)
    try:
        house = furnished(storage, consent_ttl_days=days)
        house.forget = lambda: age(server, storage)
        yield house, server
    finally:
        storage.close()


@given(st.lists(VISITS, min_size=3, max_size=8), st.sampled_from((0, 10)))
@settings(max_examples=3)
def test_any_mix_of_requests_and_time_leaves_nothing(visits, days):
    """People, clients, keys and consents without an end have no expiry; everything else has, and leaves its list."""
    with at_work(days) as (house, server):
        everything_is_forgotten(house, lambda: sizes(server), visits)


def test_the_visits_fill_the_keys():
    """The control: there is something of everything before its time has come."""
    with at_work(10) as (house, server):
        everything_grows(house, lambda: sizes(server))
