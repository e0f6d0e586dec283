"""Export: every client, account and consent as lines, a page of records at a time.

What is exported is what `imports` reads: into an empty database it makes the same records again. The last line says how
many there are, so that an export which was cut off is known. It is no snapshot: a record that changes while the export
runs is written as it is when its page is read, and what is allowed meanwhile to a client that came after the clients
were read stays behind. Tokens, sessions, signing keys and the audit trail do not travel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from attrs import define, field

from ..kernel.ports import Storage
from ..kernel.records import Client, Consent, User
from .transfer_extent import end_line
from .transfer_records import Transferred, header_line, line_of

PAGE = 200
_MOST_REMEMBERED = 10_000


@define
class Export:
    r"""Reads *storage* from the first record to the last; call `next_lines` until nothing comes.

    >>> from authority_core.kernel.sync import coat, run
    >>> from authority_core.testing.memory import MemoryStorage
    >>> run(Export(coat(MemoryStorage())).next_lines())
    [b'{"kind":"authority-export","version":1,"end":true}\n']
    """

    _storage: Storage = field(repr=False)
    counts: dict[str, int] = field(factory=lambda: {"clients": 0, "users": 0, "consents": 0}, init=False)
    """How many records of each kind were written so far."""
    _header_given: bool = field(default=False, init=False)
    _end_given: bool = field(default=False, init=False)
    _stage: int = field(default=0, init=False)
    _client: str | None = field(default=None, init=False)
    _user: str | None = field(default=None, init=False)
    _consent: tuple[str, str] | None = field(default=None, init=False)
    _written: dict[str, datetime] = field(factory=dict, init=False, repr=False)
    """The clients that were written, and when they were made: by that a later one of the same id is told apart."""
    _begins: dict[str, datetime | None] = field(factory=dict, init=False, repr=False)

    async def next_lines(self) -> list[bytes]:
        """Return the next lines; none when everything was read."""
        if not self._header_given:
            self._header_given = True
            return [header_line()]
        while self._stage < len(_STAGES):
            read, name = _STAGES[self._stage]
            records, more = await read(self)
            if not more:
                self._stage += 1
            self.counts[name] += len(records)
            if records:
                return [line_of(record) for record in records]
        if not self._end_given:
            self._end_given = True
            return [end_line(self.counts)]
        return []

    async def _clients(self) -> tuple[Sequence[Transferred], bool]:
        page: Sequence[Client] = await self._storage.clients(self._client, PAGE)
        self._client = page[-1].client_id if page else None
        self._written |= {client.client_id: client.created_at for client in page}
        return page, len(page) == PAGE

    async def _users(self) -> tuple[Sequence[Transferred], bool]:
        if not hasattr(self._storage, "users"):  # an application with people of its own
            return (), False
        page: Sequence[User] = await self._storage.users(self._user, PAGE)
        self._user = page[-1].user_id if page else None
        return page, len(page) == PAGE

    async def _consents(self) -> tuple[Sequence[Transferred], bool]:
        page = await self._storage.all_consents(self._consent, PAGE)
        self._consent = (page[-1].subject, page[-1].client_id) if page else None
        await self._look_up({consent.client_id for consent in page})
        return self._of_clients(page), len(page) == PAGE

    async def _look_up(self, client_ids: Iterable[str]) -> None:
        if len(self._begins) > _MOST_REMEMBERED:
            self._begins.clear()
        for client_id in client_ids:
            if client_id not in self._begins:
                client = await self._storage.client(client_id)
                there = client is not None and client.created_at == self._written.get(client_id)
                self._begins[client_id] = client.begins if client is not None and there else None

    def _of_clients(self, page: Sequence[Consent]) -> list[Consent]:
        """Leave out what was allowed to clients that are gone: it would come alive with a client of the same id.

        And what was allowed to clients that came while the export runs: their lines are not in the file.
        """
        found = [(consent, self._begins[consent.client_id]) for consent in page]
        return [consent for consent, begins in found if begins is not None and consent.granted_at >= begins]


_STAGES = (
    (Export._clients, "clients"),
    (Export._users, "users"),
    (Export._consents, "consents"),
)
