"""What must happen once happens once, however many ask at the same moment; and nobody is told of it by a 5xx."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from interop.house import BOB, CALLBACK, NEW_PASSWORD, NEWCOMERS, PASSWORD, VERIFIER
from parity.talk import Answer, Said, Talk
from races.arenas import ARENAS, Arena

MANY = 64
ROUNDS = 3


@pytest.fixture(scope="module", params=ARENAS, ids=lambda arena: arena.__name__)
def arena(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """One server for all races of a kind; each race takes a code, a token or a name of its own."""
    build: Callable[[Path], AbstractContextManager[Arena]] = request.param
    with build(tmp_path_factory.mktemp(build.__name__)) as built:
        built.talk.get("/.well-known/jwks.json")
        yield built
        complaints = built.log()

    assert complaints == ""


def statuses(answers: Sequence[Answer]) -> Counter[int]:
    found = Counter(answer.status for answer in answers)

    assert not [answer for answer in answers if answer.status >= 500], found
    return found


def code_for(talk: Talk, client: str = "own") -> str:
    """Return a fresh code; the browser stays signed in from one race to the next."""
    answer = talk.authorize(client_id=client)
    return answer.parameters["code"] if "code" in answer.parameters else talk.approved(client_id=client)


def tokens_for(talk: Talk, client: str = "own") -> dict[str, object]:
    return talk.redeem(code_for(talk, client), client=client).json


def redemption(talk: Talk, code: str, client: str) -> Said:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return talk.posted("/token", form, basic=client)


@pytest.mark.parametrize("client", ["own", "opaque"])
def test_one_code_is_redeemed_once(arena: Arena, client: str) -> None:
    """Of 64 simultaneous redemptions of one code exactly one succeeds, and what it got stays alive."""
    for _ in range(ROUNDS):
        code = code_for(arena.talk, client)
        answers = arena.volley([redemption(arena.talk, code, client)] * MANY)

        assert statuses(answers) == {200: 1, 400: MANY - 1}
        (won,) = (answer.json for answer in answers if answer.status == 200)
        assert arena.talk.introspect(won["access_token"], client)["active"] is True
        arena.talk.refresh(won["refresh_token"], 200, client)


def test_many_codes_are_all_redeemed(arena: Arena) -> None:
    """The control: as many different codes at the same moment are redeemed, every one."""
    codes = [code_for(arena.talk) for _ in range(MANY)]
    answers = arena.volley([redemption(arena.talk, code, "own") for code in codes])

    assert statuses(answers) == {200: MANY}
    assert len({answer.json["refresh_token"] for answer in answers}) == MANY


@pytest.mark.parametrize("client", ["own", "opaque"])
def test_one_refresh_token_has_one_successor(arena: Arena, client: str) -> None:
    """64 simultaneous refreshes of one token all get the same successor, which works; the chain never forks."""
    for _ in range(ROUNDS):
        first = tokens_for(arena.talk, client)
        form = {"grant_type": "refresh_token", "refresh_token": str(first["refresh_token"])}
        answers = arena.volley([arena.talk.posted("/token", form, basic=client)] * MANY)

        assert statuses(answers) == {200: MANY}
        (successor,) = {answer.json["refresh_token"] for answer in answers}
        assert successor != first["refresh_token"]
        arena.talk.refresh(successor, 200, client)


def test_no_token_outlives_a_revocation(arena: Arena) -> None:
    """Refreshes that race with the revocation of their grant leave nothing alive."""
    for _ in range(ROUNDS):
        token = str(tokens_for(arena.talk)["refresh_token"])
        form = {"grant_type": "refresh_token", "refresh_token": token}
        refreshes = [arena.talk.posted("/token", form, basic="own")] * (MANY - 1)
        answers = arena.volley([*refreshes, arena.talk.posted("/token/revoke", {"token": token}, basic="own")])

        assert answers[-1].status == 200
        assert set(statuses(answers)) <= {200, 400}
        born = [answer.json for answer in answers[:-1] if answer.status == 200]
        arena.talk.refresh(token, 400, "own")
        for tokens in born[:1] + born[-1:]:
            assert arena.talk.introspect(tokens["access_token"], "own") == {"active": False}
            arena.talk.refresh(tokens["refresh_token"], 400, "own")


def test_one_consent_form_gives_one_code(arena: Arena) -> None:
    """A decision pressed 16 times at once is taken once."""
    code_for(arena.talk)
    for _ in range(ROUNDS):
        page = arena.talk.follow(arena.talk.authorize(prompt="consent"))
        pressed = arena.talk.posted("/authorize/decision", {**page.hidden, "consent_action": "approve"})
        answers = arena.volley([pressed] * 16)

        assert statuses(answers) == {303: 1, 400: 15}


def test_one_form_sets_one_password(arena: Arena) -> None:
    """Two forms of one ticket with different passwords, eight times each at once: one wins, and its password is set."""
    talk, carol = arena.talk, NEWCOMERS[0]
    talk.jar.clear()
    page = talk.follow(talk.sign_in(talk.get("/signin"), carol))
    chosen = (NEW_PASSWORD, NEW_PASSWORD + "-b")
    forms = [{**page.hidden, "new_password": one, "confirm_new_password": one} for one in chosen] * 8
    answers = arena.volley([talk.posted("/password/change", form) for form in forms])

    assert statuses(answers) == {303: 1, 400: 15}
    (won,) = (at % 2 for at, answer in enumerate(answers) if answer.status == 303)
    talk.jar.clear()
    sign_in = talk.get("/signin")
    talk.sign_in(sign_in, carol, chosen[1 - won], 401)
    talk.sign_in(sign_in, carol, chosen[won], 303)
    talk.jar.clear()


def test_consents_given_at_once_add_up(arena: Arena) -> None:
    """Eight tabs that approve different scopes at the same moment all get their code, and nothing allowed is lost."""
    code_for(arena.talk)
    for _ in range(ROUNDS):
        pages = [arena.talk.follow(arena.talk.authorize(prompt="consent", scope=scope)) for scope in _SCOPES]
        pressed = [
            arena.talk.posted("/authorize/decision", {**page.hidden, "consent_action": "approve"}) for page in pages
        ]

        assert statuses(arena.volley(pressed)) == {303: len(pages)}
    assert "code" in arena.talk.authorize(prompt="none", scope="openid profile email read write").parameters


_SCOPES = ("openid", "openid profile", "openid email", "openid read", "openid write", "read", "write", "email")


def test_one_interaction_ends_once(arena: Arena) -> None:
    """Coming back from sign-in 16 times at once gives one code."""
    code_for(arena.talk)
    talk = arena.talk
    page = talk.follow(talk.authorize(client_id="own", prompt="login"))
    onward = talk.sign_in(page).header("location")[len(talk.issuer) :]
    answers = arena.volley([talk.said("GET", onward)] * 16)

    assert statuses(answers) == {302: 1, 400: 15}


def test_wrong_passwords_are_counted_exactly(arena: Arena) -> None:
    """Of 64 simultaneous guesses exactly five are judged; after that the right password does not help either."""
    for name in ("nobody-1", "nobody-2", "nobody-3"):
        answers = arena.volley(_guesses(arena.talk, name, "wrong", MANY))

        assert statuses(answers) == {401: 5, 423: MANY - 5}
    answers = arena.volley(_guesses(arena.talk, BOB, "wrong", MANY))

    assert statuses(answers) == {401: 5, 423: MANY - 5}
    (page,) = _guesses(arena.talk, BOB, PASSWORD, 1)
    assert arena.volley([page])[0].status == 423
    if arena.wind is not None:
        arena.wind(30 * 60)
        (page,) = _guesses(arena.talk, BOB, PASSWORD, 1)
        assert arena.volley([page])[0].status == 303


def test_one_person_signs_in_in_many_places(arena: Arena) -> None:
    """As many simultaneous sign-ins with the right password as may be judged at once all succeed."""
    for _ in range(ROUNDS):
        answers = arena.volley(_guesses(arena.talk, "alice", PASSWORD, 5))

        assert statuses(answers) == {303: 5}


def _guesses(talk: Talk, name: str, password: str, how_many: int) -> list[Said]:
    kept = dict(talk.jar)
    talk.jar.clear()
    page = talk.get("/signin")
    guess = talk.posted("/signin", {**page.hidden, "username": name, "password": password})
    talk.jar.clear()
    talk.jar.update(kept)
    return [guess] * how_many
