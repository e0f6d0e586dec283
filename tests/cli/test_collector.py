"""What the collector is told before a server answers."""

from __future__ import annotations

import gc

import pytest

from authority_cli.serving.applications import ClosingAsgi
from authority_cli.serving.collector import THRESHOLDS
from authority_core.kernel.sync import run


@pytest.fixture(autouse=True)
def as_before():
    """Leave the collector of the tests as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Storage:
    """Storage that notes its end."""

    closed = False

    async def aclose(self):
        self.closed = True


def test_a_process_is_settled_when_it_has_started_and_its_storage_closed_when_it_ends():
    """Not before it has started: what starting makes is to stay as well."""
    storage, frozen, sent = Storage(), [gc.get_freeze_count()], []  # Python 3.12 begins with some

    async def application(scope, receive, send):
        frozen.append(gc.get_freeze_count())
        await send({"type": "lifespan.startup.complete"})
        frozen.append(gc.get_freeze_count())
        assert not storage.closed
        await send({"type": "lifespan.shutdown.complete"})

    async def send(message):
        sent.append(message["type"])

    run(ClosingAsgi(application, storage)({"type": "lifespan"}, None, send))

    assert frozen[0] == frozen[1] < frozen[2]
    assert gc.get_threshold() == THRESHOLDS
    assert storage.closed
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
