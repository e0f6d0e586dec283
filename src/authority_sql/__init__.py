"""Storage on SQLAlchemy Core: SQLite (embedded) and PostgreSQL, synchronous and asynchronous, from one schema.

    from authority_sql import SqlStorage, migrate

    migrate("sqlite:///authority.db")
    storage = SqlStorage.from_url("sqlite:///authority.db")

Names are loaded when asked for: an application of one colour never imports the other's drivers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .aio import AsyncSqlStorage as AsyncSqlStorage
    from .dumping import contents as contents
    from .errors import NewerDatabase as NewerDatabase
    from .errors import OccupiedDatabase as OccupiedDatabase
    from .migrating import include_name as include_name
    from .migrating import migrate as migrate
    from .migrating import migration_sql as migration_sql
    from .migrating import pending as pending
    from .schema import metadata as metadata
    from .schema import metadata_for as metadata_for
    from .storage import SqlStorage as SqlStorage

__all__ = [
    "AsyncSqlStorage", "NewerDatabase", "OccupiedDatabase", "SqlStorage", "contents", "include_name", "metadata",
    "metadata_for", "migrate", "migration_sql", "pending",
]  # fmt: skip

_HOMES = {
    "SqlStorage": "storage",
    "AsyncSqlStorage": "aio",
    "NewerDatabase": "errors",
    "OccupiedDatabase": "errors",
    "include_name": "migrating",
    "contents": "dumping",
    "metadata": "schema",
    "metadata_for": "schema",
    "migrate": "migrating",
    "migration_sql": "migrating",
    "pending": "migrating",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"sqlalchemy", "greenlet", "alembic"}:
            raise
        raise ImportError("authority_sql needs SQLAlchemy: pip install 'authority-idp[sql]'") from error
    value: object = getattr(home, name)
    globals()[name] = value
    return value
