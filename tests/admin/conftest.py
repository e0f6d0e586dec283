"""An authority on memory storage, with a clock wound by hand and passwords that hash fast."""

from __future__ import annotations

import pytest
from attrs import frozen

from authority_core import Authority, Settings
from authority_core.admin.clients import Clients
from authority_core.admin.users import Users
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.moments import Clock


@frozen(eq=False)
class Desk:
    """What an administrator has before them."""

    authority: Authority
    storage: MemoryStorage
    clock: Clock
    clients: Clients
    users: Users


def desk_with(**settings: object) -> Desk:
    storage, clock = MemoryStorage(), Clock()
    chosen = Settings(
        issuer="http://localhost:4000",
        secret_key="k" * 32,
        argon2_time=1,
        argon2_memory_kib=8,
        argon2_parallelism=1,
        **settings,
    )
    authority = Authority(chosen, storage, moment=clock)
    grants = frozenset(authority.oauth.grants)
    return Desk(
        authority, storage, clock, Clients(authority.shell, grants), Users(authority.shell, authority.passwords)
    )


@pytest.fixture
def desk() -> Desk:
    return desk_with()
