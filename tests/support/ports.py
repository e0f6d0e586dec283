"""Ports of the loopback interface that nobody listens on."""

from __future__ import annotations

import random
import socket

BUS = 10_000
"""How far above its port a node of a cluster is called by the others, where Redis cannot be told another."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def free_for_a_node() -> int:
    """Return a port that nobody listens on, neither there nor at that of its bus."""
    for port in random.sample(range(10_000, 22_000), 1000):  # with its bus below the ports the system gives away
        if all(_free(one) for one in (port, port + BUS)):
            return port
    raise OSError("no two ports are free")


def _free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
