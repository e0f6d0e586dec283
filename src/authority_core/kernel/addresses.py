"""Which address a request came from: the peer's, or what trusted proxies say of it, and nobody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return *texts* (addresses or CIDR) as networks; raises `ValueError` for one that is none."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def client_address(peer: str | None, forwarded_for: str | None, trusted: Sequence[Network]) -> str | None:
    """Return the client's address: from right to left through *forwarded_for*, as far as proxies are *trusted*.

    What cannot be parsed ends the walk at the last address that can; nothing is ever resolved by name.
    """
    address = _parsed(peer)
    if address is None or not trusted or not forwarded_for:
        return str(address) if address else peer
    for hop in reversed(forwarded_for[-1024:].split(",")):
        if not any(address in network for network in trusted if network.version == address.version):
            break
        before = _parsed(hop.strip())
        if before is None:
            break
        address = before
    return str(address)


def trusts(peer: str | None, trusted: Sequence[Network]) -> bool:
    """Tell whether *peer* is one of the *trusted* proxies."""
    address = _parsed(peer)
    return address is not None and any(address in one for one in trusted if one.version == address.version)


def neighbourhood(address: str | None) -> str | None:
    """Return what tells *address* from other people's, for counting: of IPv6 the first half, which is one site's."""
    found = _parsed(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address


def _parsed(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
