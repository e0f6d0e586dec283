"""Import: one line of a transfer file is one commit, or nothing.

Running it again is harmless: what is there and equal is passed over, what is there and differs is a conflict unless
updating was asked for. So a run that broke off is finished by another run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, TypeVar

from attrs import define, evolve, field, frozen

from ..kernel.changes import Decision, Replace
from ..kernel.client_secrets import foreign_faults, random_looking
from ..kernel.encoding import Json
from ..kernel.identity import canonical
from ..kernel.moment import Moment
from ..kernel.passwords import Passwords, matches
from ..kernel.ports import Offload, Origin
from ..kernel.records import Client, User
from ..kernel.shell import Shell
from .consents import Consents
from .import_judgements import Judged, judged_client, judged_consent, judged_user, plain_secret
from .transfer_extent import END, Extent
from .transfer_lines import OTHER_FILES, Entry
from .transfer_overlay import Imagined, Seen
from .transfer_records import FIRST, HEADER, Line, header_fault, parsed

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
    *dry_run*, nothing is written and reports say what would happen; what would have been written is remembered, some
    hundred bytes a line. *header_read* means that the header was read by a run before, which had come as far as
    *extent*. *offload* is where slow hashes of client secrets are made, a tenth of a second each: in place, unless an
    application with an event loop says better.
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
    _imagined: Imagined | None = field(init=False, repr=False)
    _made_up: dict[str, int] = field(factory=dict, init=False, repr=False)
    """Ids that a dry run had to think up for accounts, and the lines of these."""
    _cleared: bool = field(default=False, init=False)

    @_passwords.default
    def _as_settings_ask(self) -> Passwords:
        return Passwords(self._shell.settings, self._offload)

    @_imagined.default
    def _over_storage(self) -> Imagined | None:
        return Imagined(self._shell.storage) if self._dry_run else None

    @property
    def _seen(self) -> Seen:
        return self._imagined or self._shell.storage

    async def take(self, entry: Entry) -> Report | None:
        """Import one entry and say what became of it; `None` for a header, and for the last line of an export.

        The lines of an export that was cut off are imported as any; when all came, ask `extent.missing`.

        Raises:
            NotTransferable: The first line is no header of a format that is known here.
            StorageUnavailable: Storage cannot be reached. Nothing of this line was written.
        """
        value = entry.value
        if not self._header_read or (value is not None and value.get("kind") == HEADER):
            fault = _no_first_line(entry.fault) if value is None else header_fault(value)
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
        if line.kind == "client":
            await self._inherits_nothing(line.given.get("client_id"))

        async def attempt(moment: Moment) -> Decision[Report]:
            return self._decided(entry.number, line, await self._judged(line, moment))

        if self._imagined is None:
            return await self._shell.act(Origin(), attempt)
        judged = await self._judged(line, self._shell.moment())
        report = self._decided(entry.number, line, judged).answer
        if judged.record is not None and report.outcome in ("created", "updated"):
            self._imagined.write(judged.record, judged.known)
            if isinstance(judged.record, User) and "user_id" not in line.given and judged.known is None:
                self._made_up[judged.record.user_id] = entry.number
        return report

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
        if self._cleared or not isinstance(client_id, str) or await self._seen.client(client_id) is not None:
            return
        if self._imagined is None:
            await Consents(self._shell).forget_gone_clients()
        else:
            await self._imagined.forget_gone_clients()
        self._cleared = True

    async def _judged(self, line: Line, moment: Moment) -> Judged:
        storage, settings = self._seen, self._shell.settings
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
            begins = client.begins if client is not None else None
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
        storage, user_id = self._seen, line.given.get("user_id")
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
            found = await self._seen.user_by_identifier(identifier)
            # Who has it without having been there a moment ago is this line, written by another run: commit will tell.
            if found is not None and mine is not None and found.user_id != mine:
                faults.append(f"This {what} is taken by the account {self._called(found)}.")
        return faults or self._strange(line, meant)

    def _strange(self, line: Line, meant: User | None) -> list[str]:
        """Return why *meant*, which was found by one of its names, may be somebody else: the line has another one.

        Two systems may know two people by one name, and one account would let in whoever has either password.
        """
        if meant is None or "user_id" in line.given:
            return []
        theirs = {"user name": meant.username, "e-mail address": meant.email}
        other = [what for what, name in _identifiers(line).items() if canonical(theirs[what] or name) != name]
        return [
            f"The account {self._called(meant)} has the other name of this line, and another {what}: where it is the "
            "same person, give its user_id."
            for what in other
        ]

    def _called(self, user: User) -> str:
        line = self._made_up.get(user.user_id)
        return ascii(user.user_id[:80])[1:-1] if line is None else f"of line {line}"


def _no_first_line(fault: str | None) -> str | None:
    return fault if fault is None or fault in OTHER_FILES else f"{fault} {FIRST}, and every other line an object."


def _identifiers(line: Line) -> dict[str, str]:
    if line.kind != "user":
        return {}
    names = (("user name", line.given.get("username")), ("e-mail address", line.given.get("email")))
    return {what: canonical(name) for what, name in names if isinstance(name, str)}
