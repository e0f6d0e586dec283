"""Our own storages keep the contract that we ask of everybody's."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path

from authority_core.kernel.sync import coat
from authority_core.testing.contract import StorageContract
from authority_core.testing.memory import MemoryStorage
from authority_sql import AsyncSqlStorage, SqlStorage, migrate


class TestMemory(StorageContract):
    """The reference, met by threads."""

    holds_nul = True

    def make_storage(self):
        self.memory = MemoryStorage()
        return self.memory

    def dump(self, storage) -> bytes:
        return pickle.dumps({name: kept for name, kept in vars(self.memory).items() if name != "_lock"})


class TestMemoryLifted(TestMemory):
    """The reference in its asynchronous coat, met by tasks."""

    def make_storage(self):
        return coat(super().make_storage())


class _OnFile:
    """A fresh database in a folder of its own, from a template that is migrated once."""

    holds_nul = True
    _template: bytes | None = None

    def url(self) -> str:
        self.folder = tempfile.TemporaryDirectory(prefix="authority-")
        path = Path(self.folder.name, "authority.db")
        if _OnFile._template is None:
            migrate(f"sqlite:///{path}")
            _OnFile._template = path.read_bytes()
        else:
            path.write_bytes(_OnFile._template)
        return f"sqlite:///{path}"

    def dump(self, storage) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(Path(self.folder.name).iterdir()))


class TestSqlite(_OnFile, StorageContract):
    """A file, met by threads."""

    def make_storage(self):
        return SqlStorage.from_url(self.url())

    def close_storage(self, storage):
        storage.close()
        self.folder.cleanup()


class TestAsyncSqlite(_OnFile, StorageContract):
    """A file, met by tasks."""

    def make_storage(self):
        return AsyncSqlStorage.from_url(self.url())

    async def close_storage(self, storage):
        await storage.aclose()
        self.folder.cleanup()


class TestSqliteInMemory(StorageContract):
    """A database without a file, met by threads."""

    holds_nul = True

    def make_storage(self):
        return SqlStorage.from_url("sqlite://")


class TestAsyncSqliteInMemory(StorageContract):
    """A database without a file, met by tasks."""

    holds_nul = True

    def make_storage(self):
        return AsyncSqlStorage.from_url("sqlite://")
