"""Where Redis is: every form of a URL, and what is refused without repeating it."""

from __future__ import annotations

import pytest

from authority_redis import AsyncRedisStorage, RedisStorage
from authority_redis.urls import address

SECRET = "s3cr3t-of-redis"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost", "redis://localhost:6379/0"),
        ("redis://localhost:6380/3", "redis://localhost:6380/3"),
        ("redis://localhost?db=3", "redis://localhost:6379/3"),
        ("rediss://user:p%40ss%2Fword@cache.example/1", "rediss://cache.example:6379/1"),
        ("redis://[::1]:6380", "redis://[::1]:6380/0"),
        ("redis://s1,s2:26380,s3/mymaster", "redis://s1:26379,s2:26380,s3:26379/mymaster"),
        ("redis://s1/mymaster/2", "redis://s1:26379/mymaster/2"),
        ("redis://n1:6379,n2:6379", "redis://n1:6379,n2:6379"),
        ("unix:///run/redis/redis.sock?db=2", "unix:///run/redis/redis.sock?db=2"),
    ],
)
def test_every_form_is_understood(url: str, shown: str):
    """One server, TLS, a socket, Sentinel and a cluster; what is shown of it has no credentials."""
    assert str(address(url)) == shown


def test_credentials_are_decoded():
    """User and password may hold any character, percent-encoded."""
    found = address("redis://us%3Aer:p%40ss%2Fw%3Ford@host")

    assert (found.username, found.password) == ("us:er", "p@ss/w?ord")
    assert (address("redis://:word@host").username, address("redis://:word@host").password) == (None, "word")


def test_several_hosts_are_a_cluster_and_a_name_means_sentinel():
    """A cluster's keys share a hash tag; elsewhere the prefix is as it was given."""
    assert address("redis://a,b").tagged("authority:") == "{authority:}"
    assert address("redis://a,b").tagged("{mine}:") == "{mine}:"
    assert address("redis://a,b/mymaster").tagged("authority:") == "authority:"
    assert address("redis://a").tagged("authority:") == "authority:"


@pytest.mark.parametrize(
    "url",
    [
        f"http://:{SECRET}@host",
        f"{SECRET}",
        f"redis://:{SECRET}@host:port",
        f"redis://:{SECRET}@host:0",
        f"redis://:{SECRET}@host:70000",
        f"redis://:{SECRET}@",
        f"redis://:{SECRET}@a,,b",
        f"redis://:{SECRET}/x@host:1:2",
        f"redis://:{SECRET}@host/1/2",
        f"redis://:{SECRET}@host/1?db=2",
        f"redis://:{SECRET}@host/-1",
        f"redis://:{SECRET}@a,b/1",
        f"redis://:{SECRET}@host?password={SECRET}",
        f"redis://:{SECRET}@host?protocol=4",
        f"redis://:{SECRET}@host?protocol=2&protocol=3",
        f"redis://:{SECRET}@host?ssl_ca_certs=/tmp/ca.pem",
        f"rediss://:{SECRET}@host?ssl_cert_reqs=none",
        f"rediss://:{SECRET}@host?ssl_ca_certs=/nowhere/{SECRET}.pem",
        f"unix://:{SECRET}@host",
    ],
)
def test_a_url_that_is_none_is_refused_and_not_repeated(url: str):
    """A fault is named in one sentence that holds nothing of the URL, for it may hold a password."""
    for storage in (RedisStorage, AsyncRedisStorage):
        with pytest.raises(ValueError) as refusal:
            storage.from_url(url)

        assert SECRET not in str(refusal.value)
        assert refusal.value.__cause__ is None


@pytest.mark.parametrize("storage", [RedisStorage, AsyncRedisStorage])
def test_no_secret_is_shown(storage: type):
    """`repr` names the place and the prefix, and neither the user nor a password."""
    shown = repr(storage.from_url(f"rediss://somebody:{SECRET}@host?sentinel_password={SECRET}", prefix="mine:"))

    assert SECRET not in shown
    assert "somebody" not in shown
    assert "rediss://host:6379/0" in shown
    assert "mine:" in shown


def test_nothing_is_opened_before_the_first_use():
    """A storage may be made before Redis is there."""
    RedisStorage.from_url("redis://192.0.2.1:6379,192.0.2.2:6379").close()
