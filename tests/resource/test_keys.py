"""How the issuer's metadata and keys are kept, renewed, and not asked for too often."""

from __future__ import annotations

import threading

import anyio
import pytest

from authority_core import HttpResponse
from authority_core.kernel.jose import generate_private_jwk
from authority_core.kernel.sync import run
from authority_core.resource import CannotVerify, TokenInvalid, TokenVerifier

ISSUER = "http://localhost:4000"
AUDIENCE = "https://api.example.com"
KEYS = "/.well-known/jwks.json"
METADATA = "/.well-known/openid-configuration"


def test_keys_are_asked_for_once(world):
    """A thousand tokens cost one look at metadata and one at keys."""
    verifier = world.verifier()
    for _ in range(20):
        verifier.verify_sync(world.signed())

    assert dict(world.wire.asked) == {METADATA: 1, KEYS: 1}


def test_how_long_they_are_kept(world):
    """Keys are looked at again after 600 s, metadata after 3600 s."""
    verifier = world.verifier()
    verifier.verify_sync(world.signed())
    world.clock.wind(seconds=599)
    verifier.verify_sync(world.signed())
    assert world.wire.asked[KEYS] == 1
    world.clock.wind(seconds=1)
    verifier.verify_sync(world.signed())
    assert (world.wire.asked[KEYS], world.wire.asked[METADATA]) == (2, 1)
    world.clock.wind(seconds=3000)
    verifier.verify_sync(world.signed())

    assert (world.wire.asked[KEYS], world.wire.asked[METADATA]) == (3, 2)


def test_a_clock_set_back_does_not_keep_keys_forever(world):
    """Keys from the future are asked for again."""
    verifier = world.verifier()
    verifier.verify_sync(world.signed())
    world.clock.wind(days=-1)
    verifier.verify_sync(world.signed())

    assert world.wire.asked[KEYS] == 2


def test_an_unknown_key_is_asked_for_exactly_once(world):
    """A token of an unknown key causes one look, finds nothing, and is refused."""
    verifier = world.verifier()
    verifier.verify_sync(world.token())
    with pytest.raises(TokenInvalid):
        verifier.verify_sync(world.foreign())

    assert world.wire.asked[KEYS] == 2
    assert verifier.verify_sync(world.token())


def test_rotation_is_seen_at_once(world):
    """A new key's first token passes; the old key's tokens go on passing."""
    verifier, old = world.verifier(), world.token()
    verifier.verify_sync(old)
    run(world.authority.keys.rotate("ES256", at_once=True))
    new = world.token()

    assert verifier.verify_sync(new)
    assert verifier.verify_sync(old)
    assert world.wire.asked[KEYS] == 2


def test_a_compromised_key_dies_with_the_next_look(world):
    """Keys that are gone from the set are forgotten, not gathered."""
    verifier, token = world.verifier(), world.token()
    assert verifier.verify_sync(token)
    run(world.authority.keys.compromise(str(world.header()["kid"])))
    world.clock.wind(seconds=600)

    with pytest.raises(TokenInvalid):
        verifier.verify_sync(token)
    assert verifier.verify_sync(world.token())


def test_a_flood_of_unknown_keys(world):
    """Any number of made-up key ids causes ten looks a minute, and good tokens pass meanwhile."""
    verifier, good = world.verifier(), world.token()
    for number in range(200):
        with pytest.raises(TokenInvalid):
            verifier.verify_sync(world.foreign(kid=f"made up {number}"))
        world.clock.wind(seconds=0.2)
        assert number % 50 or verifier.verify_sync(good)

    assert world.wire.asked[KEYS] == 10
    world.clock.wind(seconds=60)
    with pytest.raises(TokenInvalid):
        verifier.verify_sync(world.foreign(kid="another"))
    assert world.wire.asked[KEYS] == 11


def test_an_outage_is_survived_for_an_hour(world):
    """While the issuer cannot be reached, known keys serve one hour; then nothing passes, and nothing is guessed."""
    verifier = world.verifier()
    verifier.verify_sync(world.signed())
    world.wire.cut = True
    world.clock.wind(seconds=3599)
    assert verifier.verify_sync(world.signed())
    world.clock.wind(seconds=1)
    with pytest.raises(CannotVerify):
        verifier.verify_sync(world.signed())
    world.wire.cut = False
    world.clock.wind(seconds=5)

    assert verifier.verify_sync(world.signed())


def test_a_failure_is_not_repeated_by_everybody(world):
    """After a failed look, the next is five seconds later."""
    verifier = world.verifier()
    world.wire.cut = True
    for _ in range(20):
        with pytest.raises(CannotVerify):
            verifier.verify_sync(world.signed())
    assert sum(world.wire.asked.values()) == 1
    world.wire.cut = False
    world.clock.wind(seconds=5)

    assert verifier.verify_sync(world.signed())


@pytest.mark.parametrize("issuer", [ISSUER + "/", "http://localhost:4001", "", None, [ISSUER]])
def test_metadata_of_another_issuer(world, issuer):
    """Metadata must name exactly the issuer it was asked of."""
    document = {"issuer": issuer, "jwks_uri": ISSUER + KEYS}
    world.wire.replace(METADATA, document)

    with pytest.raises(CannotVerify):
        world.verifier().verify_sync(world.signed())
    world.wire.replace(METADATA, document | {"issuer": ISSUER})
    assert world.verifier().verify_sync(world.signed())


