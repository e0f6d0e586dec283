"""A server in a process of its own, on a listening socket that its parent made: `serve.py '{"adapter": …}'`.

What it serves, from which database and which Redis, is all in the JSON object on its command line; see `processes.py`.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from authority_core import Authority, Settings
from authority_core.kernel.sync import run
from interop.house import ARGON2, SCOPES, SECRET_KEY


def starlette(authority: Authority, fd: int) -> None:
    """Uvicorn, one process; the authority is a guest of a Starlette application."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from authority_starlette import asgi_app, lifespan

    @asynccontextmanager
    async def living(app: Starlette) -> AsyncIterator[None]:
        async with lifespan(authority):
            yield

    app = Starlette(routes=[Mount("/", app=asgi_app(authority))], lifespan=living)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on")
    uvicorn.Server(config).run([socket.socket(fileno=fd)])


def flask(authority: Authority, fd: int) -> None:
    """Werkzeug's threaded server; the authority is a Flask application's extension."""
    import logging

    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    make_server("127.0.0.1", 0, _flask_app(authority), threaded=True, fd=fd).serve_forever()


def gunicorn(authority: Authority, fd: int) -> None:
    """Gunicorn: one worker process with threads."""
    from gunicorn.app.base import BaseApplication

    class Program(BaseApplication):
        def load_config(self) -> None:
            options = {"bind": f"fd://{fd}", "threads": 32, "worker_class": "gthread", "loglevel": "warning"}
            for name, value in {**options, "keepalive": 30, "control_socket_disable": True}.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> Any:
            return _flask_app(authority)

    sys.argv = sys.argv[:1]
    Program().run()


def _flask_app(authority: Authority) -> Any:
    from flask import Flask

    from authority_flask import AuthorityExtension

    app = Flask("host")
    AuthorityExtension(app, authority, landing=True)
    return app


def _storage(database: str, redis: str | None, *, awaited: bool) -> Any:
    from authority_sql import AsyncSqlStorage, SqlStorage

    durable: Any = (AsyncSqlStorage if awaited else SqlStorage).from_url(database)
    if redis is None:
        return durable
    from authority_redis import AsyncRedisStorage, AsyncSplitStorage, RedisStorage, SplitStorage

    if awaited:
        return AsyncSplitStorage(durable, AsyncRedisStorage.from_url(redis, timeout=1.0))
    return SplitStorage(durable, RedisStorage.from_url(redis, timeout=1.0))


def main() -> None:
    """Serve until told to stop."""
    told = json.loads(sys.argv[1])
    storage = _storage(told["database"], told.get("redis"), awaited=told["adapter"] == "starlette")
    settings = Settings(issuer=told["issuer"], secret_key=SECRET_KEY, scopes=SCOPES, **{**ARGON2, **told["settings"]})
    authority = Authority(settings, storage)
    if told["adapter"] == "flask":
        run(authority.start())
    {"starlette": starlette, "flask": flask, "gunicorn": gunicorn}[told["adapter"]](authority, told["fd"])


if __name__ == "__main__":
    main()
