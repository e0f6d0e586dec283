"""A full disk under SQLite: 503 while it is full, and nothing is lost or broken when there is room again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine, event

from authority_core import Authority, HttpResponse, Settings
from authority_core.kernel.records import AuthorizationCode
from authority_core.testing.invariants import check
from authority_sql import AsyncSqlStorage, SqlStorage, contents
from interop.house import ARGON2, SCOPES, SECRET, SECRET_KEY
from support.browser import FORM
from support.crowd import codes, redemption, settle
from support.relying_party import basic
from support.transports import AsgiTransport, WsgiTransport, in_loop

ISSUER = "http://localhost:4000"
STOCK = 400
SPARE = 300 * 1024
"""Bytes of room for all redemptions, which need more."""
Room = Callable[[], None]
Disk = Callable[[Path], Any]


@contextmanager
def file_system(prepared: Path) -> Iterator[tuple[Path, Room]]:
    """A file system of its own with hardly any room."""
    disk = prepared.parent / "disk"
    disk.mkdir()
    size = prepared.stat().st_size + SPARE
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], check=True)

    def room() -> None:
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)

    try:
        shutil.copy(prepared, disk)
        yield disk / prepared.name, room
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@contextmanager
def page_count(prepared: Path) -> Iterator[tuple[Path, Room]]:
    """A limit that SQLite keeps to as if the disk ended there; for those who may not mount."""
    with closing(sqlite3.connect(prepared)) as connection:
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    most = [pages + SPARE // size // 4]

    def limited(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA max_page_count={most[0]}")
        cursor.close()

    def room() -> None:
        most[0] = 2**30

    event.listen(Engine, "connect", limited)
    try:
        yield prepared, room
    finally:
        event.remove(Engine, "connect", limited)


def may_mount(folder: Path) -> bool:
    """Tell whether this process may make a file system."""
    if os.geteuid() != 0:
        return False
    probe = ["mount", "-t", "tmpfs", "-o", "size=4096", "tmpfs", str(folder)]
    if subprocess.run(probe, capture_output=True).returncode != 0:
        return False
    subprocess.run(["umount", str(folder)], check=True)
    return True


@contextmanager
def serving(path: Path, colour: str) -> Iterator[Callable[[str], HttpResponse]]:
    """Yield how a client redeems a code at a server on the database at *path*."""
    settings = Settings(issuer=ISSUER, secret_key=SECRET_KEY, scopes=SCOPES, **ARGON2)
    url = f"sqlite:///{path}"
    storage = SqlStorage.from_url(url) if colour == "blocking" else AsyncSqlStorage.from_url(url)
    authority = Authority(settings, storage)
    transport = WsgiTransport(authority) if colour == "blocking" else AsgiTransport(authority)
    headers = (("content-type", FORM), *basic("web", SECRET).items())
    try:
        yield lambda code: transport.send("POST", "/token", headers, urlencode(redemption(code)).encode())
    finally:
        if isinstance(storage, SqlStorage):
            storage.close()
        else:
            in_loop(storage.aclose())


@pytest.mark.parametrize("colour", ["blocking", "awaiting"])
@pytest.mark.parametrize("disk", [file_system, page_count], ids=lambda disk: disk.__name__)
def test_a_full_disk_is_answered_with_503_and_outlived(disk: Disk, colour: str, tmp_path: Path) -> None:
    """Redemptions until the room ends: 200, then 503, nothing written; with room again, 200 for the same codes."""
    if disk is file_system and not may_mount(tmp_path):
        disk = page_count
    prepared = tmp_path / "authority.db"
    settle(f"sqlite:///{prepared}", ISSUER)
    stock = codes(f"sqlite:///{prepared}", ISSUER, STOCK)
    with closing(sqlite3.connect(prepared)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with disk(prepared) as (path, room):
        with serving(path, colour) as redeem:
            answers = {code: redeem(code).status for code in stock}

            assert set(answers.values()) == {200, 503}
            refused = [code for code, status in answers.items() if status == 503]
            if disk is file_system:
                room()
                assert redeem(refused[0]).status == 200  # the same server, without a restart
        room()
        with serving(path, colour) as redeem:
            again = [redeem(code).status for code in refused]

            assert again == [200 if disk is page_count else 400, *[200] * (len(refused) - 1)]
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = contents(f"sqlite:///{path}")

        check(found, audited=True)
        assert all(code.key in found.spent for code in found.all(AuthorizationCode))