@pytest.mark.parametrize(
    "address",
    [
        "http://keys.example.com/jwks",
        "file:///etc/passwd",
        "http://user@localhost:4000" + KEYS,
        "http://localhost.example.com" + KEYS,
        "data:application/json,{}",
        "http://[::1" + KEYS,
        "http://localhost:port/",
        "",
        7,
    ],
)
def test_where_keys_are_never_fetched(world, address):
    """Plain http beyond this machine, other schemes, credentials in the address: not asked."""
    world.wire.replace(METADATA, {"issuer": ISSUER, "jwks_uri": address})

    with pytest.raises(CannotVerify):
        world.verifier().verify_sync(world.signed())
    assert set(world.wire.asked) == {METADATA}


def test_an_https_issuer_with_keys_on_plain_http(world):
    """Loopback http is refused to an https issuer unless it is allowed in so many words."""
    issuer = "https://id.example.com"
    world.wire.replace(METADATA, {"issuer": issuer, "jwks_uri": ISSUER + KEYS})
    options = {"fetch": world.wire, "moment": world.clock}
    token = world.signed(iss=issuer)

    with pytest.raises(CannotVerify):
        TokenVerifier(issuer, AUDIENCE, **options).verify_sync(token)
    assert TokenVerifier(issuer, AUDIENCE, allow_loopback_http=True, **options).verify_sync(token)


@pytest.mark.parametrize(
    "answer",
    [
        HttpResponse(302, (("location", "https://evil.example.com"),)),
        HttpResponse(500, (), b"{}"),
        HttpResponse(200, (), b"[]"),
        HttpResponse(200, (), b"not json"),
        HttpResponse(200, (), b'{"keys":{}}'),
        HttpResponse(200, (), b'{"keys":[]}'),
        HttpResponse(200, (), b'{"keys":[],"keys":[]}'),
        HttpResponse(200, (), b"\xff"),
        HttpResponse(200, (), b'{"keys":[]}' + b" " * 65_536),
        None,
    ],
    ids=str,
)
def test_key_sets_that_are_of_no_use(world, answer):
    """Redirects, errors, rubbish and long answers are failures, not key sets."""
    world.wire.alter[KEYS] = lambda _: answer

    with pytest.raises(CannotVerify):
        world.verifier().verify_sync(world.signed())


def test_keys_that_are_not_understood_are_passed_over(world):
    """Foreign, private, symmetric, weak and encryption keys beside ours do no harm and do no work."""
    good = list(run(world.authority.keys.jwks())["keys"])
    kid = str(world.header()["kid"])
    bad = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": kid, "alg": "HS256"},
        {**generate_private_jwk("ES256"), "kid": kid, "alg": "ES256"},
        {**good[0], "use": "enc"},
        {**good[0], "key_ops": ["sign"]},
        {"kty": "new"},
        "text",
        None,
    ]
    world.wire.replace(KEYS, {"keys": bad + good})

    assert world.verifier().verify_sync(world.token())


def test_threads_share_one_fetch(world):
    """Of 16 threads that need keys at the same time, one asks."""
    barrier = threading.Barrier(16)
    verifier, token, passed = world.verifier(), world.token(), []

    def work() -> None:
        barrier.wait(10)
        passed.append(verifier.verify_sync(token))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(passed) == 16
    assert dict(world.wire.asked) == {METADATA: 1, KEYS: 1}


@pytest.mark.anyio
async def test_tasks_share_one_fetch(world):
    """Of 50 tasks that need keys at the same time, one asks, also when the fetch really waits."""

    async def fetch(request):
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        return world.wire(request)

    verifier, token, passed = world.verifier(fetch=fetch, gate=anyio.Lock()), world.token(), []

    async def work() -> None:
        passed.append(await verifier.verify(token))

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(work)

    assert len(passed) == 50
    assert dict(world.wire.asked) == {METADATA: 1, KEYS: 1}


@pytest.mark.anyio
async def test_a_caller_that_gives_up_does_not_hold_up_others(world):
    """When the one that asks is cancelled, the next one asks."""
    release, asked = anyio.Event(), anyio.Event()

    async def fetch(request):
        if not asked.is_set():
            asked.set()
            await release.wait()
        return world.wire(request)

    verifier, token = world.verifier(fetch=fetch, gate=anyio.Lock()), world.token()
    scope = anyio.CancelScope()

    async def first() -> None:
        with scope:
            await verifier.verify(token)

    async with anyio.create_task_group() as group:
        group.start_soon(first)
        await asked.wait()
        scope.cancel()
        found = await verifier.verify(token)

    assert found.subject == "worker"


def test_two_verifiers_share_nothing(world):
    """Two APIs in one process keep their keys apart."""
    one, two = world.verifier(), world.verifier()
    one.verify_sync(world.token())
    two.verify_sync(world.token())

    assert world.wire.asked[KEYS] == 2


def test_a_synchronous_program_cannot_wait(world):
    """An asynchronous fetch in a synchronous program is told in one sentence, not by a hang."""

    class Waits:
        def __await__(self):
            yield

    async def fetch(request):
        await Waits()

    class Open:
        async def __aenter__(self): ...

        async def __aexit__(self, *error): ...

    with pytest.raises(RuntimeError, match="synchronous"):
        world.verifier(fetch=fetch, gate=Open()).verify_sync(world.token())
