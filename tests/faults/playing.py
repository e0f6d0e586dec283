"""Playing a flow while storage fails at one of its calls, and looking at what is left, and at the retry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from attrs import frozen

from authority_core.kernel.records import AuthorizationCode
from authority_core.testing.faults import Delay, Fail, Fault, Kill, Killed, When
from authority_core.testing.invariants import Contents, check, differences
from faults.flows import UNAVAILABLE, Flow, Request
from faults.house import House
from support.waiting import PATIENCE

KILLED = "killed"
FAULTS: tuple[tuple[Fault, When], ...] = ((Fail(), "before"), (Fail(), "after"), (Kill(), "before"), (Kill(), "after"))
Build = Callable[..., AbstractContextManager[House]]


@frozen
class Undisturbed:
    """What a flow does when nothing fails: the storage calls, and what is stored afterwards."""

    calls: list[str]
    stored: dict[str, int]


def undisturbed(flow: Flow, build: Build, token_format: str) -> Undisturbed:
    """Play *flow* without a fault, twice: the control of everything below."""
    with build(access_token_format=token_format) as house:
        request = flow.prepare(house)
        house.forget_keys()
        before = house.contents()
        house.faulty.disarm()

        assert request() == flow.answer
        calls = list(house.faulty.calls)
        after = house.contents()
        assert calls.count("commit") == flow.commits
        check(after, audited=True)
        assert request() == flow.again
        return Undisturbed(calls, differences(before, after))


def struck(request: Request) -> str:
    """Return the word of the answer, or that the process died."""
    try:
        return request()
    except Killed:
        return KILLED


def play(flow: Flow, build: Build, token_format: str, control: Undisturbed, at: int, fault: Fault, when: When) -> None:
    """Let *fault* strike the call number *at* of *flow* in a house of its own; see `strike`."""
    with build(access_token_format=token_format) as house:
        strike(house, flow, control, at, fault, when)
        look(house)


def strike(house: House, flow: Flow, control: Undisturbed, at: int, fault: Fault, when: When) -> None:
    """Let *fault* strike the call number *at* of *flow*, and look at what is left, and at the retry."""
    request = flow.prepare(house)
    house.forget_keys()
    before = house.contents()
    house.faulty.arm(fault, at=at, when=when)
    answer = struck(request)
    struck_at, done = house.faulty.struck, house.faulty.calls[:at].count("commit")
    house.faulty.disarm()
    after = house.contents()
    where = f"{flow.name}: {fault} {when} call {at} ({struck_at})"

    assert answer == (KILLED if isinstance(fault, Kill) else UNAVAILABLE), where
    assert struck_at == control.calls[at - 1], where
    # Nothing is half done: each commit happened as a whole or not at all.
    done -= struck_at == "commit" and when == "before"
    told = isinstance(fault, Fail) and not (struck_at == "commit" and when == "after")
    between = {} if flow.gives_back and told else flow.between
    stored = {} if done == 0 else control.stored if done == flow.commits else between
    assert differences(before, after) == stored, where
    check(after, audited=True)
    # The very same request again gets one defined answer, and so does the whole flow from its beginning.
    assert request() == (flow.again if done and done == flow.commits else flow.answer), where
    assert flow.prepare(house)() == flow.answer, where


def give_up(house: House, flow: Flow, control: Undisturbed, at: int) -> None:
    """Cancel *flow* while its call number *at* is slow, as a server may whose client went away; look as `strike` does.

    The call never happens, and nobody catches what is raised.
    """
    request = flow.prepare(house)
    house.forget_keys()
    before = house.contents()
    house.faulty.arm(Delay(PATIENCE), at=at)
    where = f"{flow.name}: given up in call {at} ({control.calls[at - 1]})"
    with pytest.raises(asyncio.CancelledError):
        request()
    struck_at, done = house.faulty.struck, house.faulty.calls[: at - 1].count("commit")
    house.faulty.disarm()

    assert struck_at == control.calls[at - 1], where
    stored = {} if done == 0 else control.stored if done == flow.commits else flow.between
    assert differences(before, house.contents()) == stored, where
    assert request() == (flow.again if done and done == flow.commits else flow.answer), where
    assert flow.prepare(house)() == flow.answer, where
    look(house)


def look(house: House) -> None:
    """Look at everything that is stored in the end."""
    found = house.contents()
    check(found, audited=True)
    one_grant_a_code(found)


def one_grant_a_code(found: Contents) -> None:
    codes = [code.grant.grant_id for code in found.all(AuthorizationCode)]

    assert len(set(codes)) == len(codes)


def strike_all(build: Build, flow: Flow, *, reads: bool) -> None:
    """Strike *flow*, in one house, wherever a storage with a driver of its own notices.

    Commits are struck in every way, and *reads* when they have happened, for before that the storage hears of nothing.
    """
    control = undisturbed(flow, build, "opaque")
    with build(access_token_format="opaque") as house:
        for at, call in enumerate(control.calls, 1):
            for fault, when in FAULTS if call == "commit" else [(Kill(), "after")] if reads else []:
                strike(house, flow, control, at, fault, when)
        look(house)
