"""Listening sockets, bound before anything else is done, so that a port in use is one early sentence."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Callable

from ..troubles import Trouble

BACKLOG = 1024
_TRIES = 20
_PAUSE, _PATIENCE = 0.05, 60.0
"""Seconds between two looks at a server that is starting, and of all looks together."""
_ABSENT = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})


def loopback_sockets(port: int) -> tuple[int, list[socket.socket]]:
    """Return the port and sockets that listen on `127.0.0.1` and, where there is one, `::1`; port 0 takes a free one.

    Raises `Trouble` when the port cannot be had on both.
    """
    for attempt in range(_TRIES):
        first = listening("127.0.0.1", port)
        chosen: int = first.getsockname()[1]
        try:
            second = listening("::1", chosen)
        except _Absent:
            return chosen, [first]
        except Trouble:
            first.close()
            if port or attempt == _TRIES - 1:
                raise
            continue
        return chosen, [first, second]
    raise Trouble("No free port was found.")  # not reached: the last attempt raises


def once_accepting(host: str, port: int, announce: Callable[[], None]) -> None:
    """Call *announce*, from a thread, once somebody accepts connections on *host* and *port*."""
    threading.Thread(target=_watch, args=(host, port, announce), daemon=True).start()


def _watch(host: str, port: int, announce: Callable[[], None]) -> None:
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    for _ in range(int(_PATIENCE / _PAUSE)):
        try:
            socket.create_connection((reached, port), timeout=1).close()
        except OSError:
            time.sleep(_PAUSE)
        else:
            announce()
            return


class _Absent(Trouble):
    """This machine does not have the address."""


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens on *host* and *port*. Raises `Trouble`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        made = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise _Absent(f"The address {host} cannot be listened on: {_reason(error)}.") from error
    try:
        if os.name == "posix":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        raise _trouble(host, port, error) from error
    made.setblocking(False)
    return made


def _trouble(host: str, port: int, error: OSError) -> Trouble:
    if error.errno == errno.EADDRINUSE:
        return Trouble(f"Port {port} is in use by another program: stop that one, or choose another with --port.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Trouble(f"Port {port} may not be used by this account: choose one above 1023 with --port.")
    if error.errno in _ABSENT:
        return _Absent(f"The address {host} is not one of this machine: choose another with --host.")
    return Trouble(f"Nothing can listen on {host}, port {port}: {_reason(error)}.")


def _reason(error: OSError | UnicodeError) -> str:
    return getattr(error, "strerror", None) or str(error)
