"""Makes a client of redis-py, of either colour, for one server, Sentinel or a cluster."""

from __future__ import annotations

import inspect
import ssl
from importlib import import_module
from pathlib import Path
from typing import Any

from attrs import frozen
from redis.backoff import NoBackoff

from .urls import FILES, Address, address

Client = Any
"""Redis or RedisCluster of either colour: their annotations serve both at once and promise nothing."""


@frozen
class Library:
    """redis-py's classes of one colour."""

    redis: Any
    connection: Any
    secure_connection: Any
    socket_connection: Any
    pool: Any
    cluster: Any
    node: Any
    sentinels: Any
    sentinel_pool: Any
    retry: Any


def placed(url: str) -> Address:
    """Return the place that *url* names, whose certificates and keys can be read; it is not asked for anything yet.

    redis-py would call a file that is missing a connection that failed, at the first request. Raises `ValueError`.
    """
    found = address(url)
    for name in sorted(FILES & set(found.options)):
        try:
            Path(found.options[name]).open("rb").close()
        except OSError as error:
            raise ValueError(f"The file that {name} of the Redis URL names cannot be read: {error.strerror}.") from None
    return found


def connect(library: Library, address: Address, timeout: float, connections: int) -> Client:
    """Return a client for *address*; *timeout* (seconds) bounds connecting, each answer, and waiting for a connection.

    It never sends anything twice: a lost answer is not a lost commit.
    """
    once = {**_times(timeout), "retry": library.retry(NoBackoff(), 0)}
    options: dict[str, Any] = {**_who(address), **once}
    if "protocol" in address.options:
        options["protocol"] = int(address.options["protocol"])
    options |= _tls(address)
    if address.cluster:
        nodes = [library.node(host, port) for host, port in address.hosts]
        return library.cluster(
            startup_nodes=nodes,
            require_full_coverage=False,
            max_connections=connections,
            ssl=address.tls,
            **options,
            **_quiet(library.cluster),
        )
    options["db"] = address.database
    if address.service is not None:
        asked = {**_sentinel(address), **once, "ssl": address.tls, **_tls(address), **_quiet(library.redis)}
        sentinels = library.sentinels(address.hosts, asked)
        known = {"is_master": True, "max_connections": connections, "ssl": address.tls, **options}
        known |= _quiet(library.sentinel_pool)
        return library.redis.from_pool(library.sentinel_pool(address.service, sentinels, **known))
    kind = library.secure_connection if address.tls else library.connection
    if address.path is not None:
        kind = library.socket_connection
        options["path"] = address.path
    else:
        options["host"], options["port"] = address.hosts[0]
    options |= _quiet(library.pool)
    pool = library.pool(max_connections=connections, timeout=timeout, connection_class=kind, **options)
    return library.redis.from_pool(pool)


def all_of(client: Client) -> list[Client]:
    """Return *client* and those by which it asks Sentinels, for closing."""
    manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
    return [client, *getattr(manager, "sentinels", ())]


def holder(client: Client, key: str | None) -> dict[str, Any]:
    """Return what makes *client* ask the node of a cluster that holds *key*, as commands without a key need it."""
    if key is None or not hasattr(client, "get_node_from_key"):
        return {}
    return {"target_nodes": client.get_node_from_key(key)}


def _who(address: Address) -> dict[str, Any]:
    return {"username": address.username, "password": address.password}


def _sentinel(address: Address) -> dict[str, Any]:
    named = address.options
    return {"username": named.get("sentinel_username"), "password": named.get("sentinel_password")}


def _times(timeout: float) -> dict[str, Any]:
    return {"socket_timeout": timeout, "socket_connect_timeout": timeout}


def _quiet(kind: Any) -> dict[str, Any]:
    """Return what keeps *kind* from listening for a managed service's maintenance, where this redis-py knows of it.

    While it listens, redis-py takes a connection that the server has closed for one on which something was said.
    """
    option = "maint_notifications_config"
    if not any(option in inspect.signature(one).parameters for one in inspect.getmro(kind)[:-1]):
        return {}
    return {option: import_module("redis.maint_notifications").MaintNotificationsConfig(enabled=False)}


def _tls(address: Address) -> dict[str, Any]:
    """Return the options of TLS: certificates are verified, with their names, and there is no way to say otherwise."""
    if not address.tls:
        return {}
    named = {name: value for name, value in address.options.items() if name.startswith("ssl_")}
    strict = {"ssl_cert_reqs": "required", "ssl_check_hostname": True, "ssl_min_version": ssl.TLSVersion.TLSv1_2}
    return {**strict, **named}
