"""Importing and exporting in tests: a file is bytes, a server is `make_server`."""

from __future__ import annotations

import io
import json

from authority_core.admin.exports import Export
from authority_core.admin.imports import Import, Report
from authority_core.admin.transfer_lines import entries
from authority_core.kernel.sync import coat, run
from authority_core.testing.memory import MemoryStorage
from support.server import Server, make_server

HEADER = {"kind": "authority-export", "version": 1}
SECRET = "gN7-tqVfP2xZ_c0KdW4uLrYb9EoHs3MiAj8TvQ1kXz5"
CLIENT = {"kind": "client", "client_id": "web", "name": "Web", "redirect_uris": ["https://app.example/cb"]}
USER = {"kind": "user", "user_id": "7", "username": "carol", "email": "carol@example.com"}
CONSENT = {"kind": "consent", "subject": "7", "client_id": "web", "scope": ["openid"]}


def empty_server(**changes: object) -> Server:
    """Return a server without clients and people."""
    return make_server(storage=MemoryStorage(), **changes)


def file_of(*records: object, header: object = HEADER) -> bytes:
    """Return a transfer file with *records*, of which bytes stand as they are."""
    lines = [header, *records] if header is not None else list(records)
    return b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)


def imported(server: Server, data: bytes, *, update: bool = False, dry_run: bool = False) -> list[Report]:
    """Import *data* and return what became of each line."""
    authority = server.authority
    grants = frozenset(authority.oauth.grants)
    taker = Import(authority.shell, grants, update=update, dry_run=dry_run)
    reports = (run(taker.take(entry)) for entry in entries(io.BytesIO(data)))
    return [report for report in reports if report is not None]


def exported(storage: object) -> bytes:
    """Return everything in *storage* as a transfer file."""
    export, data = Export(coat(storage)), b""
    while lines := run(export.next_lines()):
        data += b"".join(lines)
    return data
