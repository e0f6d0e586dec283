"""Both adapters and both colours of storage give the same answers, byte for byte."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path

import pytest

from authority_core import Authority
from authority_core.kernel.records import Client
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.moments import START, Clock
from authority_flask import wsgi_app
from authority_starlette import asgi_app
from interop.house import inhabitants
from parity.conversations import ALL, HOSTED, Conversation, code_flow
from parity.servers import ALONE, GUESTS, ROOT, Server, asgi_exchange, pages, settings, talking, wsgi_exchange
from parity.talk import Answer, Said, Talk

Transcript = list[tuple[Said, Answer]]


@cache
def reference(conversation: Conversation, server: Server) -> Transcript:
    return _played(conversation, server, Path())


def _played(conversation: Conversation, server: Server, folder: Path) -> Transcript:
    with talking(server, folder) as talk:
        conversation(talk)
        return talk.transcript


def _compare(conversation: Conversation, server: Server, with_: Server, folder: Path) -> None:
    expected = reference(conversation, with_)
    played = _played(conversation, server, folder)
    for one, other in zip(expected, played, strict=True):
        assert one == other


@pytest.mark.parametrize("conversation", ALL, ids=lambda one: one.__name__)
@pytest.mark.parametrize("server", ALONE[1:], ids=lambda one: one.name)
def test_every_adapter_and_every_storage_answers_alike(
    conversation: Conversation, server: Server, tmp_path: Path
) -> None:
    """Status, headers in their order and body of every answer are the same under ASGI and WSGI, on memory and SQL."""
    _compare(conversation, server, ALONE[0], tmp_path)


@pytest.mark.parametrize("conversation", HOSTED, ids=lambda one: one.__name__)
@pytest.mark.parametrize("server", GUESTS[1:], ids=lambda one: one.name)
def test_a_guest_answers_as_it_does_alone(conversation: Conversation, server: Server, tmp_path: Path) -> None:
    """Mounted under a prefix in Starlette, FastAPI or Flask, nothing of an answer changes."""
    _compare(conversation, server, GUESTS[0], tmp_path)


class _Failing(MemoryStorage):
    """Storage that stops answering when told so."""

    broken = False

    def client(self, client_id: str) -> Client | None:
        if self.broken:
            raise OSError("the network is gone")
        return super().client(client_id)


def _with_failing_storage(server: Server) -> Transcript:
    storage = _Failing()
    storage.commit(inhabitants(START))
    with asyncio.Runner() as runner:
        authority = Authority(settings(ROOT), storage, moment=Clock(), pages=pages())
        alone = server.name.startswith("wsgi")
        exchange = wsgi_exchange(wsgi_app(authority)) if alone else asgi_exchange(asgi_app(authority), runner)
        talk = Talk(exchange, Clock(), ROOT)
        talk.get("/health")
        talk.authorize()
        storage.broken = True
        talk.post("/token", {"grant_type": "client_credentials"}, 503, basic="service")
        talk.authorize(503)
        talk.get("/health")
        storage.broken = False
        talk.authorize()
        return talk.transcript


def test_failing_storage_is_answered_alike() -> None:
    """Storage that breaks off mid-request is a 503 with Retry-After under both adapters, and only while it does."""
    wsgi, asgi = (_with_failing_storage(server) for server in ALONE[:2])

    assert wsgi == asgi
    assert [answer.header("retry-after") for _, answer in wsgi if answer.status == 503] == ["5", "5"]


def test_a_difference_would_be_seen(tmp_path: Path) -> None:
    """A server with other settings does not pass for the same."""
    with talking(ALONE[0], tmp_path) as talk:
        talk.clock.wind(seconds=1)
        code_flow(talk)

    assert talk.transcript != reference(code_flow, ALONE[0])
