"""What a release that brings a revision does to a database file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from support.next_release import NextRevision, the_next

__all__ = ["the_next"]


class TestOnSqlite(NextRevision):
    """With SQLite's write lock."""

    def new(self, folder: Path) -> str:
        return f"sqlite:///{folder}/authority.db"

    def run_by_hand(self, url: str, statements: str) -> None:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.executescript(statements)
