"""A server whose storage fails on demand, on every storage we have, in both colours."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from attrs import evolve, frozen

from authority_core import Authority, HttpResponse
from authority_core.kernel.changes import Replace
from authority_core.kernel.sync import coat, run
from authority_core.testing.faults import Faulty
from authority_core.testing.invariants import Contents
from authority_core.testing.invariants import contents as contents_of_memory
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.moments import Clock
from authority_sql import AsyncSqlStorage, SqlStorage, contents, migrate
from support import keys
from support.browser import Browser
from support.relying_party import RelyingParty
from support.server import Server, make_clients, make_settings, make_user, pages
from support.transports import AsgiTransport, CoreTransport, Transport, in_loop

T = TypeVar("T")
_template: list[bytes] = []


@frozen(eq=False)
class House:
    """A server, the storage that may fail under it, and how to look at what is stored."""

    server: Server
    faulty: Faulty
    transport: Transport
    finish: Callable[[Coroutine[Any, Any, Any]], Any]
    """Finishes a coroutine of the administrator's."""
    contents: Callable[[], Contents]

    @property
    def authority(self) -> Authority:
        return self.server.authority

    def browser(self) -> Browser:
        return self.server.browser(self.transport)

    def party(self, client_id: str = "web") -> RelyingParty:
        return RelyingParty(self.server, client_id, self.transport)

    def forget_keys(self) -> None:
        """Let the server read its signing keys again, as a new process would."""
        self.authority.keys._ring = None


@contextmanager
def memory(**settings: object) -> Iterator[House]:
    """The reference storage."""
    storage = MemoryStorage()
    yield furnished(storage, storage.commit, lambda: contents_of_memory(storage), **settings)


@contextmanager
def memory_async(**settings: object) -> Iterator[House]:
    """The reference storage in its asynchronous coat."""
    storage = MemoryStorage()
    yield furnished(coat(storage), storage.commit, lambda: contents_of_memory(storage), **settings)


@contextmanager
def impatient(**settings: object) -> Iterator[House]:
    """The reference storage on an event loop, where whoever meets the fault gives up at once."""
    storage = MemoryStorage()
    made = furnished(coat(storage), storage.commit, lambda: contents_of_memory(storage), asgi=True, **settings)

    async def given_up(work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        while not task.done() and made.faulty.struck is None:  # noqa: ASYNC110 - a storage has no event for it
            await asyncio.sleep(0)
        if not task.done():
            task.cancel()
        return await task

    class Impatient(AsgiTransport):
        async def _sent(self, *request: Any) -> HttpResponse:
            return await given_up(super()._sent(*request))

    def finish(work: Coroutine[Any, Any, T]) -> T:
        return in_loop(given_up(work))

    yield evolve(made, transport=Impatient(made.authority), finish=finish)


@contextmanager
def _file() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="authority-faults-") as folder:
        path = Path(folder, "authority.db")
        url = f"sqlite:///{path}"
        if not _template:
            migrate(url)
            _template.append(path.read_bytes())
        path.write_bytes(_template[0])
        yield url


@contextmanager
def sqlite(**settings: object) -> Iterator[House]:
    """A file, blocking."""
    with _file() as url:
        storage = SqlStorage.from_url(url)
        with closing(storage):
            yield furnished(storage, storage.commit, lambda: contents(url), **settings)


@contextmanager
def sqlite_async(**settings: object) -> Iterator[House]:
    """A file, on an event loop, through ASGI."""
    with _file() as url:
        blocking = SqlStorage.from_url(url)
        storage = AsyncSqlStorage.from_url(url)
        try:
            yield furnished(storage, blocking.commit, lambda: contents(url), asgi=True, **settings)
        finally:
            blocking.close()
            in_loop(storage.aclose())


def furnished(
    storage: object, commit: Callable[..., None], look: Callable[[], Contents], *, asgi: bool = False, **changes: object
) -> House:
    """Return a house on *storage*, into which people and clients move by *commit*; *look* shows what is stored."""
    settings = make_settings(**changes)
    clock, faulty = Clock(), Faulty(storage)
    commit([Replace(record) for record in (*make_clients(), make_user("u1", "alice"), make_user("u2", "bob"))])
    commit([Replace(keys.signing_key(settings, algorithm)) for algorithm in ("ES256", "RS256")])
    authority = Authority(settings, faulty, pages=pages(), moment=clock)
    authority.keys._imported.update({keys.signer(name).kid: keys.signer(name) for name in ("ES256", "RS256")})
    server = Server(authority, storage, clock)  # type: ignore[arg-type]  # any storage, not only memory
    transport: Transport = AsgiTransport(authority) if asgi else CoreTransport(authority)
    return House(server, faulty, transport, in_loop if asgi else run, look)


STORAGES = (memory, memory_async, sqlite, sqlite_async)
