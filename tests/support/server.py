"""A ready server in memory: two people, a client of every kind, signing keys, a clock wound by hand.

`make_server()` gives one; `make_server().browser().sign_in("alice")` signs somebody in.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from attrs import evolve

from authority_core import Authority, HttpRequest, HttpResponse, Settings
from authority_core.kernel.changes import Change, Replace
from authority_core.kernel.encoding import digest
from authority_core.kernel.events import Event
from authority_core.kernel.ports import Origin
from authority_core.kernel.records import AuditRecord, Client, ClientSecret, User
from authority_core.kernel.sync import run
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.moments import START, Clock
from authority_pages import JinjaPages

from . import keys

if TYPE_CHECKING:
    from .browser import Browser
    from .transports import Transport

ISSUER = "http://localhost:4000"
SECRET_KEY = "a master secret of the tests, 32+"
CALLBACK = "https://app.example/cb"
NATIVE_CALLBACK = "http://127.0.0.1/cb"
PASSWORD = "Correct-Horse-1"
API = "https://api.example"
CHEAP = {"argon2_time": 1, "argon2_memory_kib": 8, "argon2_parallelism": 1}
"""argon2 settings for tests: a few microseconds instead of 100 ms."""
SCOPES = frozenset({"openid", "profile", "email", "offline_access", "read", "write"})


def secret_of(client_id: str) -> str:
    """Return the client's secret: 43 characters, as generated ones have."""
    return f"secret-of-{client_id}-".ljust(43, "x")


def make_settings(**changes: object) -> Settings:
    """Return cheap settings: ES256 everywhere, `read` and `write` beside the standard scopes."""
    from authority_core import STANDARD_SCOPES, Scope

    values: dict[str, object] = {
        "issuer": ISSUER,
        "secret_key": SECRET_KEY,
        "jwt_algorithm": "ES256",
        "scopes": (*STANDARD_SCOPES, Scope("read", "Read things"), Scope("write", "Write things")),
        **CHEAP,
        **changes,
    }
    return Settings(**values)  # type: ignore[arg-type]  # tests pass what they like


def make_client(client_id: str, **changes: object) -> Client:
    """Return a confidential web client with `client_secret_basic` and the secret `secret_of(client_id)`."""
    secret = ClientSecret(
        secret_id="1", digest=digest("client_secret", secret_of(client_id)), hint="xxxx", created_at=START
    )
    values: dict[str, object] = {
        "client_id": client_id,
        "name": f"The {client_id}",
        "secrets": (secret,),
        "redirect_uris": (CALLBACK,),
        "grant_types": frozenset({"authorization_code", "refresh_token", "client_credentials"}),
        "scopes": SCOPES,
        "created_at": START,
        **changes,
    }
    return Client(**values)  # type: ignore[arg-type]  # tests pass what they like


def make_clients() -> tuple[Client, ...]:
    """Return one client of every kind: web, other, spa, native, service, poster, api."""
    public = {
        "token_endpoint_auth_method": "none",
        "secrets": (),
        "grant_types": frozenset({"authorization_code", "refresh_token"}),
    }
    return (
        make_client("web", audiences=frozenset({API})),
        make_client("other"),
        make_client("spa", **public),
        make_client("native", redirect_uris=(NATIVE_CALLBACK,), application_type="native", **public),
        make_client(
            "service", grant_types=frozenset({"client_credentials"}), redirect_uris=(), audiences=frozenset({API})
        ),
        make_client("poster", token_endpoint_auth_method="client_secret_post"),
        make_client("api", grant_types=frozenset(), redirect_uris=(), protects=frozenset({API})),
    )


@cache
def _hash_of(password: str) -> str:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


def make_user(user_id: str, username: str, **changes: object) -> User:
    """Return a person with the password `PASSWORD`."""
    values: dict[str, object] = {
        "user_id": user_id,
        "username": username,
        "email": f"{username}@example.com",
        "email_verified": True,
        "password_hash": _hash_of(PASSWORD),
        "claims": {"name": username.title()},
        "created_at": START,
        "updated_at": START,
        **changes,
    }
    return User(**values)  # type: ignore[arg-type]  # tests pass what they like


@cache
def pages() -> JinjaPages:
    """The renderer, shared: its templates are compiled once."""
    return JinjaPages()


@dataclass(eq=False)
class Server:
    """An authority with its storage and clock, and every event it told."""

    authority: Authority
    storage: MemoryStorage
    clock: Clock
    events: list[Event] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return self.authority.settings

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one request, in place."""
        return run(self.authority.handle(request))

    def browser(self, transport: Transport | None = None) -> Browser:
        """Return a fresh browser in front of this server."""
        from .browser import Browser
        from .transports import CoreTransport

        return Browser(transport or CoreTransport(self.authority), self.settings.issuer)

    def write(self, *changes: Change) -> None:
        """Commit *changes*, as an administrator would."""
        self.storage.commit(changes)

    def change_client(self, client_id: str, **changes: object) -> Client:
        """Write the client with *changes*; return it as written."""
        known = self.storage.client(client_id)
        if known is None:
            raise LookupError(client_id)
        self.write(Replace(evolve(known, **changes)))
        return known

    def change_user(self, user_id: str, **changes: object) -> None:
        """Write the user with *changes*."""
        known = self.storage.user(user_id)
        if known is None:
            raise LookupError(user_id)
        self.write(Replace(evolve(known, **changes)))

    def told(self, name: str) -> list[Event]:
        """Return the events called *name*."""
        return [event for event in self.events if event.name == name]

    def audited(self) -> Sequence[AuditRecord]:
        """Return the whole audit trail, newest first."""
        return self.storage.audit(limit=100_000)

    def snapshot(self, *, without: tuple[str, ...] = ("AuditRecord", "Session")) -> object:
        """Return all that is stored besides audit, sessions and counters, to compare before and after."""
        storage = self.storage
        tables = {
            kind.__name__: dict(table)
            for kind, table in storage._records.items()
            if kind.__name__ not in without and table
        }
        return copy.copy((tables, dict(storage._spent), dict(storage._revoked), dict(storage._cut_off)))


def make_server(
    *,
    storage: MemoryStorage | None = None,
    wrapped: Callable[[MemoryStorage], object] | None = None,
    settings: Settings | None = None,
    parts: Mapping[str, object] | None = None,
    **changes: object,
) -> Server:
    """Return a server with the people alice (`u1`) and bob (`u2`), the clients of `make_clients`, and signing keys.

    *changes* are settings. *wrapped* puts a storage of the test's own before the memory. *parts* are further arguments
    of `Authority`.
    """
    settings = settings or make_settings(**changes)
    fresh = storage is None
    storage = storage or MemoryStorage()
    clock, events = Clock(), []  # type: ignore[var-annotated]
    algorithms = dict.fromkeys((settings.jwt_algorithm, settings.access_token_algorithm, "RS256"))
    if fresh:
        records = [*make_clients(), make_user("u1", "alice"), make_user("u2", "bob")]
        storage.commit([Replace(record) for record in records])
        storage.commit([Replace(keys.signing_key(settings, algorithm)) for algorithm in algorithms])

    async def note(event: Event, origin: Origin) -> None:
        events.append(event)

    options: dict[str, object] = {"pages": pages(), "listeners": (note,), "moment": clock, **(parts or {})}
    authority = Authority(settings, wrapped(storage) if wrapped else storage, **options)  # type: ignore[arg-type]
    # Imported once a process instead of once a server: 40 ms of RSA each.
    authority.keys._imported.update({keys.signer(name).kid: keys.signer(name) for name in algorithms})
    return Server(authority, storage, clock, events)
