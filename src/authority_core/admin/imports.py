"""Import: one line of a transfer file is one commit, or nothing.

Running it again is harmless: what is there and equal is passed over, what is there and differs is a conflict unless
updating was asked for. So a run that broke off is finished by another run.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Literal, TypeVar

from attrs import define, evolve, field, frozen

from ..kernel.changes import Decision, Replace
from ..kernel.client_secrets import foreign_faults, random_looking
from ..kernel.encoding import Json, encode_json
from ..kernel.identity import canonical
from ..kernel.moment import Moment
from ..kernel.passwords import Passwords, matches
from ..kernel.ports import Offload, Origin
from ..kernel.records import Client, User
from ..kernel.shell import Shell
from .consents import Consents
from .import_judgements import Judged, judged_client, judged_consent, judged_user, plain_secret
from .transfer_extent import END, Extent
from .transfer_lines import Entry
from .transfer_records import HEADER, Line, header_fault, parsed

T = TypeVar("T")

Outcome = Literal["created", "updated", "unchanged", "conflict", "refused"]
OUTCOMES: tuple[Outcome, ...] = ("created", "updated", "unchanged", "conflict", "refused")


CLIENTS_ID = "user_id: a client has this id, and its own tokens would be this person's (RFC 9068 §5)."
PERSONS_ID = "client_id: a person has this id, and the client's own tokens would be that person's (RFC 9068 §5)."


class NotTransferable(Exception):
    """The file is none that can be read here; the message says why. Nothing of it was imported."""


@frozen
class Report:
    """What became of line *number*; *faults* say why it was refused, or in what it conflicts."""

    number: int
    kind: str
    name: str
    outcome: Outcome
    faults: tuple[str, ...] = ()


async def _in_place(work: Callable[[], T]) -> T:
    return work()


@define(eq=False)
class Import:
    """Takes the entries of one file, in order.

    *grants* are the names of the grants that the server offers. With *update*, what differs is replaced. With
    *dry_run*, nothing is written and reports say what would happen; a fingerprint of each record is remembered, some
    hundred bytes. *header_read* means that the header was read by a run before. *offload* is where slow hashes of
    client secrets are made, a tenth of a second each: in place, unless an application with an event loop says better.
    """

    _shell: Shell = field(repr=False)
    _grants: frozenset[str]
    _update: bool = field(default=False, kw_only=True)
    _dry_run: bool = field(default=False, kw_only=True)
    _header_read: bool = field(default=False, kw_only=True)
    extent: Extent = field(factory=Extent, kw_only=True, repr=False)
    """What came of the file; `extent.missing` says, when nothing comes any more, why it is not whole."""
    _offload: Offload = field(default=_in_place, kw_only=True, repr=False)
    _passwords: Passwords = field(init=False, repr=False)
    _imagined: dict[int, int] = field(factory=dict, init=False, repr=False)
    _begins: dict[str, datetime] = field(factory=dict, init=False, repr=False)
    _cleared: bool = field(default=False, init=False)

    @_passwords.default
    def _as_settings_ask(self) -> Passwords:
        return Passwords(self._shell.settings, self._offload)

    async def take(self, entry: Entry) -> Report | None:
        """Import one entry and say what became of it; `None` for a header, and for the last line of an export.

        The lines of an export that was cut off are imported as any; when all came, ask `extent.missing`.

        Raises:
            NotTransferable: The first line is no header of a format that is known here.
            StorageUnavailable: Storage cannot be reached. Nothing of this line was written.
        """
        value = entry.value
        if not self._header_read or (value is not None and value.get("kind") == HEADER):
            fault = entry.fault if value is None else header_fault(value)
            if fault:
                raise NotTransferable(f"Line {entry.number}: {fault}")
            self._header_read = True
            self.extent = self.extent.begun(entry.number, promised=value is not None and value.get("end") is True)
            return None
        if value is not None and value.get("kind") == END:
            self.extent = self.extent.ended(entry.number, value)
            return None
        report = await self._imported(entry, value)
        self.extent = self.extent.with_line(entry.number, None if value is None else value.get("kind"))
        return report

    async def _imported(self, entry: Entry, value: Json | None) -> Report:
        if value is None:
            return Report(entry.number, "", "", "refused", (entry.fault or "",))
        line = parsed(value)
        if line.kind == "client" and not self._dry_run:
            await self._inherits_nothing(line.given.get("client_id"))

        async def attempt(moment: Moment) -> Decision[Report]:
            return self._decided(entry.number, line, await self._judged(line, moment))

        if not self._dry_run:
            return await self._shell.act(Origin(), attempt)
        judged = await self._judged(line, self._shell.moment())
        return self._imagine(line, judged, self._decided(entry.number, line, judged).answer)

    def _decided(self, number: int, line: Line, judged: Judged) -> Decision[Report]:
        def report(outcome: Outcome, *faults: str) -> Report:
            return Report(number, line.kind, line.name, outcome, faults)

        if judged.faults or judged.record is None:
            return Decision(report("refused", *judged.faults))
        if judged.known is None:
            return Decision(report("created"), (Replace(judged.record), *judged.more), judged.events)
        if not judged.differs:
            return Decision(report("unchanged"))
        if not self._update:
            return Decision(report("conflict", f"It exists and differs in {', '.join(judged.differs)}."))
        written = evolve(judged.record, version=judged.known.version)
        return Decision(report("updated"), (Replace(written), *judged.more), judged.events)

    async def _inherits_nothing(self, client_id: object) -> None:
        """Before the first client that is new, take away what was allowed to clients that are gone.

        A line may say that a client is older than what was allowed to another of its id.
        """
        if self._cleared or not isinstance(client_id, str) or await self._shell.storage.client(client_id) is not None:
            return
        await Consents(self._shell).forget_gone_clients()
        self._cleared = True

    async def _judged(self, line: Line, moment: Moment) -> Judged:
        storage, settings = self._shell.storage, self._shell.settings
        client_id = line.given.get("client_id")
        client = await storage.client(client_id) if isinstance(client_id, str) else None
        if line.kind == "client":
            hashed = await self._hashed(line, client)
            judged = judged_client(line, client, settings, self._grants, moment, hashed)
            namesake = client is None and isinstance(client_id, str) and await storage.user(client_id) is not None
            return evolve(judged, faults=(*judged.faults, PERSONS_ID)) if namesake else judged
        if line.kind == "user":
            user = await self._meant(line)
            judged = judged_user(line, user, await self._taken(line, user), self._passwords, settings, moment)
            user_id = line.given.get("user_id")
            namesake = user is None and isinstance(user_id, str) and await storage.client(user_id) is not None
            return evolve(judged, faults=(*judged.faults, CLIENTS_ID)) if namesake else judged
        if line.kind == "consent":
            subject = line.given.get("subject")
            begins = self._begins.get(str(client_id), client.begins if client is not None else None)
            both = isinstance(subject, str) and isinstance(client_id, str)
            known = await storage.consent(str(subject), str(client_id)) if both else None
            return judged_consent(line, known, begins, moment)
        return Judged(faults=line.faults)

    async def _hashed(self, line: Line, client: Client | None) -> str | None:
        """Return the slow hash of the plain secret in *line*, which *client* may have; `None` where none is needed."""
        plain = plain_secret(line)
        if plain is None or random_looking(plain) or foreign_faults(plain):
            return None
        for one in client.secrets if client is not None else ():
            known = one.secret_hash
            if known is not None and await self._offload(partial(matches, known, plain)):
                return known
        return await self._passwords.hash(plain)

    # --- accounts ----------------------------------------------------------------------------------------------------

    async def _meant(self, line: Line) -> User | None:
        """Return the account of the line's id, or without an id the one that has its name or address."""
        storage, user_id = self._shell.storage, line.given.get("user_id")
        if isinstance(user_id, str):
            return await storage.user(user_id)
        for identifier in _identifiers(line).values():
            found = await storage.user_by_identifier(identifier)
            if found is not None:
                return found
        return None

    async def _taken(self, line: Line, meant: User | None) -> list[str]:
        faults = []
        mine = meant.user_id if meant is not None else line.given.get("user_id")
        for what, identifier in _identifiers(line).items():
            found = await self._shell.storage.user_by_identifier(identifier)
            # Who has it without having been there a moment ago is this line, written by another run: commit will tell.
            stored = found is not None and mine is not None and found.user_id != mine
            owner = self._imagined.get(_print("name", identifier))
            if stored or (owner is not None and owner != _print("user", _owner(line, meant))):
                faults.append(f"This {what} is taken.")
        return faults

    # --- dry runs ----------------------------------------------------------------------------------------------------

    def _imagine(self, line: Line, judged: Judged, report: Report) -> Report:
        """Return the *report* as it would be had the lines before been written, and remember this one."""
        if report.outcome in ("refused", "conflict"):
            return report
        key, content = _key(line), _content(line)
        before = self._imagined.get(key)
        if before == content:
            return evolve(report, outcome="unchanged")
        if before is not None and not self._update:
            return evolve(report, outcome="conflict", faults=("It differs from a line before.",))
        self._imagined[key] = content
        if isinstance(judged.record, Client):
            self._begins[judged.record.client_id] = judged.record.begins
        for identifier in _identifiers(line).values():
            self._imagined[_print("name", identifier)] = _print("user", _owner(line, None))
        return report if before is None else evolve(report, outcome="updated")


def _identifiers(line: Line) -> dict[str, str]:
    if line.kind != "user":
        return {}
    names = (("user name", line.given.get("username")), ("e-mail address", line.given.get("email")))
    return {what: canonical(name) for what, name in names if isinstance(name, str)}


def _owner(line: Line, meant: User | None) -> str:
    """Return what tells the line's account from others within one file."""
    user_id = line.given.get("user_id") or (meant and meant.user_id)
    return str(user_id) if user_id else "\x00".join(("", *_identifiers(line).values()))


def _key(line: Line) -> int:
    if line.kind == "user":
        return _print("user", _owner(line, None))
    if line.kind == "consent":
        return _print("consent", line.given.get("subject"), line.given.get("client_id"))
    return _print("client", line.given.get("client_id"))


def _content(line: Line) -> int:
    items = sorted(line.given.items())
    return _print(repr([(name, sorted(item) if isinstance(item, frozenset) else item) for name, item in items]))


def _print(*parts: object) -> int:
    """Return 60 bits that stand for *parts*."""
    return int.from_bytes(blake2b(encode_json(list(parts)).encode("utf-8"), digest_size=8).digest()) >> 4
