"""Thousands of contested codes and refresh tokens between server processes: one outcome table, every time.

Each code or token is sent to all processes at the same moment, by one client each. `docs/explanation/races.md` shows
the same table to users.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import define, field, frozen

from authority_core.kernel.records import Grant
from authority_core.testing.invariants import Contents, check
from authority_sql import contents
from support.crowd import Client, Reply, codes, redemption, refreshing, settle, workers
from support.postgres import private

PATIENCE = 60
FLIGHTS = 2
"""Contests under way at the same time."""
LENIENT, STRICT = 3, 1
"""The parts of all contests that are played with a reuse interval, and without."""
Form = dict[str, str]


@frozen
class Arena:
    """A *database*, the *adapter* of the servers on it, and how many *processes* share it."""

    database: str
    adapter: str
    processes: int

    def __str__(self) -> str:
        return f"{self.database}-{self.adapter}-{self.processes}"


CROWDS = (("starlette", 2), ("starlette", 4), ("gunicorn", 3))
"""Gunicorn serves the Flask adapter."""
ARENAS = [Arena(database, *crowd) for database in ("sqlite", "postgresql") for crowd in CROWDS]


@pytest.fixture(scope="module", params=ARENAS, ids=str)
def arena(request: pytest.FixtureRequest) -> Arena:
    return request.param


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, contests: int) -> Iterator[Counter[str]]:
    """Count the contests on each database; in the end, where no test was left out, they are as many as promised."""
    tally = Counter[str]()
    yield tally
    chosen = Counter(str(item.callspec.params["arena"].database) for item in request.session.items)
    print(f"contested: {dict(tally)}")
    for database, tests in chosen.items():
        assert tests < len(CROWDS) * 2 or tally[database] >= contests


def share(contests: int, part: int) -> int:
    """Return how many codes, and as many tokens, one arena contests with *part* of all its contests."""
    return math.ceil(contests * part / (2 * len(CROWDS) * (LENIENT + STRICT)))


@define
class Fight:
    """The *ports* of the processes, a *stock* of codes, and what is *left* in the end."""

    ports: list[int]
    stock: list[str]
    left: Contents = field(factory=lambda: Contents(records=()))


@contextmanager
def fought(arena: Arena, folder: Path, many: int, **settings: object) -> Iterator[Fight]:
    """Yield the fight; look at everything that is stored afterwards."""
    url = f"sqlite:///{folder / 'authority.db'}" if arena.database == "sqlite" else private().database()
    with workers(folder, arena.adapter, arena.processes, each=True, **settings) as servers:
        settle(url, servers.issuer)
        stock = codes(url, servers.issuer, many)
        servers.start(url)
        fight = Fight(servers.ports, stock)
        yield fight

        assert servers.log() == ""
    fight.left = contents(url)
    check(fight.left, audited=True)


def contested(ports: Sequence[int], forms: Sequence[Form]) -> list[list[Reply]]:
    """Send each of *forms* to every port at the same moment; return the replies, by form."""
    replies: list[list[Reply]] = [[] for _ in forms]

    def contender(port: int, share: range, barrier: threading.Barrier) -> None:
        client = Client(port)
        for at in share:
            barrier.wait()
            reply = client.post(forms[at])
            replies[at].append(reply)
        client.close()

    with ThreadPoolExecutor(len(ports) * FLIGHTS) as pool:
        running = []
        for flight in range(FLIGHTS):
            barrier = threading.Barrier(len(ports), timeout=PATIENCE)
            share = range(flight, len(forms), FLIGHTS)
            running += [pool.submit(contender, port, share, barrier) for port in ports]
        for one in running:
            one.result()
    return replies


def outcomes(replies: Sequence[Sequence[Reply]]) -> Counter[tuple[tuple[int, int], ...]]:
    """Return how often each outcome of a contest occurred: how many of each status."""
    return Counter(tuple(sorted(Counter(reply.status for reply in one).items())) for one in replies)


def successors(replies: Sequence[Reply]) -> set[object]:
    return {reply.body["refresh_token"] for reply in replies if reply.status == 200}


def dead(found: Contents) -> int:
    return sum(("grant", grant.grant_id) in found.revoked for grant in found.all(Grant))


def test_one_winner_for_each_code_and_one_successor_for_each_token(
    arena: Arena, contests: int, played: Counter[str], tmp_path: Path
) -> None:
    """Codes: one 200, the others 400, nothing revoked. Refresh tokens: all 200, with one and the same successor."""
    each, processes = share(contests, LENIENT), arena.processes
    with fought(arena, tmp_path, each) as fight:
        first = contested(fight.ports, [redemption(code) for code in fight.stock])

        assert outcomes(first) == {((200, 1), (400, processes - 1)): each}
        tokens = [token for replies in first for token in successors(replies)]
        second = contested(fight.ports, [refreshing(token) for token in tokens])

        assert outcomes(second) == {((200, processes),): each}
        assert {len(successors(replies)) for replies in second} == {1}
        assert len({token for replies in second for token in successors(replies)}) == each
        played[arena.database] += len(first) + len(second)
    assert dead(fight.left) == 0


def test_without_a_reuse_interval_a_contested_token_ends_its_grant(
    arena: Arena, contests: int, played: Counter[str], tmp_path: Path
) -> None:
    """Strict rotation: one 200, the others 400, and the grant is revoked, for somebody may have stolen the token."""
    each, processes = share(contests, STRICT), arena.processes
    with fought(arena, tmp_path, each, refresh_token_reuse_interval=0) as fight:
        first = contested(fight.ports, [redemption(code) for code in fight.stock])
        tokens = [token for replies in first for token in successors(replies)]
        second = contested(fight.ports, [refreshing(token) for token in tokens])

        assert outcomes(first) == outcomes(second) == {((200, 1), (400, processes - 1)): each}
        played[arena.database] += len(first) + len(second)
    assert dead(fight.left) == each

