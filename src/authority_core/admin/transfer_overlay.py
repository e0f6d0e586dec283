"""What a dry run imagines: what storage would hold, had the lines before been written.

Reads look here first and then in storage; nothing is ever written to that. Knows no rule of what a line may say.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, TypeVar, assert_never
from zlib import compress, decompress

from attrs import define, field

from ..kernel.encoding import decode_json_object
from ..kernel.identity import comparable
from ..kernel.records import Client, Consent, User
from .transfer_records import Transferred, line_of, parsed

R = TypeVar("R", Client, User, Consent)


class Seen(Protocol):
    """What an import looks at: storage, or what it would be."""

    async def client(self, client_id: str) -> Client | None:
        """Return the client."""
        ...

    async def user(self, user_id: str) -> User | None:
        """Return the account."""
        ...

    async def user_by_identifier(self, identifier: str) -> User | None:
        """Return the account of this name or address."""
        ...

    async def consent(self, subject: str, client_id: str) -> Consent | None:
        """Return what *subject* has allowed *client_id*."""
        ...


@define(eq=False)
class Imagined:
    """*storage* with what would have been written over it, some hundred bytes a record."""

    _storage: Seen = field(repr=False)
    _clients: dict[str, bytes] = field(factory=dict, init=False, repr=False)
    _users: dict[str, bytes] = field(factory=dict, init=False, repr=False)
    _consents: dict[tuple[str, str], bytes | None] = field(factory=dict, init=False, repr=False)
    _owners: dict[str, str | None] = field(factory=dict, init=False, repr=False)
    """Whose a name or address is; nobody's when it would have been given up."""
    _begun: dict[str, datetime] | None = field(default=None, init=False, repr=False)
    """When clients began, where a line had changed it, as consents would have been forgotten."""

    def write(self, record: Transferred, known: Transferred | None) -> None:
        """Imagine *record* in the place of what is *known*."""
        packed = compress(line_of(record), 1)
        match record:
            case Client():
                self._clients[record.client_id] = packed
            case Consent():
                self._consents[record.subject, record.client_id] = packed
            case User():
                self._users[record.user_id] = packed
                given_up = _names(known) if isinstance(known, User) else []
                self._owners |= dict.fromkeys(given_up) | dict.fromkeys(_names(record), record.user_id)
            case _:
                assert_never(record)

    async def client(self, client_id: str) -> Client | None:
        """Return the client as it would be."""
        packed = self._clients.get(client_id)
        return await self._storage.client(client_id) if packed is None else _unpacked(Client, packed)

    async def user(self, user_id: str) -> User | None:
        """Return the account as it would be."""
        packed = self._users.get(user_id)
        return await self._storage.user(user_id) if packed is None else _unpacked(User, packed)

    async def user_by_identifier(self, identifier: str) -> User | None:
        """Return the account that would have this name or address."""
        if identifier in self._owners:
            owner = self._owners[identifier]
            return None if owner is None else await self.user(owner)
        found = await self._storage.user_by_identifier(identifier)
        return found if found is None or found.user_id not in self._users else await self.user(found.user_id)

    async def consent(self, subject: str, client_id: str) -> Consent | None:
        """Return what *subject* would have allowed *client_id*."""
        if (subject, client_id) in self._consents:
            packed = self._consents[subject, client_id]
            return None if packed is None else _unpacked(Consent, packed)
        found = await self._storage.consent(subject, client_id)
        if found is None or self._begun is None:
            return found
        client = await self._storage.client(client_id)
        begins = self._begun.get(client_id, None if client is None else client.begins)
        return found if begins is not None and found.granted_at >= begins else None

    async def forget_gone_clients(self) -> None:
        """Imagine that what was allowed to clients that are gone is taken away (`Consents.forget_gone_clients`)."""
        self._begun = {client_id: _unpacked(Client, packed).begins for client_id, packed in self._clients.items()}
        for pair, packed in self._consents.items():
            client = await self.client(pair[1])
            if packed and (client is None or _unpacked(Consent, packed).granted_at < client.begins):
                self._consents[pair] = None


def _names(user: User) -> list[str]:
    return [comparable(name) for name in (user.username, user.email) if name is not None]


def _unpacked(kind: type[R], packed: bytes) -> R:
    given = parsed(decode_json_object(decompress(packed)[:-1])).given
    return kind(**given)  # type: ignore[arg-type]  # each member was read by its own reader
