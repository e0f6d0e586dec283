"""The servers that are compared: every adapter with every storage it takes, alone and as a guest, all in process.

Each plays a request as a real server would hand it over: `exchange` is the thinnest ASGI or WSGI server there can be.
"""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from attrs import evolve, frozen

from authority_core import Authority, Settings
from authority_core.kernel.changes import Replace
from authority_core.kernel.records import SigningKey
from authority_core.kernel.sync import run
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.moments import START, Clock
from authority_flask import AuthorityExtension, wsgi_app
from authority_pages import JinjaPages
from authority_sql import AsyncSqlStorage, SqlStorage, migrate
from authority_starlette import asgi_app, in_threads
from interop.house import ARGON2, SCOPES, SECRET_KEY, inhabitants
from parity.talk import Answer, Said, Talk

ROOT = "http://localhost:4000"
PREFIX = "/id"
PEER = "127.0.0.1"


def settings(issuer: str) -> Settings:
    """Return settings under which everything repeats: no ECDSA, whose signatures are drawn, and given request ids."""
    return Settings(
        issuer=issuer,
        secret_key=SECRET_KEY,
        scopes=SCOPES,
        access_token_algorithm="EdDSA",
        trusted_proxies=(PEER,),
        **ARGON2,
    )


@lru_cache(maxsize=1)
def keys() -> tuple[SigningKey, ...]:
    """Return the signing keys that all servers share."""
    authority = Authority(settings(ROOT), MemoryStorage(), moment=Clock())
    run(authority.start())
    return tuple(evolve(record, version=0) for record in run(authority.keys.records()))


@lru_cache(maxsize=1)
def pages() -> JinjaPages:
    """Return the renderer, which compiles its templates once for all servers."""
    return JinjaPages()


@lru_cache(maxsize=1)
def _template() -> Path:
    file = Path(mkdtemp(prefix="authority-parity-")) / "template.db"
    migrate(f"sqlite:///{file}")
    storage = SqlStorage.from_url(f"sqlite:///{file}")
    storage.commit(_contents())
    storage.close()
    return file


def _contents() -> list[Any]:
    return [*inhabitants(START), *(Replace(key) for key in keys())]


def memory() -> MemoryStorage:
    """Return storage in which everybody lives."""
    storage = MemoryStorage()
    storage.commit(_contents())
    return storage


def database(folder: Path) -> str:
    """Return the URL of a database file in *folder* in which everybody lives."""
    shutil.copy(_template(), folder / "authority.db")
    return f"sqlite:///{folder / 'authority.db'}"


# --- the thinnest servers --------------------------------------------------------------------------------------------


def wsgi_exchange(app: Callable[..., Any], script: str = "") -> Callable[[Said], Answer]:
    """Return how to talk to a WSGI *app*; *script* is what a server has taken off the path already."""

    def exchange(said: Said) -> Answer:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": said.method,
            "SCRIPT_NAME": script,
            "PATH_INFO": unquote_to_bytes(said.path).decode("latin-1"),
            "QUERY_STRING": said.query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "4000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": PEER,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(said.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        if said.body:
            environ["CONTENT_LENGTH"] = str(len(said.body))
        for name, value in said.headers:
            key = name.upper().replace("-", "_")
            key = key if key == "CONTENT_TYPE" else "HTTP_" + key
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        seen: list[Any] = []
        parts = app(environ, lambda status, headers, error=None: seen.append((status, headers)) or io.BytesIO().write)
        body = b"".join(parts)
        if hasattr(parts, "close"):
            parts.close()
        ((status, headers),) = seen
        return Answer(int(status.partition(" ")[0]), tuple((name.lower(), value) for name, value in headers), body)

    return exchange


def asgi_exchange(app: Callable[..., Any], runner: asyncio.Runner, root: str = "") -> Callable[[Said], Answer]:
    """Return how to talk to an ASGI *app*; *root* is where a server says it is mounted."""
    call = asgi_call(app, root)
    return lambda said: runner.run(call(said))


def asgi_call(app: Callable[..., Any], root: str = "") -> Callable[[Said], Coroutine[Any, Any, Answer]]:
    """Return how a task talks to an ASGI *app*."""

    async def talk(said: Said) -> Answer:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": said.method,
            "scheme": "http",
            "path": root + unquote(said.path),
            "raw_path": (root + said.path).encode("latin-1"),
            "query_string": said.query.encode("latin-1"),
            "root_path": root,
            "client": (PEER, 5000),
            "server": ("localhost", 4000),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in said.headers],
            "state": {},
        }
        chunks = [said.body[at : at + 20000] for at in range(0, len(said.body), 20000)] or [b""]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if not chunks:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

        async def send(message: Any) -> None:
            sent.append(message)

        await app(scope, receive, send)
        start, *bodies = sent

        assert start["type"] == "http.response.start"
        assert [part["type"] for part in bodies] == ["http.response.body"] * len(bodies)
        headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start["headers"])
        return Answer(start["status"], headers, b"".join(part.get("body", b"") for part in bodies))

    return talk


