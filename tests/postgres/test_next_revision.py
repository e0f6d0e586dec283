"""What a release that brings a revision does to a database of PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from support.next_release import NextRevision, the_next
from support.postgres import private

__all__ = ["the_next"]


class TestOnPostgresql(NextRevision):
    """With an advisory lock."""

    def new(self, folder: Path) -> str:
        return private().database()

    def run_by_hand(self, url: str, statements: str) -> None:
        private().sql(statements, database=url.rpartition("/")[2])
