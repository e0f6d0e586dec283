"""Faults between the two parts of a split storage: it is not one transaction there, and fails closed.

Every call of either part is struck, also those that a split storage makes of Redis alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from attrs import evolve

from authority_core.testing.faults import Faulty, Kill
from authority_core.testing.invariants import contents as contents_of_memory
from authority_core.testing.memory import MemoryStorage
from authority_redis import RedisStorage, SplitStorage
from authority_redis.dividing import KINDS
from faults.flows import FLOWS, UNAVAILABLE, Flow
from faults.house import House, furnished
from faults.playing import FAULTS, KILLED, look, struck
from support.redis_contents import both, contents
from support.redis_servers import emptied

MEETING_BOTH = [flow for flow in FLOWS if flow.name != "secret_rotation"]
"""Secrets at rest are all in the durable part, where `tests/faults` rotates them."""


class _Redis(Faulty):
    """Redis with faults, also in what is asked of it while the durable part decides."""

    def __init__(self, storage: RedisStorage, beside: Faulty) -> None:
        super().__init__(storage, beside=beside)
        self.operations: Any = self
        self.prepare = self._awaited("prepare", storage.operations.prepare)
        self.give_back = self._awaited("give_back", storage.operations.give_back)


@contextmanager
def parted(kinds: frozenset[str]) -> Iterator[House]:
    """A house whose storage has *kinds* in Redis; either part may fail."""
    server, memory = emptied(), MemoryStorage()
    durable = Faulty(memory)
    with closing(RedisStorage.from_url(server.url)) as redis:
        storage: Any = SplitStorage(durable, _Redis(redis, durable), kinds=kinds)  # type: ignore[arg-type]
        house = furnished(
            storage,
            storage.commit,
            lambda: both(contents_of_memory(memory), contents(server)),
            access_token_format="opaque",
        )
        yield evolve(house, faulty=durable)


@pytest.mark.parametrize("flow", MEETING_BOTH, ids=lambda flow: flow.name)
@pytest.mark.parametrize("kinds", [frozenset({"codes", "interactions", "sessions"}), KINDS], ids=["chosen", "all"])
def test_a_fault_in_either_part_fails_closed(kinds: frozenset[str], flow: Flow) -> None:
    """The answer is 503, whatever is stored breaks no rule, and the same request again has one of its two answers."""
    with parted(kinds) as house:
        calls = _calls(house, flow)
        for at, call in enumerate(calls, 1):
            for fault, when in FAULTS if call in ("commit", "prepare", "give_back") else [(Kill(), "after")]:
                request = flow.prepare(house)
                house.forget_keys()
                house.faulty.arm(fault, at=at, when=when)
                answer = struck(request)
                met = house.faulty.struck
                house.faulty.disarm()
                where = f"{flow.name}: {fault} {when} call {at} of {calls}"

                assert met == call, where
                assert answer == (KILLED if isinstance(fault, Kill) else UNAVAILABLE), where
                look(house)
                assert request() in (flow.answer, flow.again), where
                assert flow.prepare(house)() == flow.answer, where
        look(house)


def _calls(house: House, flow: Flow) -> list[str]:
    """Play *flow* without a fault: the control. Return the calls of both parts, in their order."""
    request = flow.prepare(house)
    house.forget_keys()
    house.faulty.disarm()

    assert request() == flow.answer
    calls = list(house.faulty.calls)
    assert request() == flow.again
    return calls


def test_the_parts_are_struck_apart() -> None:
    """The control: a sign-in asks Redis whether it may, then lets the durable part decide, then opens the session."""
    (sign_in,) = (flow for flow in FLOWS if flow.name == "sign_in")
    with parted(KINDS) as house:
        assert _calls(house, sign_in)[-3:] == ["prepare", "commit", "commit"]