# --- the table -------------------------------------------------------------------------------------------------------


@frozen
class Server:
    """How to build one: its name, where it is mounted, and the framework around it, if any."""

    name: str
    storage: str
    host: str = ""
    prefix: str = ""


ALONE = (
    Server("wsgi memory", "memory"),
    Server("asgi memory", "memory"),
    Server("wsgi sql", "sql"),
    Server("asgi sql", "async sql"),
    Server("asgi sql in threads", "sql in threads"),
)
GUESTS = (
    Server("wsgi under a prefix", "memory", prefix=PREFIX),
    Server("asgi under a prefix", "async sql", prefix=PREFIX),
    Server("asgi in starlette", "memory", "starlette", PREFIX),
    Server("asgi in fastapi", "async sql", "fastapi", PREFIX),
    Server("wsgi in flask", "sql", "flask", PREFIX),
)


@contextmanager
def talking(server: Server, folder: Path) -> Iterator[Talk]:
    """Yield a conversation with a fresh *server*; *folder* takes its database."""
    clock = Clock(seed="parity")
    with asyncio.Runner() as runner:
        storage: Any = {
            "memory": memory,
            "sql": lambda: SqlStorage.from_url(database(folder)),
            "async sql": lambda: AsyncSqlStorage.from_url(database(folder)),
            "sql in threads": lambda: in_threads(SqlStorage.from_url(database(folder))),
        }[server.storage]()
        issuer = ROOT + server.prefix
        authority = Authority(settings(issuer), storage, moment=clock, pages=pages())
        try:
            yield Talk(_exchange(server, authority, runner), clock, issuer)
        finally:
            if hasattr(storage, "aclose"):
                runner.run(storage.aclose())


def _exchange(server: Server, authority: Authority, runner: asyncio.Runner) -> Callable[[Said], Answer]:
    prefix = server.prefix
    if server.host == "flask":
        return _below(prefix, wsgi_exchange(_in_flask(authority, prefix)))
    if server.name.startswith("wsgi"):
        return wsgi_exchange(wsgi_app(authority), prefix)
    if server.host:
        host = {"starlette": _in_starlette, "fastapi": _in_fastapi}[server.host]
        return _below(prefix, asgi_exchange(host(authority, prefix), runner))
    return asgi_exchange(asgi_app(authority), runner, prefix)


def _below(prefix: str, exchange: Callable[[Said], Answer]) -> Callable[[Said], Answer]:
    return lambda said: exchange(evolve(said, path=prefix + said.path))


def _in_flask(authority: Authority, prefix: str) -> Callable[..., Any]:
    from flask import Flask

    app = Flask("host")
    AuthorityExtension().init_app(app, authority, url_prefix=prefix)
    return app


def _in_starlette(authority: Authority, prefix: str) -> Callable[..., Any]:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    return Starlette(routes=[Mount(prefix, app=asgi_app(authority))])


def _in_fastapi(authority: Authority, prefix: str) -> Callable[..., Any]:
    from fastapi import FastAPI

    app = FastAPI()
    app.mount(prefix, asgi_app(authority))
    return app
