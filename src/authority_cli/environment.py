"""What the command line reads from the environment besides settings: the database, the address, the adapter.

What lives in Redis is read in `storages`.

Every variable `AUTHORITY_NAME` may be a file instead, named by `AUTHORITY_NAME_FILE`. Flags win over variables.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from attrs import frozen

from .troubles import Trouble

if TYPE_CHECKING:
    from sqlalchemy import URL

    from authority_core import Authority, Settings
    from authority_core.kernel.ports import Pages
    from authority_redis import SplitStorage
    from authority_sql import SqlStorage

PREFIX = "AUTHORITY_"
ADAPTERS = ("starlette", "flask")
_WHERE = ("host", "hostaddr", "port", "dbname", "service", "options")
"""What a PostgreSQL URL's query may say of the place; `options` holds the search path."""


def variable(name: str) -> str | None:
    """Return `AUTHORITY_…`, or what the file named by `AUTHORITY_…_FILE` holds; `None` when neither is set."""
    path = os.environ.get(f"{PREFIX}{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip() or None
        except OSError as error:
            raise Trouble(f"{PREFIX}{name}_FILE: the file it names cannot be read ({error.strerror}).") from error
        except UnicodeDecodeError as error:
            raise Trouble(f"{PREFIX}{name}_FILE: the file it names is not text in UTF-8.") from error
    return os.environ.get(PREFIX + name) or None


def is_number(text: str, low: int, high: int) -> bool:
    """Tell whether *text* is a whole number from *low* to *high*."""
    return re.fullmatch("[0-9]{1,9}", text) is not None and low <= int(text) <= high


def database_url(given: str | None) -> str:
    """Return the database's URL from a flag or the environment."""
    url = given or variable("DATABASE_URL")
    if url is None:
        raise Trouble(
            "No database was named: set AUTHORITY_DATABASE_URL, such as sqlite:////var/lib/authority/authority.db, "
            "or add --database URL."
        )
    return url


def masked(url: str) -> str:
    """Return *url* as it may be shown: no password, no query."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "***"
    if not parts.scheme or (parts.netloc and "@" in url.partition("://")[2].partition(parts.netloc)[2]):
        return "***"  # what follows the first `/`, `?` or `#` of a password is no path
    user = f"{parts.username}:***@" if parts.password else f"{parts.username}@" if parts.username else ""
    return f"{parts.scheme}://{user}{host}{port}{parts.path}"


def place_of(url: str) -> str:
    """Return which database *url* names, however it is spelled: no user, no password, no driver."""
    parsed = synchronous(url)
    if parsed.get_backend_name() == "sqlite":
        return f"sqlite:///{Path(parsed.database or '').resolve()}"
    host = f"{parsed.host or ''}{f':{parsed.port}' if parsed.port else ''}"
    where = sorted((name, str(value)) for name, value in parsed.query.items() if name in _WHERE)
    query = "?" + urlencode(where) if where else ""
    return f"{parsed.get_backend_name()}://{host}/{parsed.database or ''}{query}"


def need_sql() -> None:
    """Raise `Trouble` with the line that installs what the databases need."""
    try:
        import sqlalchemy as _sqlalchemy  # noqa: F401 - only to say in one sentence what is missing
    except ImportError as missing:
        raise Trouble("Databases need an extra: pip install 'authority-idp[sql]'") from missing


def check_migrated(url: str) -> None:
    """Raise `Trouble` unless the database at *url* has the tables of this version."""
    need_sql()
    from authority_sql import pending

    if pending(url):
        raise Trouble(f"The database {masked(url)} does not have the tables of this version: run `authority migrate`.")


def check_keys(url: str, settings: Settings) -> None:
    """Open the signing keys of the migrated database at *url*, as a server does at its start; nothing is made.

    Raises `CannotDecrypt` when one does not open. Redis is left out, for no key is there.
    """
    from authority_core import Authority
    from authority_core.kernel.sync import run
    from authority_sql import SqlStorage

    storage = SqlStorage.from_url(synchronous(url))
    try:
        run(Authority(settings, storage, pages=pages()).keys.open_stored())
    finally:
        storage.close()


@frozen(eq=False)
class Administration:
    """An authority on synchronous storage, for one command."""

    settings: Settings
    storage: SqlStorage | SplitStorage
    authority: Authority


@contextmanager
def administration(database: str | None, settings: Settings | None = None) -> Iterator[Administration]:
    """Open the storage of the environment with its settings, and close it afterwards.

    Raises `NewerDatabase` for a database that a newer release has migrated: what it means by its tables is not known
    here.
    """
    from authority_core import Authority, Settings

    from .storages import blocking_storage

    need_sql()
    chosen = settings or Settings.from_env()
    url = database_url(database)
    refuse_memory(url)
    refuse_missing_file(url)
    from authority_sql import pending

    pending(url)  # an older one will do as far as its tables go; a newer one raises
    storage = blocking_storage(url)
    try:
        yield Administration(chosen, storage, Authority(chosen, storage, pages=pages()))
    finally:
        storage.close()


def synchronous(url: str) -> URL:
    """Return *url* with a driver that commands can use. Raises `Trouble` for one that cannot be used."""
    from authority_sql.engines import synchronous as with_driver

    try:
        return with_driver(url)
    except ValueError as fault:
        raise _unusable(url, fault) from fault


def check_asynchronous(url: str) -> None:
    """Raise `Trouble` unless a server on an event loop can use *url*; nothing is opened."""
    need_sql()
    from authority_sql.engines import resolved

    try:
        resolved(url, asynchronous=True)
    except ValueError as fault:
        raise _unusable(url, fault) from fault


def _unusable(url: str, fault: ValueError) -> Trouble:
    shown = masked(url)
    return Trouble(str(fault) if shown == "***" else f"The database URL {shown} cannot be used: {fault}")


def refuse_memory(url: str) -> None:
    """Raise `Trouble` for a database that ends with the process, and for a URL that cannot be used."""
    from authority_sql.engines import in_memory

    if in_memory(synchronous(url)):
        raise Trouble(
            "This database lives in memory and ends with the command: name a file, such as sqlite:///authority.db."
        )


def refuse_missing_file(url: str) -> None:
    """Raise `Trouble` for a SQLite file that is not there, rather than make an empty one."""
    parsed = synchronous(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).exists():
        raise Trouble(f"There is no database {parsed.database}: run `authority migrate` to make it, or check the path.")


def pages() -> Pages:
    """Return the renderer of pages; raises `Trouble` with the line that installs it."""
    try:
        from authority_pages import JinjaPages
    except ImportError as missing:
        raise Trouble("Pages need an extra: pip install 'authority-idp[pages]'") from missing
    return JinjaPages()
