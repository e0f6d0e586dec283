"""What an import makes of one line, given what is stored: the record to write, what differs, and every fault.

Clients and accounts pass the validators that administration uses. What a line leaves out is the default of a new
record and stays as it is in one that exists. Pure, but for what is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

import attrs
from attrs import evolve, frozen

from ..kernel.changes import Change
from ..kernel.client_secrets import KIND, foreign_faults, id_of_hash, kept_digest, kept_hash, random_looking
from ..kernel.consents import kept
from ..kernel.encoding import digest
from ..kernel.events import ClientChanged, ClientCreated, Event, UserChanged, UserCreated
from ..kernel.foreign_hashes import hash_fault
from ..kernel.identity import canonical
from ..kernel.moment import Moment
from ..kernel.passwords import Passwords
from ..kernel.records import Client, ClientSecret, Consent, User
from ..kernel.settings import Settings
from ..kernel.users import cut_off
from .client_metadata import NAMES, ClientMetadata, client_id_fault, metadata_faults
from .clients import registered
from .transfer_records import FROM_ELSEWHERE, HAPPENED, Line, Transferred
from .users import NewUser, created, user_faults

REASON = "import"
_OURS = ("keep_until", "version")
"""Fields that follow from the others, or from how often they were written."""
_ELSEWHERE = tuple(member.name for member in FROM_ELSEWHERE)
LONGEST_HINT = 4
MOST_AHEAD = timedelta(days=1)
MOST_SCOPES = 200
_SUBJECT = re.compile(r"[\x21-\x7e]{1,255}\Z")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,255}\Z")

Given = Mapping[str, Any]


@frozen
class Judged:
    """A line, judged: write *record* over *known*, together with *more* changes, and tell of *events*."""

    record: Transferred | None = None
    known: Transferred | None = None
    more: tuple[Change, ...] = ()
    events: tuple[Event, ...] = ()
    faults: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    """The fields in which the line and what is stored differ."""


def _differing(known: Transferred | None, record: Transferred) -> tuple[str, ...]:
    if known is None:
        return ()
    names = (field.name for field in attrs.fields(type(record)) if field.name not in _OURS)
    return tuple(name for name in names if getattr(known, name) != getattr(record, name))


def _of_others(faults: Iterable[str], line: Line) -> tuple[str, ...]:
    """Return *faults* without those of members that were not even readable: they have theirs already."""
    unread = {fault.split(" ")[0] for fault in line.faults}
    return tuple(fault for fault in faults if fault.split(" ")[0].rstrip(":") not in unread)


def _yet_to_come(line: Line, moment: Moment) -> list[str]:
    """Return the faults of times at which nothing can have happened; the clocks of two servers differ by less."""
    latest = moment.now + MOST_AHEAD
    late = [name for name, value in line.given.items() if name in HAPPENED and value is not None]
    return [
        f"{name} is more than a day from now: it says when something has happened."
        for name in late
        if cast(datetime, line.given[name]) > latest
    ]


# --- clients ---------------------------------------------------------------------------------------------------------


def judged_client(
    line: Line, known: Client | None, settings: Settings, grants: frozenset[str], moment: Moment, hashed: str | None
) -> Judged:
    """Judge a line that names a client; *known* is the one of this id, *hashed* the slow hash of its plain secret.

    A plain secret that looks random needs none.
    """
    given = cast(dict[str, Any], {name: value for name, value in line.given.items() if name not in _ELSEWHERE})
    client_id = str(given.get("client_id", "missing"))
    base = known or _fresh_client(client_id, given, moment)
    said = {name: given.get(name, getattr(base, name)) for name in NAMES}
    faults = [*metadata_faults(ClientMetadata(**said), settings, grants), *_secret_faults(base, line, settings)]
    fault = client_id_fault(client_id)
    faults += [*([fault] if fault else []), *_yet_to_come(line, moment)]
    found = (*line.faults, *_of_others(faults, line))
    if found:
        return Judged(faults=tuple(dict.fromkeys(found)))
    if any(name in line.given for name in _ELSEWHERE):
        given["secrets"] = _from_elsewhere(base, line, hashed, moment)
    record = evolve(base, **given)
    if not record.confidential:
        record = evolve(record, secrets=())
    differs = _differing(known, record)
    event: Event = ClientCreated(client_id=client_id, reason=REASON)
    if known is not None:
        event = ClientChanged(client_id=client_id, fields=" ".join(differs), reason=REASON)
    return Judged(record, known, (), (event,), differs=differs)


def _fresh_client(client_id: str, given: Given, moment: Moment) -> Client:
    made = registered(ClientMetadata(name=given.get("name", "missing")), moment, client_id=client_id)
    return evolve(made.answer.client, secrets=())


def plain_secret(line: Line) -> str | None:
    """Return the secret that the line gives in the clear."""
    return cast(str | None, line.given.get("client_secret"))


def _secret_faults(base: Client, line: Line, settings: Settings) -> list[str]:
    method = line.given.get("token_endpoint_auth_method", base.token_endpoint_auth_method)
    plain, secrets = plain_secret(line), _secrets(line)
    ways = [name for name in ("secrets", *_ELSEWHERE) if name in line.given]
    faults = [f"client_secret {fault}" for fault in foreign_faults(plain)] if plain is not None else []
    hashes = [("secrets", one.secret_hash) for one in secrets]
    hashes.append(("client_secret_hash", cast(str | None, line.given.get("client_secret_hash"))))
    for name, known in hashes:
        fault = None if known is None else hash_fault(known, settings)
        faults += [f"{name}: {fault}"] if fault else []
    if len(ways) > 1:
        faults.append(f"Give one of {', '.join(ways)}.")
    if any(len(one.hint) > LONGEST_HINT for one in secrets):
        faults.append(f"secrets: hint is the last {LONGEST_HINT} characters of a secret, and no more.")
    if method == "none" and (secrets or ways not in ([], ["secrets"])):
        faults.append("A public client has no secret: leave client_secret, client_secret_hash and secrets out.")
    return faults


def _secrets(line: Line) -> tuple[ClientSecret, ...]:
    return cast(tuple[ClientSecret, ...], line.given.get("secrets", ()))


def _from_elsewhere(base: Client, line: Line, hashed: str | None, moment: Moment) -> tuple[ClientSecret, ...]:
    """Return the secrets that *base* has when the line gives it its own; those that are there stay as they are."""
    plain = plain_secret(line)
    if plain is not None and random_looking(plain):
        there = digest(KIND, plain) in [one.digest for one in base.secrets]
        return base.secrets if there else (kept_digest(plain, moment),)
    if plain is None:
        given = cast(str, line.given["client_secret_hash"])
        named = id_of_hash(given)
        there = named in [one.secret_id for one in base.secrets]
        return base.secrets if there else (kept_hash(given, moment, secret_id=named),)
    if hashed is None:
        raise ValueError("a secret that does not look random comes with its slow hash")
    there = hashed in [one.secret_hash for one in base.secrets]
    return base.secrets if there else (kept_hash(hashed, moment),)


# --- accounts --------------------------------------------------------------------------------------------------------


def judged_user(
    line: Line, known: User | None, taken: Iterable[str], passwords: Passwords, settings: Settings, moment: Moment
) -> Judged:
    """Judge a line that describes an account; *known* is the one it means, *taken* what others are called."""
    given = cast(dict[str, Any], dict(line.given))
    for name in ("username", "email"):
        if isinstance(given.get(name), str):
            given[name] = canonical(str(given[name]))
    hashed = given.get("password_hash")
    if known is not None:
        for name in _of_an_older_password(given, known, passwords):
            given.pop(name, None)
    base = known or created(NewUser(), None, moment).answer
    record = evolve(base, **given)
    faults = [*user_faults(_as_new(record), settings, hashed=record.password_hash is not None), *taken]
    if "user_id" in given and not _SUBJECT.match(record.user_id):
        faults.append("user_id has 1 to 255 characters of ASCII, without spaces (OpenID Connect Core §2).")
    fault = None if hashed is None else hash_fault(hashed, settings)
    faults += [*([fault] if fault else []), *_yet_to_come(line, moment)]
    found = (*line.faults, *_of_others(faults, line))
    if found:
        return Judged(faults=tuple(dict.fromkeys(found)))
    if known is None:
        return Judged(record, None, (), (UserCreated(subject=record.user_id, role=record.role, reason=REASON),))
    fields = _differing(known, record)
    if fields and "updated_at" not in given:
        record = evolve(record, updated_at=moment.now)
    ends = known.password_hash != record.password_hash or (known.active and not record.active)
    more = (cut_off(record, settings, moment.now, REASON),) if ends else ()
    event = UserChanged(subject=record.user_id, fields=" ".join(fields), reason=REASON)
    return Judged(record, known, more, (event,), differs=fields)


def _of_an_older_password(given: Given, known: User, passwords: Passwords) -> tuple[str, ...]:
    """Return the members that are passed over, because here the account has a newer password or a better hash of it.

    The old system's file may come again, after people have signed in here.
    """
    if "password_hash" not in given:
        return ()
    hashed, theirs, ours = given["password_hash"], given.get("password_changed_at"), known.password_changed_at
    if ours is not None and (theirs is None or theirs < ours):
        return "password_hash", "password_changed_at", "password_must_change"
    changed_there = theirs is not None and (ours is None or theirs > ours)
    if changed_there or hashed is None or known.password_hash is None:
        return ()
    upgraded_here = passwords.outdated(hashed) and not passwords.outdated(known.password_hash)
    return ("password_hash",) if upgraded_here else ()


def _as_new(user: User) -> NewUser:
    return NewUser(
        username=user.username,
        email=user.email,
        role=user.role,
        email_verified=user.email_verified,
        claims=user.claims,
    )


# --- consents --------------------------------------------------------------------------------------------------------


def judged_consent(line: Line, known: Consent | None, begins: datetime | None, moment: Moment) -> Judged:
    """Judge a line that says what somebody allowed a client, whose consents count from when it *begins* here.

    An older one is written as of then: before, a client of this id may have been another one, of which nothing comes
    alive again. So what is *known* of another one is no base for this, and written over.
    """
    given = cast(dict[str, Any], line.given)
    faults = [*line.faults, *_yet_to_come(line, moment)]
    if "subject" in given and not _SUBJECT.match(given["subject"]):
        faults.append("subject has 1 to 255 characters of ASCII, without spaces (OpenID Connect Core §2).")
    if "client_id" in given and begins is None:
        faults.append("There is no client of this client_id: its line comes first.")
    scope = given.get("scope", frozenset())
    if len(scope) > MOST_SCOPES or not all(_SCOPE.match(word) for word in scope):
        faults.append(f"scope has at most {MOST_SCOPES} scopes, each as RFC 6749 §3.3 spells them.")
    if faults or begins is None:
        return Judged(faults=tuple(faults))
    base = Consent(subject=given["subject"], client_id=given["client_id"], scope=frozenset(), granted_at=moment.now)
    if known is not None and known.granted_at < begins:  # another client's: what it says is not looked at
        base, known = evolve(base, version=known.version), None
    elif known is not None:
        base = known
    record = evolve(base, **given)
    record = kept(evolve(record, granted_at=max(record.granted_at, begins)))
    return Judged(record, known, differs=_differing(known, record))
