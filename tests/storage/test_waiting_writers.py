"""Writers on SQLite wait for their turn in this process, and not for ever."""

from __future__ import annotations

import asyncio
import threading

import pytest

from authority_core.kernel.changes import Change, Spend, StorageUnavailable
from authority_core.testing.contract.samples import KEEP, NOW, key_of
from authority_sql import AsyncSqlStorage, SqlStorage, awaiting, keeping, migrate


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path}/authority.db"
    migrate(url)
    return url


def spending(name: str) -> list[Change]:
    return [Spend(key_of(name), NOW, KEEP)]


@pytest.mark.anyio
@pytest.mark.parametrize("ours", ["file", "memory"])
async def test_a_task_that_waits_too_long_is_refused(url, ours: str, monkeypatch: pytest.MonkeyPatch):
    """It is unavailable, takes nobody's turn with it, and the next who comes in time is served."""
    storage = AsyncSqlStorage.from_url(url if ours == "file" else "sqlite://")
    await storage.commit(spending("first"))
    link = await storage._lender.acquire(True)
    monkeypatch.setattr(awaiting, "WRITER_PATIENCE", 0.02)
    with pytest.raises(StorageUnavailable, match="waiting"):
        await storage.commit(spending("impatient"))
    monkeypatch.setattr(awaiting, "WRITER_PATIENCE", 60.0)
    patient = asyncio.ensure_future(storage.commit(spending("patient")))
    await asyncio.sleep(0)
    await storage._lender.release(link, True)
    await patient

    assert await storage.spent(key_of("impatient")) is None
    assert await storage.spent(key_of("patient")) is not None
    await storage.aclose()


def test_a_thread_that_waits_too_long_is_refused(url, monkeypatch: pytest.MonkeyPatch):
    """The same for threads."""
    storage = SqlStorage.from_url(url)
    lock = storage._on._connector._process.mine().writer
    monkeypatch.setattr(keeping, "WRITER_PATIENCE", 0.02)
    said: list[object] = []

    def impatient() -> None:
        try:
            storage.commit(spending("impatient"))
        except StorageUnavailable as error:
            said.append(str(error))

    with lock:
        thread = threading.Thread(target=impatient)
        thread.start()
        thread.join(60)
    storage.commit(spending("patient"))

    assert said == ["Too many writers are waiting for the database file."]
    assert storage.spent(key_of("impatient")) is None
    assert storage.spent(key_of("patient")) is not None
    storage.close()
