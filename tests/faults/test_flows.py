"""Storage may fail, or the process die, at any call of any flow: nothing is half done, and a retry gets one answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from authority_core.kernel.changes import StorageUnavailable
from authority_core.testing.faults import Fail, Kill, Killed, Meanwhile, When
from authority_core.testing.invariants import check, contents, differences
from authority_core.testing.memory import MemoryStorage
from faults.flows import FLOWS, UNAVAILABLE, Flow, code_redemption
from faults.house import STORAGES, impatient, memory, memory_async, sqlite, sqlite_async
from faults.playing import FAULTS, Build, Undisturbed, give_up, one_grant_a_code, play, undisturbed
from support.relying_party import json_of

FORMATS = ("jwt", "opaque")


def meet(flow: Flow, control: Undisturbed, at: int, when: When) -> tuple[str, str]:
    """Hold *flow* at the call number *at* while its very request is sent once more; return both answers."""
    with memory() as house:
        request = flow.prepare(house)
        house.forget_keys()
        between: list[str] = []
        house.faulty.arm(Meanwhile(lambda: between.append(request())), at=at, when=when)
        held = request()
        where = f"{flow.name}: held {when} call {at} ({house.faulty.struck})"

        assert house.faulty.struck == control.calls[at - 1], where
        check(house.contents(), audited=True)
        one_grant_a_code(house.contents())
        house.faulty.disarm()
        assert flow.prepare(house)() == flow.answer, where
        return held, between[0]


def cases(*storages: Build) -> list[object]:
    return [pytest.param(build, flow, id=f"{flow.name}-{build.__name__}") for build in storages for flow in FLOWS]


@pytest.mark.parametrize("token_format", FORMATS)
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_no_fault_at_any_call_leaves_anything_half_done(flow: Flow, token_format: str) -> None:
    """An error or death before or after every storage call: 503 or dead, all or nothing, one answer to a retry."""
    control = undisturbed(flow, memory, token_format)
    for at in range(1, len(control.calls) + 1):
        for fault, when in FAULTS:
            play(flow, memory, token_format, control, at, fault, when)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_a_request_that_is_held_up_meets_its_twin(flow: Flow) -> None:
    """Held at any storage call while the same request goes through: one is answered, the other as a retry or alike."""
    control = undisturbed(flow, memory, "jwt")
    for at in range(1, len(control.calls) + 1):
        for when in ("before", "after"):
            answers = meet(flow, control, at, when)

            assert flow.answer in answers, (at, when)
            assert set(answers) <= {flow.answer, flow.again}, (at, when, answers)
            assert answers.count(flow.answer) == 1 or flow.answer == flow.again, (at, when, answers)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_a_request_given_up_while_storage_is_slow_leaves_nothing_half_done(flow: Flow) -> None:
    """Cancelled in a slow call: as if the call had never been, and nothing stays locked for those who come after."""
    control = undisturbed(flow, impatient, "jwt")
    with impatient(access_token_format="jwt") as house:
        for at in range(1, len(control.calls) + 1):
            give_up(house, flow, control, at)


@pytest.mark.parametrize("build", STORAGES, ids=lambda build: build.__name__)
def test_a_cleanup_that_fails_forgets_nothing_that_is_needed(build: Build) -> None:
    """An error or death before or after it: what is left is sound, and another run finishes."""
    for fault, when in FAULTS:
        with build() as house:
            token = house.party().tokens()["refresh_token"]
            house.server.clock.wind(seconds=timedelta(days=1).total_seconds())
            before = house.contents()
            house.faulty.arm(fault, at=1, when=when)
            with pytest.raises((StorageUnavailable, Killed)):
                house.finish(house.authority.cleanup())
            house.faulty.disarm()
            happened = differences(before, house.contents()) != {}

            assert happened == (when == "after")
            check(house.contents(), now=house.server.clock.now)
            assert (house.finish(house.authority.cleanup()) > 0) != happened
            assert house.party().refresh(token).status == 200
            check(house.contents(), now=house.server.clock.now)


@pytest.mark.parametrize(("build", "flow"), cases(memory_async, sqlite, sqlite_async))
def test_deaths_and_lost_answers_in_either_colour(build: Build, flow: Flow) -> None:
    """Death before every call of every flow, and a lost answer after it, in both colours and on SQLite."""
    control = undisturbed(flow, build, "opaque")
    for at in range(1, len(control.calls) + 1):
        play(flow, build, "opaque", control, at, Kill(), "before")
        play(flow, build, "opaque", control, at, Fail(), "after")


@pytest.mark.parametrize("build", STORAGES, ids=lambda build: build.__name__)
def test_a_refresh_whose_answer_was_lost_goes_on(build: Build) -> None:
    """The client repeats the refresh and gets the successor that was stored; the chain never forks."""
    with build() as house:
        party = house.party()
        token = party.tokens()["refresh_token"]
        house.faulty.disarm()
        party.refresh(token)
        at = len(house.faulty.calls)
        token = party.tokens()["refresh_token"]
        house.faulty.arm(Fail(), at=at, when="after")

        assert party.refresh(token).status == 503
        successor = json_of(party.refresh(token))["refresh_token"]
        assert json_of(party.refresh(token))["refresh_token"] == successor
        assert json_of(party.refresh(successor))["refresh_token"] != successor
        check(house.contents(), audited=True)


@pytest.mark.parametrize("build", STORAGES, ids=lambda build: build.__name__)
def test_the_tokens_of_a_lost_answer_were_nobodys(build: Build) -> None:
    """A code whose redemption was committed and not acknowledged gives nothing more, however often it is tried."""
    with build() as house:
        request = code_redemption(house)
        house.forget_keys()
        house.faulty.disarm()
        request()
        at = len(house.faulty.calls)
        request = code_redemption(house)
        house.forget_keys()
        before = house.contents()
        house.faulty.arm(Fail(), at=at, when="after")

        assert request() == UNAVAILABLE
        assert {request() for _ in range(5)} == {"invalid_grant"}
        stored = differences(before, house.contents())
        assert (stored["Grant"], stored["RefreshToken"], stored.get("revoked")) == (1, 1, None)
        check(house.contents(), audited=True)


def test_keys_are_made_once_whatever_fails() -> None:
    """The first start of a server may fail or die at any call; the next one ends with one active key an algorithm."""
    from authority_core import Authority
    from authority_core.kernel.changes import StorageUnavailable
    from authority_core.kernel.sync import run
    from authority_core.testing.faults import Faulty
    from support.server import make_settings

    for fault, when in FAULTS:
        for at in range(1, 5):
            storage = MemoryStorage()
            faulty = Faulty(storage)
            faulty.arm(fault, at=at, when=when)
            with pytest.raises((StorageUnavailable, Killed)):
                run(Authority(make_settings(jwt_algorithm="EdDSA"), faulty).start())
            faulty.disarm()
            check(contents(storage))
            run(Authority(make_settings(jwt_algorithm="EdDSA"), faulty).start())

            assert sorted(key.alg for key in storage.signing_keys()) == ["ES256", "EdDSA", "RS256"]
            check(contents(storage))
