"""Starting the demo: a database, its credentials, its server, and what is printed once it accepts connections."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from ..environment import masked, need_sql, pages, synchronous
from ..troubles import Trouble
from .credentials import Credentials, credentials_from, fresh, kept, place
from .people_and_clients import DemoClient, provide, scopes

if TYPE_CHECKING:
    from authority_core import Settings

# One of the recommended pairs for argon2id, the one with the least memory (7 MiB, 5 passes): the demo is to stay small.
ARGON2_TIME, ARGON2_MEMORY_KIB, ARGON2_PARALLELISM = 5, 7168, 1


@frozen
class Demo:
    """A demo that is ready to be served."""

    settings: Settings
    url: str
    temporary: bool
    credentials: Credentials
    clients: tuple[DemoClient, ...]


def settings_for(issuer: str, credentials: Credentials) -> Settings:
    """Return the demo's settings: the safe defaults, two scopes of an API, a smaller password hash."""
    from authority_core import Settings

    return Settings(
        issuer=issuer,
        secret_key=credentials.secret_key,
        scopes=scopes(),
        app_name="Authority Demo",
        argon2_time=ARGON2_TIME,
        argon2_memory_kib=ARGON2_MEMORY_KIB,
        argon2_parallelism=ARGON2_PARALLELISM,
        jwks_cache_ttl=60,
    )


@contextmanager
def database(given: str | None) -> Iterator[tuple[str, Credentials]]:
    """Yield the URL of the demo's database and its credentials; a temporary one is removed afterwards."""
    need_sql()
    if given is not None:
        from ..environment import refuse_memory

        refuse_memory(given)
        _check_folder(given)
        yield given, credentials_from(kept(place(given)))
        return
    folder = tempfile.mkdtemp(prefix="authority-demo-")
    try:
        yield f"sqlite:///{Path(folder, 'authority.db').as_posix()}", credentials_from(fresh())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare(issuer: str, url: str, credentials: Credentials, *, temporary: bool) -> Demo:
    """Migrate the database and provide keys, person and clients."""
    from authority_core import Authority
    from authority_core.kernel.sync import run
    from authority_core.kernel.vault import UnderNoKey
    from authority_sql import SqlStorage, migrate

    settings = settings_for(issuer, credentials)
    migrate(url)
    storage = SqlStorage.from_url(synchronous(url))
    try:
        clients = run(provide(Authority(settings, storage, pages=pages()), credentials))
    except UnderNoKey as error:
        raise Trouble(
            f"The database {masked(url)} was made with another secret than the one in {place(url)}: "
            "put the right file back, or delete the database."
        ) from error
    finally:
        storage.close()
    return Demo(settings, url, temporary, credentials, clients)


def serve(demo: Demo, adapter: str, sockets: list[socket.socket], ready: Callable[[], None]) -> None:
    """Serve *demo* on *sockets* until a signal ends it; *ready* is called once connections are accepted."""
    from authority_core import Authority

    from .page import DemoPage, PageBeforeAsgi, PageBeforeWsgi

    page = DemoPage(demo.settings)
    if adapter == "flask":
        from authority_flask import wsgi_app
        from authority_sql import SqlStorage

        from ..serving import under_werkzeug

        storage = SqlStorage.from_url(synchronous(demo.url))
        application = wsgi_app(Authority(demo.settings, storage, pages=pages()))
        try:
            under_werkzeug.serve_here(PageBeforeWsgi(application, page), sockets, ready)
        finally:
            storage.close()
        return
    from authority_sql import AsyncSqlStorage
    from authority_starlette import asgi_app

    from ..serving import under_uvicorn
    from ..serving.applications import ClosingAsgi

    waiting = AsyncSqlStorage.from_url(demo.url)
    asynchronous = asgi_app(Authority(demo.settings, waiting, pages=pages()))
    under_uvicorn.serve_here(PageBeforeAsgi(ClosingAsgi(asynchronous, waiting), page), sockets, ready)


def need(adapter: str) -> None:
    """Raise `Trouble` with the line that installs what *adapter* needs."""
    if adapter == "flask":
        from ..serving.under_werkzeug import need_werkzeug

        need_werkzeug()
    else:
        from ..serving.under_uvicorn import need_uvicorn

        need_uvicorn()


def _check_folder(url: str) -> None:
    parsed = synchronous(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        folder = Path(parsed.database).absolute().parent
        if not folder.is_dir():
            raise Trouble(f"There is no folder {folder}: make it, or name another database.")
