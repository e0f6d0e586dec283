"""What a storage can do, told by looking at it: its colour, the methods it has, and what its class promises."""

from __future__ import annotations

import inspect
from typing import Any, cast

from .ports import Forgets, Marks, OAuthStorage, Storage

METHODS = tuple(sorted(name for name in dir(Storage) if not name.startswith("_")))
"""Every method of the storage protocols."""

_MARKS = tuple(name for name in vars(Marks) if not name.startswith("_"))
OPTIONAL = (*(name for name in vars(Forgets) if not name.startswith("_")), *_MARKS)
"""Methods that a storage may do without."""

_OAUTH_METHODS = tuple(name for name in METHODS if hasattr(OAuthStorage, name))


def is_async(storage: object) -> bool:
    """Tell the colour of *storage* by its `commit`."""
    return inspect.iscoroutinefunction(getattr(storage, "commit", None))


def misses(storage: object, *, accounts: bool) -> tuple[str, ...]:
    """Return the methods that *storage* lacks for the protocol, and for our *accounts* too."""
    wanted = METHODS if accounts else _OAUTH_METHODS
    return tuple(name for name in wanted if not callable(getattr(storage, name, None)))


def tells_holders(storage: object) -> bool:
    """Tell whether the holders that *storage* tells are the accounts that its own `user` would return.

    Its class says so by `tells_holders = True`. A subclass or an instance with a `user` of its own, or a wrapper around
    another storage, may judge people by rules of its own: it is asked for the account unless it says so itself. A
    wrapper that passes accounts on says `False` in its class, and of each instance what is true of the storage within.
    """
    line = type(storage).__mro__
    says = next((at for at, kind in enumerate(line) if "tells_holders" in vars(kind)), None)
    user = next((at for at, kind in enumerate(line) if "user" in vars(kind)), None)
    if says is None or cast(Any, storage).tells_holders is not True:
        return False
    return (user is None or says <= user) and "user" not in getattr(storage, "__dict__", {})


def marking(storage: object) -> Marks | None:
    """Return *storage*, which wears its coat, as one that tells what ended a code or session; `None` for another."""
    there = (callable(getattr(storage, name, None)) for name in _MARKS)
    return cast(Marks, storage) if all(there) else None


def forgetful(storage: object) -> Forgets | None:
    """Return *storage*, which wears its coat, as one that can be told to forget; `None` when it has no `cleanup`."""
    return cast(Forgets, storage) if callable(getattr(storage, "cleanup", None)) else None
