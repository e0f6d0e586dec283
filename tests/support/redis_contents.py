"""Everything in a Redis as `authority_core.testing.invariants` judges it, read key by key and not through storage."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

import redis

from authority_core.kernel.encoding import Digest
from authority_core.kernel.records import Counter
from authority_core.testing.invariants import Contents, Mark
from authority_redis import codec
from authority_redis.plan import MARGIN

from .redis_servers import RedisServer

RECORDS: Mapping[str, codec.Codec[Any]] = {
    "client": codec.CLIENT,
    "user": codec.USER,
    "consent": codec.CONSENT,
    "key": codec.SIGNING_KEY,
    "session": codec.SESSION,
    "grant": codec.GRANT,
    "audit": codec.AUDIT,
    "code": codec.CODE,
    "refresh": codec.REFRESH,
    "access": codec.ACCESS,
    "interaction": codec.INTERACTION,
}


def contents(server: RedisServer, prefix: str = "authority:") -> Contents:
    """Return everything in *server* below *prefix*."""
    records: list[object] = []
    spent: dict[Digest, Mark] = {}
    revoked: dict[tuple[str, str], Mark] = {}
    cut_off: dict[tuple[str, str | None], Mark] = {}
    counters: dict[Digest, Counter] = {}
    names: dict[str, str] = {}
    with server.client() as client:
        for key in sorted(client.scan_iter(match=prefix + "*", count=1000)):
            family, *parts = key.decode().removeprefix(prefix).split(":")
            texts = [unquote(part) for part in parts]
            if family in RECORDS:
                records.append(RECORDS[family].decode(_hash(client, key)[b"r"]))
            elif family == "spent":
                spent[Digest(bytes.fromhex(parts[0]))] = _mark(client, key)
            elif family == "revoked":
                revoked[texts[0], texts[1]] = _mark(client, key)
            elif family == "cut":
                cut_off[texts[0], texts[1] if len(texts) > 1 else None] = _mark(client, key)
            elif family == "counter":
                counters[Digest(bytes.fromhex(parts[0]))] = _counter(client, key)
            elif family == "name":
                names[texts[0]] = unquote((client.get(key) or b"").decode().rpartition(":")[2])
    return Contents(
        records=records, spent=spent, revoked=revoked, cut_off=cut_off, counters=counters, names=names
    )


def end_of(client: redis.Redis, key: bytes) -> int:
    """Return when *key* is forgotten (milliseconds since 1970); -1 when it stays. Redis 6 has no command for it."""
    while True:
        asked = client.pipeline().time().pttl(key).time()
        (seconds, before), left, after = asked.execute()
        if left < 0:
            return int(left)
        if (seconds, before // 1000) == (after[0], after[1] // 1000):  # else nobody knows which moment it counted from
            return int(seconds) * 1000 + int(before) // 1000 + int(left)


def _hash(client: redis.Redis, key: bytes) -> dict[bytes, bytes]:
    return dict(client.hgetall(key))  # type: ignore[arg-type]  # redis-py's annotation serves both colours at once


def _mark(client: redis.Redis, key: bytes) -> Mark:
    value, ends = bytes(client.get(key) or b""), end_of(client, key)
    keep_until = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ends - MARGIN)
    return Mark(codec.unstamp(value[:18]), keep_until)


def _counter(client: redis.Redis, key: bytes) -> Counter:
    found = _hash(client, key)
    return Counter(value=int(found[b"n"]), expires_at=codec.unstamp(found[b"till"]))


def both(durable: Contents, shared: Contents) -> Contents:
    """Return what the two parts of a storage hold together."""
    return Contents(
        records=[*durable.records, *shared.records],
        spent={**shared.spent, **durable.spent},
        revoked={**shared.revoked, **durable.revoked},
        cut_off={**shared.cut_off, **durable.cut_off},
        counters={**shared.counters, **durable.counters},
    )
