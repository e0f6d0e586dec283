"""The whole contract: threads over the storage as it is, and tasks over it as an asynchronous application uses it.

Run it with `pytest examples/document_storage/contract.py`.
"""

from __future__ import annotations

import json

from authority_core.testing.contract import StorageContract
from authority_starlette import in_threads

from .stand_in import MongoClient
from .storage import COLLECTIONS, DocumentStorage


class TestBlocking(StorageContract):
    """Met by 32 threads."""

    holds_nul = True  # BSON's texts may hold NUL; leave it out where yours may not

    def make_storage(self) -> object:
        """Return a new, empty storage."""
        self.client = MongoClient()  # yours: MongoClient("mongodb://…/?replicaSet=rs0"), and its database dropped
        storage = DocumentStorage(self.client)
        storage.prepare()
        return storage

    def dump(self, storage: object) -> bytes:
        """Return everything that was written, to be searched for secrets."""
        found = [list(self.client["authority"][name].find({})) for name in COLLECTIONS]
        return json.dumps(found, default=bytes.hex).encode()


class TestAwaited(TestBlocking):
    """Met by 32 tasks."""

    def make_storage(self) -> object:
        """Return the storage in the other colour."""
        return in_threads(super().make_storage())
