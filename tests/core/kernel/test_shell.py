"""The shell: seal before commit, look again on conflict, tell after."""

from __future__ import annotations

import pytest

from authority_core import HttpRequest
from authority_core.kernel.changes import Conflict, CutOff, Decision, Put, Replace, Revoke, Spend, in_order
from authority_core.kernel.events import TokenIssued
from authority_core.kernel.ports import Origin
from authority_core.kernel.shell import origin_of
from authority_core.kernel.sync import run
from authority_core.testing.contract.samples import an_audit_record
from authority_core.testing.memory import MemoryStorage
from authority_core.testing.moments import START
from support.relying_party import RelyingParty
from support.server import make_client, make_server


class Conflicting:
    """Memory whose first *times* commits conflict."""

    def __init__(self, inner: MemoryStorage, times: int) -> None:
        self.inner, self.left, self.commits = inner, times, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def commit(self, changes: object) -> None:
        self.commits += 1
        if self.left > 0:
            self.left -= 1
            raise Conflict
        self.inner.commit(changes)  # type: ignore[arg-type]  # passed through


def conflicting(times: int, **changes: object):
    kept: list[Conflicting] = []

    def wrap(inner: MemoryStorage) -> Conflicting:
        kept.append(Conflicting(inner, times))
        return kept[0]

    return make_server(wrapped=wrap, access_token_format="opaque", **changes), kept


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_conflict_means_look_again(times):
    """Twice somebody else was first; the third attempt is answered as if nothing had happened."""
    server, kept = conflicting(times)

    response = RelyingParty(server, "service").credentials(scope="read")

    assert response.status == 200
    assert kept[0].commits == times + 1
    assert len(server.told("token.issued")) == 1


def test_three_conflicts_are_a_503():
    """With `Retry-After`, nothing written, nothing told."""
    server, kept = conflicting(3)

    response = RelyingParty(server, "service").credentials(scope="read")

    assert response.status == 503
    assert response.header("retry-after") == "5"
    assert kept[0].commits == 3
    assert server.events == []
    assert server.audited() == []


def test_a_report_survives_a_conflict():
    """An event that comes with no change is recorded all the same."""
    server, _ = conflicting(1)

    response = RelyingParty(server, "service").transport.send(
        "POST", "/token", (("content-type", "application/x-www-form-urlencoded"),), b"grant_type=x&client_id=nobody"
    )

    assert response.status == 401
    assert [record.event for record in server.audited()] == ["client.auth_failed"]


@pytest.mark.parametrize(
    ("level", "recorded"),
    [("all", {"token.issued", "token.refused"}), ("important", {"token.refused"}), ("errors", {"token.refused"})],
)
def test_audit_levels(level, recorded):
    """What is recorded follows the level; listeners hear everything."""
    server = make_server(audit_log_level=level)
    party = RelyingParty(server, "service")
    party.credentials(scope="read")
    party.credentials(scope="nothing")

    assert {record.event for record in server.audited()} == recorded
    assert {event.name for event in server.events} == {"token.issued", "token.refused"}


def test_a_listener_that_fails_is_logged(caplog):
    """And changes nothing: the answer goes out, the others hear."""
    heard = []

    async def fails(event, origin):
        raise RuntimeError("deaf")

    async def hears(event, origin):
        heard.append((event.name, origin.user_agent))

    server = make_server(parts={"listeners": (fails, hears)})

    response = RelyingParty(server, "service").post(
        "/token", {"grant_type": "client_credentials", "scope": "read"}, {"user-agent": "tests"}
    )

    assert response.status == 200
    assert heard == [("token.issued", "tests")]
    assert "a listener failed on token.issued" in caplog.text


def test_a_failing_signer_burns_nothing():
    """Sealing comes before writing: the code is still good when the signer is back."""

    class Signer:
        works = False

        async def sign(self, algorithm, typ, claims):
            if not self.works:
                raise RuntimeError("the HSM is away")
            return "header.claims.signature"

    signer = Signer()
    server = make_server(parts={"signer": signer})
    party = RelyingParty(server)
    code = party.code()

    assert party.redeem(code).status == 500
    signer.works = True
    assert party.redeem(code).status == 200


class Hostile(str):  # noqa: SLOT000 - a hostile one has what it likes
    """A text that shows another one where it is written into others."""

    def __format__(self, spec):
        return 'a.b.c","scope":"admin'


SIGNED = "header.claims.signature"


@pytest.mark.parametrize("answer", [SIGNED, None, b"a.b.c", 'a.b.c","scope":"admin', "a.b.c\n", Hostile("a.b.c")])
def test_a_signer_that_need_not_wait(answer):
    """A plain function signs as well; whatever is no compact JWS is a failure, and burns no code."""

    class Signer:
        def sign(self, algorithm, typ, claims):
            return answer

    party = RelyingParty(make_server(parts={"signer": Signer()}))
    code = party.code()
    response = party.redeem(code)

    assert response.status == (200 if answer == SIGNED else 500)
    assert b"admin" not in response.body


def test_origin_is_cut_to_size():
    """A long user agent is kept in part, an absent one not at all."""
    long = HttpRequest(
        method="GET", path="/", headers={"user-agent": "x" * 1000}, client_address="1.2.3.4", request_id="r"
    )

    assert origin_of(long) == Origin(ip_address="1.2.3.4", user_agent="x" * 512, request_id="r")
    assert origin_of(HttpRequest(method="GET", path="/", headers={})).user_agent is None


def test_changes_are_put_in_the_order_that_fails_closed():
    """Spending and revoking first, new records last."""
    changes = [
        Put(an_audit_record()),
        Replace(make_client("a")),
        CutOff("s", None, START, START),
        Revoke("grant", "g", START, START),
        Spend(b"k", START, START),  # type: ignore[arg-type]  # a key of the test's own
    ]

    assert [type(change).__name__ for change in in_order(changes)] == ["Spend", "CutOff", "Revoke", "Replace", "Put"]


def test_decisions_without_changes_write_nothing():
    """A listener may hear of what leaves no trace."""
    server = make_server(audit_log_level="errors")

    async def nothing(moment):
        return Decision("answer", (), (TokenIssued(grant_type="x", scope="", token_id="t"),))

    assert run(server.authority.shell.act(Origin(), nothing)) == "answer"
    assert server.audited() == []
    assert len(server.events) == 1
