"""The synchronous front of a storage: every method of the protocols as it stands there, finished in place."""

from __future__ import annotations

import inspect

import pytest

from authority_core.kernel.abilities import METHODS, is_async
from authority_core.kernel.blocking import BlockingStorage
from authority_core.kernel.changes import Replace
from authority_core.kernel.ports import Storage
from authority_core.kernel.sync import coat
from authority_core.testing.contract import StorageContract
from authority_core.testing.contract.samples import a_client
from authority_core.testing.memory import MemoryStorage


class TestFront(StorageContract):
    """The reference, lifted into the asynchronous colour and brought back."""

    examples = 5

    def make_storage(self):
        return BlockingStorage(coat(MemoryStorage()))


@pytest.mark.parametrize("name", METHODS)
def test_each_method_is_the_protocols_without_async(name: str):
    """The same arguments with the same defaults and types, and a docstring; none is missing."""
    mine, theirs = getattr(BlockingStorage, name), getattr(Storage, name)

    assert inspect.signature(mine) == inspect.signature(theirs)
    assert mine.__doc__.startswith(("Return", "Make"))
    assert not inspect.iscoroutinefunction(mine)


def test_a_storage_that_waits_is_named():
    """An asynchronous storage that does suspend is refused with the method's name, not run half way."""

    class Waiting:
        async def client(self, client_id: str) -> None:
            await Pause()

    class Pause:
        def __await__(self):
            yield

    front = BlockingStorage(Waiting())
    with pytest.raises(RuntimeError, match=r"Waiting\.client tried to wait"):
        front.client("client")

    ready = BlockingStorage(coat(MemoryStorage()))
    ready.commit([Replace(a_client())])
    assert ready.client("client").client_id == "client"
    assert not is_async(ready)
