"""The storage that the environment describes, in either colour: a database and, where one is named, Redis beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from attrs import field, frozen

from .environment import PREFIX, need_sql, synchronous, variable
from .troubles import Trouble, listed, sentence

if TYPE_CHECKING:
    from authority_redis import AsyncSplitStorage, RedisStorage, SplitStorage
    from authority_sql import AsyncSqlStorage, SqlStorage

T = TypeVar("T")

REDIS_URL, REDIS_KINDS, KEY_PREFIX = "REDIS_URL", "REDIS_KINDS", "CACHE_KEY_PREFIX"
KINDS = ("codes", "counters", "interactions", "replays", "sessions")
CHOSEN = ("codes", "interactions", "sessions")
"""What may live in Redis, and what does when nothing is said."""
DEFAULT_PREFIX = "authority:"
_PREFIX = re.compile(r"(?=[!-~]{1,64}\Z)[^{}]*(\{[^{}]+\}[^{}]*)?\Z")
_NOBODY = bytes(32)


@frozen
class Beside:
    """Redis beside the database: what lives there, and how its keys begin."""

    url: str = field(repr=False)
    kinds: tuple[str, ...]
    prefix: str

    @property
    def place(self) -> str:
        """Where it is, without user, password and options."""
        return shown_redis(self.url)


def shown_redis(url: str) -> str:
    """Return *url* as it may be shown."""
    try:
        from authority_redis.urls import address

        return str(address(url))
    except (ImportError, ValueError):
        return "***"


def beside() -> Beside | None:
    """Return the Redis of the environment; `None` when it names none. Raises `Trouble` with every fault."""
    found, faults = read_beside()
    if faults:
        raise Trouble(listed("Redis cannot be used", tuple(faults)))
    return found


def read_beside() -> tuple[Beside | None, list[str]]:
    """Return the Redis of the environment, `None` when it names none or cannot, and every fault."""
    faults: list[str] = []
    url = _judged(_url, REDIS_URL, faults)
    kinds = _judged(_kinds, REDIS_KINDS, faults)
    prefix = _judged(_prefix, KEY_PREFIX, faults)
    if url is None and not faults:
        alone = [name for name, value in ((REDIS_KINDS, kinds), (KEY_PREFIX, prefix)) if value is not None]
        faults += [f"{PREFIX}{name} is set without {PREFIX}{REDIS_URL}: set both, or neither." for name in alone]
    if url is None or faults:
        return None, faults
    return Beside(url, kinds or CHOSEN, prefix or DEFAULT_PREFIX), []


def _judged(judge: Callable[[str], T], name: str, faults: list[str]) -> T | None:
    try:
        text = variable(name)
        return None if text is None else judge(text)
    except Trouble as trouble:
        faults.append(trouble.message)
        return None


def _url(text: str) -> str:
    try:
        from authority_redis.connecting import placed
    except ImportError as missing:
        raise Trouble(f"{PREFIX}{REDIS_URL} needs an extra: pip install 'authority-idp[redis]'") from missing
    try:
        placed(text)
    except ValueError as fault:
        raise Trouble(f"{PREFIX}{REDIS_URL} cannot be used: {fault}") from None
    return text


def _kinds(text: str) -> tuple[str, ...]:
    """Return the kinds that *text* names, in whatever order and case."""
    named = sorted({word for word in re.split(r"[,\s]+", text.lower()) if word})
    strange = [name for name in named if name not in KINDS]
    if strange or not named:
        what = f", not {strange[0][:20]!a}" if strange else ""
        raise Trouble(f"{PREFIX}{REDIS_KINDS} takes some of {', '.join(KINDS)}{what}.")
    return tuple(named)


def _prefix(text: str) -> str:
    if not _PREFIX.match(text):
        raise Trouble(
            f"{PREFIX}{KEY_PREFIX} must be 1 to 64 visible characters of ASCII, such as {DEFAULT_PREFIX}, with at most "
            "one pair of braces around something."
        )
    return text


def blocking_storage(database: str) -> SqlStorage | SplitStorage:
    """Return synchronous storage on *database*, and on the Redis of the environment. Nothing is opened yet."""
    need_sql()
    from authority_sql import SqlStorage

    redis = beside()
    durable = SqlStorage.from_url(synchronous(database))
    if redis is None:
        return durable
    from authority_redis import SplitStorage

    return SplitStorage(durable, _connected(redis), kinds=redis.kinds)


def awaiting_storage(database: str) -> AsyncSqlStorage | AsyncSplitStorage:
    """Return asynchronous storage on *database*, and on the Redis of the environment. Nothing is opened yet."""
    need_sql()
    from authority_sql import AsyncSqlStorage

    redis = beside()
    durable = AsyncSqlStorage.from_url(database)
    if redis is None:
        return durable
    from authority_redis import AsyncRedisStorage, AsyncSplitStorage

    return AsyncSplitStorage(durable, AsyncRedisStorage.from_url(redis.url, prefix=redis.prefix), kinds=redis.kinds)


def _connected(redis: Beside) -> RedisStorage:
    from authority_redis import RedisStorage

    return RedisStorage.from_url(redis.url, prefix=redis.prefix)


def check_redis(redis: Beside) -> str | None:
    """Return why it refuses all of a kind that it is to hold, if it does. Raises `Trouble` unless it answers this user.

    It is asked for what nobody has, and runs what a commit runs, with scripts as requests send them: that needs the
    rights that requests need.
    """
    from authority_core.kernel.changes import StorageUnavailable
    from authority_core.kernel.encoding import Digest

    storage = _connected(redis)
    try:
        storage.session(Digest(_NOBODY))
        storage.rehearse()
        return storage.refuses_replays() if "replays" in redis.kinds else None
    except StorageUnavailable as away:
        raise Trouble(sentence(away)) from away
    finally:
        with suppress(Exception):  # it answered or it did not; that is said already
            storage.close()


def check_awaited(database: str) -> None:
    """Raise `Trouble` unless the asynchronous driver of *database* takes its URL and reaches it."""
    import asyncio

    async def reach() -> None:
        storage = AsyncSqlStorage.from_url(database)
        try:
            await storage.client("")
        finally:
            await storage.aclose()

    need_sql()
    from authority_sql import AsyncSqlStorage

    try:
        asyncio.run(reach())
    except Exception as error:
        raise Trouble(sentence(error)) from error
