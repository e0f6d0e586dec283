"""Storage on Redis: everything in it, or only what is short-lived, beside a durable storage.

    from authority_redis import RedisStorage, SplitStorage

    storage = SplitStorage(SqlStorage.from_url("postgresql://…"), RedisStorage.from_url("rediss://…"))

Names are loaded when asked for: an application of one colour never imports the other's client.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

if importlib.util.find_spec("redis") is None:
    raise ImportError("authority_redis needs redis-py: pip install 'authority-idp[redis]'")

if TYPE_CHECKING:
    from .aio import AsyncRedisStorage as AsyncRedisStorage
    from .split import AsyncSplitStorage as AsyncSplitStorage
    from .split import SplitStorage as SplitStorage
    from .storage import RedisStorage as RedisStorage

__all__ = ["AsyncRedisStorage", "AsyncSplitStorage", "RedisStorage", "SplitStorage"]

_HOMES = {
    "RedisStorage": "storage",
    "AsyncRedisStorage": "aio",
    "SplitStorage": "split",
    "AsyncSplitStorage": "split",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    value: object = getattr(home, name)
    globals()[name] = value
    return value
