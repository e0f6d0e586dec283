"""What must be true of everything stored, whatever happened: the checker for tests with faults, races and crashes.

    check(contents(memory_storage))                     # the reference storage
    check(authority_sql.contents(url))                  # every row of a database
    check(Contents(records=..., spent=..., ...))        # your own storage, read by your own means

A dump is judged as it lies there; nothing here reads a storage through its protocol, which could hide a fault.
Records that a running server is writing at the moment may look half done: stop it, or take a consistent snapshot.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from attrs import evolve, field, frozen

from ..kernel.encoding import Digest
from ..kernel.identity import comparable
from ..kernel.records import (
    AccessToken,
    AuditRecord,
    AuthorizationCode,
    Client,
    Consent,
    Counter,
    Grant,
    Interaction,
    RefreshToken,
    Session,
    SigningKey,
    User,
)
from .memory import MemoryStorage

R = TypeVar("R")
MUTABLE = (Client, Consent, SigningKey, User, Session)


class InvariantBroken(AssertionError):
    """Storage holds what must never be; the message names every breach."""


@frozen
class Mark:
    """One mark: when it was made, and until when it is kept."""

    at: datetime
    keep_until: datetime


@frozen(kw_only=True)
class Contents:
    """Everything a storage holds.

    Args:
        records: Records of every kind, in any order; `revoked_at` of grants and sessions is not looked at.
        spent: The marks of `Spend`, by key.
        revoked: The marks of `Revoke`, by what and id.
        cut_off: The marks of `CutOff`, by subject and client.
        counters: Counters, by key.
        names: Who owns each canonical name or address, where a storage keeps a list of its own.
    """

    records: Sequence[object]
    spent: Mapping[Digest, Mark] = field(factory=dict)
    revoked: Mapping[tuple[str, str], Mark] = field(factory=dict)
    cut_off: Mapping[tuple[str, str | None], Mark] = field(factory=dict)
    counters: Mapping[Digest, Counter] = field(factory=dict)
    names: Mapping[str, str] | None = None

    def all(self, kind: type[R]) -> list[R]:
        """Return the records of *kind*."""
        return [record for record in self.records if isinstance(record, kind)]


def contents(storage: MemoryStorage) -> Contents:
    """Return everything in *storage*."""
    with storage._lock:
        return Contents(
            records=[record for table in storage._records.values() for record in table.values()],
            spent={key: Mark(spend.at, spend.keep_until) for key, spend in storage._spent.items()},
            revoked={key: Mark(*times) for key, times in storage._revoked.items()},
            cut_off={key: Mark(*times) for key, times in storage._cut_off.items()},
            counters=dict(storage._counters),
        )


def check(found: Contents, *, now: datetime | None = None, audited: bool = False) -> None:
    """Raise `InvariantBroken`, naming every breach, unless all invariants hold of *found*.

    With *now*, what may be forgotten by then may be missing. With *audited*, every grant must have its line in the
    audit trail, as servers with `audit_log_level="all"` and nothing forgotten yet write it.
    """
    broken = breaches(found, now=now, audited=audited)
    if broken:
        raise InvariantBroken("\n".join(broken))


def breaches(found: Contents, *, now: datetime | None = None, audited: bool = False) -> list[str]:
    """Return every breach of an invariant in *found*, one sentence each; see `check`."""
    rules = [_codes, _refresh_tokens, _access_tokens, _marks, _keys, _people, _numbers]
    if audited:
        rules.append(_audit)
    looked_at = found if now is None else _kept(found, now)
    return [breach for rule in rules for breach in rule(looked_at, found)]


def _kept(found: Contents, now: datetime) -> Contents:
    """Return *found* without what may be forgotten at *now*: nothing need be there for it."""
    kept = [one for one in found.records if (end := getattr(one, "keep_until", None)) is None or now < end]
    counters = {key: counter for key, counter in found.counters.items() if now < counter.expires_at}
    return evolve(found, records=kept, counters=counters)


# --- authorization ---------------------------------------------------------------------------------------------------
# Each rule looks at *kept*, and asks all of *found* for what must be there.


def _codes(kept: Contents, found: Contents) -> Iterator[str]:
    """A code makes one grant, at the moment it is spent and not before."""
    codes = kept.all(AuthorizationCode)
    grants = _grants(found)
    for grant_id, times in Tally(code.grant.grant_id for code in codes).items():
        if times > 1:
            yield f"{times} codes carry the grant {grant_id}"
    for code in codes:
        grant, spent = grants.get(code.grant.grant_id), code.key in found.spent
        if spent and grant is None:
            yield f"the code of the grant {code.grant.grant_id} is spent, and the grant is not stored"
        if grant is not None and not spent:
            yield f"the grant {grant.grant_id} is stored, and its code is not spent"
        if grant is not None and not _same_grant(grant, code.grant):
            yield f"the grant {grant.grant_id} is not the one that its code carries"


def _same_grant(grant: Grant, promised: Grant) -> bool:
    if not grant.scope <= promised.scope:
        return False
    return evolve(grant, scope=promised.scope, revoked_at=None) == evolve(promised, revoked_at=None)


def _refresh_tokens(kept: Contents, found: Contents) -> Iterator[str]:
    """Refresh tokens of a grant are one chain, of which at most the last link is unspent."""
    grants, chains = _grants(found), defaultdict[str, list[RefreshToken]](list)
    for token in found.all(RefreshToken):
        chains[token.grant_id].append(token)
    for token in kept.all(RefreshToken):
        grant, generation = grants.get(token.grant_id), token.generation
        if grant is None:
            yield f"a refresh token belongs to the grant {token.grant_id}, which is not stored"
        elif token.expires_at > grant.expires_at:
            yield f"a refresh token outlives its grant {token.grant_id}"
        later = [one.generation for one in chains[token.grant_id] if one.generation > generation]
        if token.key in found.spent and generation + 1 not in later:
            yield f"refresh token {generation} of the grant {token.grant_id} is spent and has no successor"
        if token.key not in found.spent and later:
            yield f"refresh token {generation} of the grant {token.grant_id} is unspent and has successors"
    for grant_id, chain in chains.items():
        unspent = [token for token in chain if token.key not in found.spent]
        if len(unspent) > 1:
            yield f"the grant {grant_id} has {len(unspent)} unspent refresh tokens"
        if len({token.generation for token in chain}) < len(chain):
            yield f"the refresh tokens of the grant {grant_id} fork"


def _access_tokens(kept: Contents, found: Contents) -> Iterator[str]:
    """An access token of a grant has the grant, and never more than it."""
    grants = _grants(found)
    tokens = kept.all(AccessToken)
    if len({token.token_id for token in tokens}) < len(tokens):
        yield "two access tokens have one id"
    for token in tokens:
        if token.grant_id is None:
            continue
        grant = grants.get(token.grant_id)
        if grant is None:
            yield f"an access token belongs to the grant {token.grant_id}, which is not stored"
        elif token.subject != grant.subject or token.client_id != grant.client_id:
            yield f"an access token of the grant {token.grant_id} is for somebody else"
        elif not token.scope <= grant.scope or token.expires_at > grant.expires_at:
            yield f"an access token of the grant {token.grant_id} goes beyond it"


def _marks(kept: Contents, found: Contents) -> Iterator[str]:
    """No mark is forgotten before what it ends."""
    for record in kept.records:
        match record:
            case AuthorizationCode() | RefreshToken() | AccessToken() | Interaction():
                mark = found.spent.get(record.key)
                if mark is not None and mark.keep_until < record.keep_until:
                    yield f"the spent mark of a {type(record).__name__} is forgotten before the record"
            case Grant():
                mark = found.revoked.get(("grant", record.grant_id))
                if mark is not None and mark.keep_until < record.keep_until:
                    yield f"the revocation of the grant {record.grant_id} is forgotten before the grant"
            case Session():
                mark = found.revoked.get(("session", record.session_id))
                if mark is not None and mark.keep_until < record.keep_until:
                    yield f"the end of the session {record.session_id} is forgotten before the session"
            case _:
                pass


def _audit(kept: Contents, found: Contents) -> Iterator[str]:
    """What was issued was written down in the same commit."""
    told = {(line.event, line.grant_id) for line in found.all(AuditRecord)}
    for grant in kept.all(Grant):
        if ("token.issued", grant.grant_id) not in told:
            yield f"the audit trail does not know how the grant {grant.grant_id} came about"


# --- keys, accounts and numbers --------------------------------------------------------------------------------------


def _keys(kept: Contents, found: Contents) -> Iterator[str]:
    """At most one key signs for each algorithm."""
    keys = found.all(SigningKey)
    for algorithm, times in Tally(key.alg for key in keys if key.state == "active").items():
        if times > 1:
            yield f"{times} keys sign with {algorithm}"
    for key in keys:
        if key.state == "active" and key.activated_at is None:
            yield f"the key {key.kid} signs, and nobody knows since when"
        if key.state in ("retired", "compromised") and key.retired_at is None:
            yield f"the key {key.kid} is {key.state}, and nobody knows since when"
        if key.state in ("retired", "compromised") and key.keep_until is None:
            yield f"the key {key.kid} is {key.state}, and is never forgotten"


def _people(kept: Contents, found: Contents) -> Iterator[str]:
    """Names and addresses have one owner; every session has its account and a cookie of its own."""
    users, sessions = found.all(User), kept.all(Session)
    owners = defaultdict[str, set[str]](set)
    for user in users:
        for name in (user.username, user.email):
            if name is not None:
                owners[comparable(name)].add(user.user_id)
    yield from (f"{len(ids)} accounts have the name {name}" for name, ids in owners.items() if len(ids) > 1)
    if found.names is not None:
        listed, own = dict(found.names), {name: min(ids) for name, ids in owners.items()}
        if {comparable(name): owner for name, owner in listed.items()} != own:
            yield "the list of names is not that of the accounts"
    known = {user.user_id for user in users}
    for session in sessions:
        if session.user_id not in known:
            yield f"the session {session.session_id} is of the account {session.user_id}, which is not stored"
    for kind, seen in (("cookie", [one.key for one in sessions]), ("id", [one.session_id for one in sessions])):
        if len(set(seen)) < len(seen):
            yield f"two sessions have one {kind}"


def _numbers(kept: Contents, found: Contents) -> Iterator[str]:
    """No more was taken back than was counted, and every mutable record was written through `Replace`."""
    yield from ("a counter is below zero" for counter in kept.counters.values() if counter.value < 0)
    for record in found.records:
        if isinstance(record, MUTABLE) and record.version < 1:
            yield f"a {type(record).__name__} has the version {record.version}"
    pairs = [(consent.subject, consent.client_id) for consent in found.all(Consent)]
    if len(set(pairs)) < len(pairs):
        yield "a person's consent to one client is stored twice"


def _grants(found: Contents) -> dict[str, Grant]:
    return {grant.grant_id: grant for grant in found.all(Grant)}


def differences(before: Contents, after: Contents) -> dict[str, int]:
    """Return what *after* has more than *before*, by kind: records, writes of mutable ones, marks and counts.

    Kinds that agree are left out, so two equal states give `{}`.
    """
    old, new = _tally(before), _tally(after)
    return {name: new[name] - old[name] for name in sorted(set(old) | set(new)) if new[name] != old[name]}


def _tally(found: Contents) -> Tally[str]:
    tally = Tally({"spent": len(found.spent), "revoked": len(found.revoked), "cut_off": len(found.cut_off)})
    tally["counted"] = sum(counter.value for counter in found.counters.values())
    for record in found.records:
        kind = type(record).__name__
        tally[kind] += 1
        if isinstance(record, MUTABLE):
            tally[f"{kind} writes"] += record.version
    return tally
