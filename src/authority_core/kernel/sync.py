"""Two colours from one core: how synchronous storage is lifted and a coroutine finished without an event loop.

Imported by adapters, composition, storages and tests.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Generator
from typing import Any, NoReturn, TypeVar, cast

from .abilities import METHODS, OPTIONAL, is_async
from .changes import Conflict, StorageUnavailable
from .ports import Storage

T = TypeVar("T")

_PLAIN = frozenset(name for name in METHODS if getattr(Storage, name).__code__.co_argcount == 2)
"""Methods of one argument, which most requests call alone: a wrapper of just that is cheaper than one of any."""


class Done(Coroutine[Any, Any, T]):
    """A coroutine that is at its end already: what a driver that blocks has answered, without a frame around it."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, Any, T]:
        return self.value
        yield  # never reached; it makes this the generator that `await` wants

    def send(self, value: Any) -> NoReturn:
        """End, as every coroutine does at its last step."""
        raise StopIteration(self.value)

    def throw(self, *error: Any) -> NoReturn:
        """Raise *error*: nothing is left that could catch it."""
        raise error[0]

    def close(self) -> None:
        """Do nothing: nothing is open."""


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Finish a *coroutine* that never suspends, in place: no event loop, no thread.

    Raises:
        RuntimeError: It did suspend, so something asynchronous was called in a synchronous application.
    """
    if type(coroutine) is Done:
        done: T = coroutine.value
        return done
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    waiting = _where(coroutine)
    coroutine.close()
    raise RuntimeError(
        f"{waiting} tried to wait, but this application is synchronous: "
        "give it synchronous storage, claims sources and listeners, or use the Starlette adapter."
    )


def _where(coroutine: Coroutine[Any, Any, Any]) -> str:
    innermost: Any = coroutine
    while inspect.iscoroutine(getattr(innermost, "cr_await", None)):
        innermost = innermost.cr_await
    return getattr(innermost, "__qualname__", "A hook")


class _Coat:
    """Storage as the shell sees it: every method awaitable, every foreign error a `StorageUnavailable`."""

    def __init__(self, storage: object) -> None:
        wrap, wrap_plain = (_guarded, _guarded) if is_async(storage) else (_lifted, _lifted_plain)
        for name in (*METHODS, *OPTIONAL):
            method = getattr(storage, name, None)
            if method is not None:
                setattr(self, name, (wrap_plain if name in _PLAIN else wrap)(method))


def _lifted_plain(method: Callable[[Any], Any]) -> Callable[[Any], Coroutine[Any, Any, Any]]:
    async def lifted(argument: Any) -> Any:
        try:
            return method(argument)
        except (Conflict, StorageUnavailable):
            raise
        except Exception as error:
            raise StorageUnavailable(f"{method.__qualname__} failed") from error

    return lifted


def _lifted(method: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def lifted(*arguments: Any, **options: Any) -> Any:
        try:
            return method(*arguments, **options)
        except (Conflict, StorageUnavailable):
            raise
        except Exception as error:
            raise StorageUnavailable(f"{method.__qualname__} failed") from error

    return lifted


def _guarded(method: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def guarded(*arguments: Any, **options: Any) -> Any:
        try:
            return await method(*arguments, **options)
        except (Conflict, StorageUnavailable):
            raise
        except Exception as error:
            raise StorageUnavailable(f"{method.__qualname__} failed") from error

    return guarded


def coat(storage: object) -> Storage:
    """Return *storage* of either colour as the asynchronous protocol that the shell awaits."""
    return cast(Storage, _Coat(storage))
