"""A mix of all that clients, people and administrators do, and what may be left of it when its time has passed.

The house is played on any storage; each counts what it holds by the names of the SQL tables.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from attrs import define, evolve, field
from hypothesis import strategies as st

from authority_core.admin.imports import Import
from authority_core.admin.transfer_lines import entries
from authority_core.kernel.changes import Replace
from authority_core.kernel.sync import run
from authority_core.kernel.values import Secret
from authority_core.testing import invariants
from authority_core.testing.memory import MemoryStorage
from authority_sql.shapes import INSERTABLE, MUTABLE

from .relying_party import RelyingParty
from .server import CALLBACK, Server, make_server, secret_of

PEOPLE = {"alice": "u1", "bob": "u2"}
CLIENTS = ("web", "other", "spa", "poster")
ACTIONS = (
    "delete", "import", "rotate", "flow", "begin", "code", "deny", "refresh", "revoke", "fail", "stranger", "sign out",
    "credentials", "shut out",
)  # fmt: skip
VISITS = st.tuples(st.sampled_from(ACTIONS), st.sampled_from(sorted(PEOPLE)), st.sampled_from(CLIENTS))
FIRST, LAST = ("flow", "alice", "other"), ("delete", "alice", "other")
"""With which every mix begins and ends: something grows, and what was allowed to a client outlives it or not."""
ENDS = (
    "access_tokens", "audit_logs", "authorization_codes", "authorization_transactions", "authorizations", "counters",
    "cut_offs", "grants", "refresh_tokens", "revocations", "sessions", "signing_keys", "spent_keys",
)  # fmt: skip
"""Tables that grow with requests and must not grow for ever."""
OF_A_FLOW = (
    "access_tokens", "audit_logs", "authorization_codes", "authorization_transactions", "grants", "refresh_tokens",
    "sessions", "spent_keys",
)  # fmt: skip
MOVED_IN = (
    {"kind": "authority-export", "version": 1},
    {"kind": "client", "client_id": "moved-in", "name": "Moved in", "redirect_uris": [CALLBACK]},
    {"kind": "user", "user_id": "u9", "username": "carol", "email": "carol@mail.example"},
    {"kind": "consent", "subject": "u9", "client_id": "moved-in", "scope": ["openid"]},
    {
        "kind": "consent",
        "subject": "u1",
        "client_id": "moved-in",
        "scope": ["openid"],
        "expires_at": "2026-02-01T00:00:00Z",
    },
)
Sizes = Mapping[str, int]
Measure = Callable[[], Sizes]


@define
class House:
    """A server at work, and what it must still hold in the end."""

    server: Server
    allowed: set[tuple[str, str]] = field(factory=set)
    """Consents without an end, to clients that are there."""
    moved_in: bool = False
    forget: Callable[[], object] = field()
    _token: str = "nonsense"

    @forget.default
    def _in_small_batches(self) -> Callable[[], object]:
        def cleanup() -> None:
            while run(self.server.authority.cleanup(batch=7, limit=20)):
                pass

        return cleanup

    def play(self, visits: Sequence[tuple[str, str, str]]) -> None:
        """Do all *visits*, a second after each other; what is refused counts, too."""
        for action, who, client_id in visits:
            self._visit(action, who, client_id)
            self.server.clock.wind(seconds=1)

    def _visit(self, action: str, who: str, client_id: str) -> None:
        server, authority = self.server, self.server.authority
        party, browser = RelyingParty(server, client_id), server.browser()
        if action == "flow":
            answer = party.redeem(party.code(browser, who))
            self._token = json.loads(answer.body)["refresh_token"]
            self._consented(who, client_id)
        elif action == "begin":
            browser.get(party.url())
        elif action == "code":
            party.redeem(code := party.code(browser, who))
            server.clock.wind(seconds=20)
            party.redeem(code)
            self._consented(who, client_id)
        elif action == "deny":
            page = browser.follow(browser.sign_in(who, page=browser.follow(browser.get(party.url(prompt="consent")))))
            browser.deny(page)
        elif action == "refresh":
            party.refresh(self._token)
        elif action == "revoke":
            party.revoke(self._token)
        elif action == "fail":
            browser.sign_in(who, "wrong")
        elif action == "stranger":
            browser.sign_in("nobody", "wrong")
        elif action == "sign out":
            browser.sign_in(who)
            browser.sign_out()
        elif action == "credentials":
            RelyingParty(server, "service").credentials()
        elif action == "shut out":
            run(authority.users.deactivate(PEOPLE[who]))
            run(authority.users.activate(PEOPLE[who]))
        elif action == "delete":
            self._delete(client_id)
        elif action == "rotate":
            run(authority.keys.rotate("ES256", at_once=who == "alice"))
        elif action == "import":
            self._move_in()

    def _consented(self, who: str, client_id: str) -> None:
        if not self.server.settings.consent_ttl_days:
            self.allowed.add((PEOPLE[who], client_id))

    def _delete(self, client_id: str) -> None:
        """Delete a client; another of its id comes at once."""
        clients = self.server.authority.clients
        metadata = run(clients.metadata(client_id))
        run(clients.delete(client_id))
        self.server.clock.wind(seconds=1)
        secret = Secret(secret_of(client_id)) if metadata.confidential else None
        run(clients.register(metadata, client_id=client_id, secret=secret))
        self.allowed = {pair for pair in self.allowed if pair[1] != client_id}

    def _move_in(self) -> None:
        authority = self.server.authority
        taker = Import(authority.shell, frozenset(authority.oauth.grants), update=True)
        data = b"".join(json.dumps(line).encode() + b"\n" for line in MOVED_IN)
        reports = [run(taker.take(entry)) for entry in entries(io.BytesIO(data))]
        faults = [report for report in reports if report is not None and report.outcome == "refused"]
        if faults:
            raise AssertionError(faults)
        self.allowed.add(("u9", "moved-in"))
        self.moved_in = True

    def let_time_pass(self) -> None:
        """Let years go by, in which somebody looks at the keys, and forget what may be forgotten."""
        for _ in range(2):
            self.server.clock.wind(days=3 * 365)
            run(self.server.authority.keys.jwks())
        self.forget()

    def fixed(self, before: Sizes) -> dict[str, int]:
        """Return what every table must hold in the end, of which *before* was there: nothing, if it is not named."""
        here = {"clients": 1, "users": 1, "user_identifiers": 2} if self.moved_in else {}
        lasting = ("clients", "users", "user_identifiers", "signing_keys")
        sizes = {name: before[name] + here.get(name, 0) for name in lasting}
        return _without_zeros({**sizes, "authorizations": len(self.allowed)})


def furnished(storage: object, **settings: object) -> House:
    """Return a house on *storage*, which is empty: the people, clients and keys of `make_server` move in."""
    memory = make_server(access_token_format="opaque", **settings)
    records = (*memory.storage.clients(), *memory.storage.users(), *memory.storage.signing_keys())
    for record in records:
        storage.commit([Replace(evolve(record, version=0))])  # type: ignore[attr-defined]  # of whatever make
    return House(make_server(storage=memory.storage, settings=memory.settings, wrapped=lambda _: storage))


def in_memory(storage: MemoryStorage) -> Sizes:
    """Return the sizes of a storage in memory."""
    found = invariants.contents(storage)
    tables = {kind: shape.table for kind, shape in {**INSERTABLE, **MUTABLE}.items()}
    sizes = Counter(tables[type(record)] for record in found.records)
    sizes["user_identifiers"] = sum(len({one.username, one.email} - {None}) for one in storage.users(limit=10_000))
    marks = {"spent_keys": found.spent, "revocations": found.revoked, "cut_offs": found.cut_off}
    return {**sizes, **{name: len(table) for name, table in {**marks, "counters": found.counters}.items()}}


def everything_is_forgotten(house: House, measure: Measure, visits: Sequence[tuple[str, str, str]]) -> None:
    """Assert that *visits* let tables grow, and that time takes all of it away; *measure* tells the sizes."""
    before = measure()
    house.play([FIRST, *visits, LAST])
    grown = measure()
    house.let_time_pass()

    assert [name for name in OF_A_FLOW if grown[name] <= before.get(name, 0)] == []
    assert _without_zeros(measure()) == house.fixed(before)


def everything_grows(house: House, measure: Measure) -> None:
    """Assert that the actions fill every table that must not grow for ever: the control of the others."""
    before = measure()
    house.play([(action, "alice", "web") for action in ACTIONS])
    grown = measure()

    assert [name for name in ENDS if grown.get(name, 0) <= before.get(name, 0)] == []
    house.let_time_pass()
    assert _without_zeros(measure()) == house.fixed(before)


def _without_zeros(sizes: Sizes) -> dict[str, int]:
    return {name: size for name, size in sizes.items() if size}
