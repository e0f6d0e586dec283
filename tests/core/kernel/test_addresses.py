"""Which address a request came from."""

from __future__ import annotations

import pytest

from authority_core.kernel.addresses import client_address, networks, trusts

PROXIES = networks(["10.0.0.0/8", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),  # not a proxy of ours
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),  # what the client itself claims is to the left
        ("10.0.0.1", "1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, _hidden, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "[::1", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "x" * 10_000, "10.0.0.1"),
        ("2001:db8::1", "2001:db9::7%eth0", "2001:db9::7"),
        ("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("::ffff:203.0.113.9", None, "203.0.113.9"),
        ("socket", "1.2.3.4", "socket"),
        (None, "1.2.3.4", None),
    ],
)
def test_the_walk_from_right_to_left(peer, forwarded, expected):
    """As far as proxies are trusted, and not a step further."""
    assert client_address(peer, forwarded, PROXIES) == expected


def test_trust():
    """Only what is listed."""
    assert trusts("10.1.2.3", PROXIES)
    assert trusts("::ffff:10.1.2.3", PROXIES)
    assert not trusts("11.1.2.3", PROXIES)
    assert not trusts("nonsense", PROXIES)
    assert not trusts(None, PROXIES)
    assert client_address("10.0.0.1", "1.2.3.4", ()) == "10.0.0.1"
    with pytest.raises(ValueError):
        networks(["proxy.local"])
