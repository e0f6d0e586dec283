"""Storage that fails on demand: an error, a delay, a competitor or the process's death at any call of any storage.

    storage = Faulty(SqlStorage.from_url(url))
    authority = Authority(settings, storage)
    storage.arm(Fail(), at=2, when="after")     # the second call happens, and nobody hears that it did
    ...                                         # the answer must be 503, and a retry must be answered
    storage.disarm()

It knows nothing of what is stored; `invariants` looks at what is left.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Literal, assert_never

from attrs import define, field, frozen

from ..kernel.abilities import METHODS, OPTIONAL, is_async, tells_holders

When = Literal["before", "after"]


class Killed(BaseException):
    """The process died at this storage call. No `except Exception` survives it."""


class Broken(Exception):
    """What a driver may raise when its database goes away: nothing that the core knows."""


@frozen
class Fail:
    """The call raises *error*: `before`, it never happened; `after`, it did and its answer is lost."""

    error: type[Exception] = Broken


@frozen
class Delay:
    """The call takes *seconds* longer."""

    seconds: float


@frozen
class Meanwhile:
    """The call waits while *work* is done: another request, which gets in between just here."""

    work: Callable[[], object]


@frozen
class Kill:
    """The process dies: this call raises `Killed`, and so does every further one until `disarm`."""


Fault = Fail | Delay | Meanwhile | Kill


@define(eq=False)
class _Fuse:
    """What is armed, and what was called since."""

    lock: threading.Lock = field(factory=threading.Lock)
    armed: tuple[Fault, int, When] | None = None
    dead: bool = False
    calls: list[str] = field(factory=list)
    struck: str | None = None

    def set(self, armed: tuple[Fault, int, When] | None) -> None:
        with self.lock:
            self.armed, self.dead, self.calls, self.struck = armed, False, [], None

    def due(self, name: str) -> tuple[Fault | None, When]:
        """Count the call of *name*; return what is to strike it, and when."""
        with self.lock:
            if self.dead:
                raise Killed(f"{name} is called by a dead process")
            self.calls.append(name)
            if self.armed is None or len(self.calls) != self.armed[1]:
                return None, "before"
            fault, _, when = self.armed
            self.armed, self.struck = None, name
            return fault, when


class Faulty:
    """*storage*, of either colour, with a fault at one of its calls; the colour stays.

    One that stands *beside* another in the same process is armed with it, and their calls are counted together.

    >>> from authority_core.testing.memory import MemoryStorage
    >>> storage = Faulty(MemoryStorage())
    >>> storage.arm(Fail(), at=2)
    >>> storage.client("nobody") is None
    True
    >>> storage.client("nobody")
    Traceback (most recent call last):
    authority_core.testing.faults.Broken: injected before client
    >>> storage.struck
    'client'
    """

    tells_holders = False

    def __init__(self, storage: object, *, beside: Faulty | None = None) -> None:
        self.tells_holders = tells_holders(storage)
        self._storage = storage
        self._fuse: _Fuse = _Fuse() if beside is None else beside._fuse
        wrap = self._awaited if is_async(storage) else self._called
        found = {name: getattr(storage, name, None) for name in (*METHODS, *OPTIONAL)}
        self._methods = {name: wrap(name, method) for name, method in found.items() if method is not None}

    def __getattr__(self, name: str) -> Any:
        """Return a method of the protocols as `arm` left it; what else *storage* has, such as `close`, as it is."""
        inside = vars(self)
        if "_methods" not in inside:
            raise AttributeError(name)
        return inside["_methods"].get(name) or getattr(self._storage, name)

    @property
    def calls(self) -> list[str]:
        """The methods called since the last `arm` or `disarm`, in order."""
        return self._fuse.calls

    @property
    def struck(self) -> str | None:
        """The method that met the fault, or `None`."""
        return self._fuse.struck

    def arm(self, fault: Fault, *, at: int, when: When = "before") -> None:
        """Let *fault* strike at the call number *at* from now on, counting from 1. It strikes once."""
        self._fuse.set((fault, at, when))

    def disarm(self) -> None:
        """Behave from now on."""
        self._fuse.set(None)

    def _strike(self, fault: Fail | Meanwhile | Kill, name: str, when: When) -> None:
        match fault:
            case Fail(error):
                raise error(f"injected {when} {name}")
            case Meanwhile(work):
                work()
            case Kill():
                self._fuse.dead = True
                raise Killed(f"{when} {name}")
            case _:
                assert_never(fault)

    def _called(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*arguments: Any, **options: Any) -> Any:
            fault, when = self._fuse.due(name)
            if isinstance(fault, Delay):
                threading.Event().wait(fault.seconds)
                return method(*arguments, **options)
            if fault is not None and when == "before":
                self._strike(fault, name, when)
            answer = method(*arguments, **options)
            if fault is not None and when == "after":
                self._strike(fault, name, when)
            return answer

        return call

    def _awaited(self, name: str, method: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
        @wraps(method)
        async def call(*arguments: Any, **options: Any) -> Any:
            fault, when = self._fuse.due(name)
            if isinstance(fault, Delay):
                await asyncio.sleep(fault.seconds)
                return await method(*arguments, **options)
            if fault is not None and when == "before":
                self._strike(fault, name, when)
            answer = await method(*arguments, **options)
            if fault is not None and when == "after":
                self._strike(fault, name, when)
            return answer

        return call
