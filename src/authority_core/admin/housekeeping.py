"""Housekeeping: storage is told to forget what may be forgotten, a batch at a time.

Nothing is decided by it: what has ended is refused on use, whether it was forgotten or not. It may stop half way and
run in several processes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..kernel.abilities import forgetful
from ..kernel.changes import Conflict, StorageUnavailable
from ..kernel.moment import MomentSource, instant
from ..kernel.ports import Storage

BATCH: Final = 1000
_PATIENCE: Final = 5


async def cleanup(
    storage: Storage,
    moment: MomentSource,
    *,
    batch: int = BATCH,
    limit: int | None = None,
    told: Callable[[int], None] | None = None,
) -> int:
    """Forget what may be forgotten now, *batch* records a transaction and *limit* in all; return how many went.

    *told* hears after each batch how many have gone so far. Storage without a `cleanup` forgets by itself: 0.

    Raises:
        StorageUnavailable: Storage cannot be reached, or others write the same records time and again.
    """
    forgets = forgetful(storage)
    if forgets is None:
        return 0
    if batch < 1 or (limit is not None and limit < 0):
        raise ValueError("batch is at least 1, and limit at least 0")
    now, gone, conflicts = instant(moment), 0, 0
    while limit is None or gone < limit:
        most = batch if limit is None else min(batch, limit - gone)
        try:
            went = await forgets.cleanup(now, batch, most)
        except Conflict:  # another process forgets the same, or a deadlock was broken
            conflicts += 1
            if conflicts > _PATIENCE:
                raise StorageUnavailable("storage conflicts time and again") from None
            continue
        conflicts = 0
        gone += went
        if told is not None and went:
            told(gone)
        if went < most:
            break
    return gone
