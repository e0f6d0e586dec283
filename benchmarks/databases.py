"""A private PostgreSQL for the time of a measurement, made as the tests make theirs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .server import ROOT

sys.path.append(str(ROOT / "tests"))

from support.postgres import NotInstalled, cluster, unprivileged
from support.round_trips import Counted, counting

__all__ = ["Counted", "NotInstalled", "postgresql", "round_trips"]


_ALLOCATOR = {"MALLOC_TOP_PAD_": str(16 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}
"""What keeps the C library from giving memory back to the system after a statement and taking it again for the next: a
server process does so or not by the luck of where its heap ends, and where it does, a read that joins costs half more.
"""


@contextmanager
def postgresql() -> Iterator[tuple[str, str]]:
    """Yield the URLs of two empty databases. Raises `NotInstalled` with the line that says what to install."""
    unprivileged([])
    before = dict(os.environ)
    os.environ |= _ALLOCATOR
    try:
        with cluster() as made:
            yield made.database(), made.database()
    finally:
        os.environ.clear()
        os.environ |= before


@contextmanager
def round_trips(url: str) -> Iterator[tuple[str, Counted]]:
    """Yield *url* as it is reached through a go-between, and what that has counted."""
    place, _, database = url.rpartition("/")
    host, _, port = place.rpartition(":")
    with counting(int(port)) as counted:
        yield f"{host}:{counted.port}/{database}", counted
