"""Where Redis is: one server, Sentinel, or a cluster, read from a URL. Pure; opens nothing.

`redis://user:password@host:6379/0` is one server; `rediss://` means TLS, `unix:///path?db=0` a socket.
`redis://s1:26379,s2:26379/mymaster` are Sentinels that know where `mymaster` is; `/mymaster/2` is its database 2.
`redis://n1:6379,n2:6379`, several hosts and no name, are nodes of a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

from attrs import field, frozen

FORMS = "redis://[user:password@]host[:port][/database], rediss:// for TLS, several hosts for a cluster, and hosts/name"
_PORT = 6379
_SENTINEL_PORT = 26379
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")
FILES = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
_OPTIONS = FILES | {"db", "protocol", "sentinel_username", "sentinel_password"}


@frozen(kw_only=True)
class Address:
    """A place to connect to, and as whom."""

    hosts: tuple[tuple[str, int], ...] = ()
    path: str | None = None
    """The socket's path, instead of hosts."""
    service: str | None = None
    """The name by which Sentinels know the primary."""
    database: int = 0
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(factory=dict, repr=False)

    @property
    def cluster(self) -> bool:
        """Whether the hosts are nodes of a cluster."""
        return len(self.hosts) > 1 and self.service is None

    def tagged(self, prefix: str) -> str:
        """Return *prefix* as keys begin here: in a cluster it is the hash tag that keeps them in one slot."""
        return f"{{{prefix}}}" if self.cluster and "{" not in prefix else prefix

    def __str__(self) -> str:
        """Return the address without user, password and options."""
        if self.path is not None:
            return f"unix://{self.path}?db={self.database}"
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        place = "" if self.cluster else f"/{self.database}" if self.service is None else f"/{self.service}"
        number = f"/{self.database}" if self.service is not None and self.database else ""
        return f"{'rediss' if self.tls else 'redis'}://{hosts}{place}{number}"


def address(url: str) -> Address:
    """Return the place that *url* names.

    Raises `ValueError` with a sentence that repeats nothing of *url*, which may hold a password.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"redis", "rediss", "unix"}:
        raise ValueError(f"A Redis URL looks like {FORMS}.")
    rest, _, query = rest.partition("?")
    options = _options(query)
    authority, slash, path = rest.partition("/")
    credentials, _, hosts = authority.rpartition("@")
    username, _, password = credentials.partition(":")
    who = unquote(username) or None, unquote(password) or None
    if scheme == "unix":
        if hosts or not path:
            raise ValueError("The URL of a Redis socket looks like unix:///path/to/redis.sock?db=0.")
        number = _number(options.get("db", "0"))
        return Address(path=slash + unquote(path), database=number, username=who[0], password=who[1], options=options)
    service, database = _place(path, options)
    port = _PORT if service is None else _SENTINEL_PORT
    found = Address(
        hosts=tuple(_host(text, port) for text in hosts.split(",")),
        service=service,
        database=database,
        tls=scheme == "rediss",
        username=who[0],
        password=who[1],
        options=options,
    )
    if found.cluster and found.database:
        raise ValueError("A Redis cluster has database 0 only; for Sentinel, end the URL with the primary's name.")
    if not found.tls and FILES & set(options):
        raise ValueError("Certificates are for rediss:// URLs.")
    return found


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) < len(pairs) or not set(options) <= _OPTIONS:
        raise ValueError(f"A Redis URL takes each of these options once: {', '.join(sorted(_OPTIONS))}.")
    if options.get("protocol", "2") not in {"2", "3"}:
        raise ValueError("The protocol of Redis is 2 or 3.")
    return options


def _place(path: str, options: Mapping[str, str]) -> tuple[str | None, int]:
    """Return the service's name, if there is one, and the database's number."""
    parts = [unquote(part) for part in path.split("/") if part]
    service = parts.pop(0) if parts and _NAME.fullmatch(parts[0]) else None
    if len(parts) > 1 or (parts and "db" in options):
        raise ValueError("A Redis URL names one database.")
    return service, _number(parts[0] if parts else options.get("db", "0"))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError("A Redis database is a number.")
    return int(text)


def _host(text: str, default: int) -> tuple[str, int]:
    name, port = text, ""
    if text.startswith("["):
        name, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif ":" in text:
        name, _, port = text.partition(":")
    if not name or (port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536)):
        raise ValueError("Each host of a Redis URL is a name or an address, with a port from 1 to 65535 if need be.")
    return name, int(port) if port else default
