"""What administration refuses, and how: every fault at once, in sentences for the administrator."""

from __future__ import annotations

from collections.abc import Iterable


class Invalid(Exception):
    """Data that may not be stored: *faults* lists every reason, one sentence each."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(self.faults))


class Unknown(Exception):
    """There is no such client or user; the message says which."""
