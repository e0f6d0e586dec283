"""Starlette: endpoints of every kind, the authentication middleware, and an event loop that is never held up."""

from __future__ import annotations

import threading

import anyio
import pytest
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from authority_core.kernel.sync import run
from authority_core.resource import Needs
from authority_starlette.resource import BearerBackend, Door, ResourceProtector, on_refusal


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_endpoints_of_every_kind(world):
    """Coroutine functions, plain functions and methods of a class are protected alike."""
    protect = ResourceProtector(world.verifier())

    @protect.require_scopes("reports:read")
    async def coroutine(request):
        return PlainTextResponse(request.state.token.subject)

    @protect.require_scopes("reports:read")
    def plain(request):
        return PlainTextResponse(f"{request.state.token.subject} {threading.current_thread().name}")

    class Endpoint(HTTPEndpoint):
        @protect.require_scopes("reports:read")
        async def get(self, request):
            return PlainTextResponse(request.state.token.subject)

    routes = [Route("/coroutine", coroutine), Route("/plain", plain), Route("/class", Endpoint)]
    client, token = TestClient(Starlette(routes=routes)), world.token()
    for path in ("/coroutine", "/plain", "/class"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers=bearer(token)).text.startswith("worker")
    assert "MainThread" not in client.get("/plain", headers=bearer(token)).text


def test_any_of(world):
    """One of several scopes is enough when the route says so."""
    protect = ResourceProtector(world.verifier())

    @protect.require_scopes(any_of=["reports:write", "reports:read"])
    async def view(request):
        return PlainTextResponse("in")

    client = TestClient(Starlette(routes=[Route("/", view)]))

    assert client.get("/", headers=bearer(world.token("reports:read"))).text == "in"
    assert client.get("/", headers=bearer(world.signed(scope="openid"))).status_code == 403


def test_an_endpoint_without_a_request(world):
    """A function that gets no request cannot be protected, and says so instead of letting in."""
    protect = ResourceProtector(world.verifier())

    @protect.require_scopes("reports:read")
    async def view():
        return PlainTextResponse("in")

    with pytest.raises(TypeError, match="request"):
        run(view())


@pytest.fixture
def middleware(world):
    """An application with Starlette's own authentication."""

    async def anyone(request):
        return JSONResponse(
            {"user": request.user.display_name, "known": request.user.is_authenticated, "scopes": request.auth.scopes}
        )

    @requires(["authenticated", "reports:read"])
    async def read(request):
        return PlainTextResponse(request.user.token.client_id)

    @requires("reports:write")
    async def write(request):
        return PlainTextResponse("in")

    backend = BearerBackend(world.verifier())
    routes = [Route("/anyone", anyone), Route("/read", read), Route("/write", write)]
    stack = [Middleware(AuthenticationMiddleware, backend=backend, on_error=on_refusal)]
    return TestClient(Starlette(routes=routes, middleware=stack))


def test_the_middleware_knows_the_subject(world, middleware):
    """The token's subject is the user, its scopes are what `requires` looks at."""
    answer = middleware.get("/anyone", headers=bearer(world.token()))

    assert answer.json() == {"user": "worker", "known": True, "scopes": ["authenticated", "reports:read"]}
    assert middleware.get("/read", headers=bearer(world.token())).text == "worker"
    assert middleware.get("/write", headers=bearer(world.token())).status_code == 403


def test_the_middleware_lets_others_be(middleware):
    """Without a bearer token a request is anonymous; other schemes are for other backends."""
    for headers in ({}, {"authorization": "Basic YTpi"}):
        assert middleware.get("/anyone", headers=headers).json()["known"] is False
        assert middleware.get("/read", headers=headers).status_code == 403


def test_the_middleware_refuses_bad_tokens(world, middleware):
    """A bad token is not the same as none: it is refused everywhere, with its challenge."""
    answer = middleware.get("/anyone", headers=bearer("rubbish"))

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert middleware.get(f"/anyone?access_token={world.token()}", headers=bearer(world.token())).status_code == 401


class Connection:
    """As much of a request as a door looks at."""

    def __init__(self, token: str) -> None:
        from starlette.datastructures import Headers

        self.headers = Headers(bearer(token))
        self.scope = {"query_string": b""}


@pytest.mark.anyio
async def test_fetching_does_not_hold_up_the_loop(world):
    """While keys are fetched by a blocking client, other tasks go on; and one fetch serves all who wait."""
    door, token = Door(world.verifier()), world.token()
    inside, release, others = threading.Event(), threading.Event(), []

    def wait(path: str) -> None:
        inside.set()
        release.wait(10)

    world.wire.before = wait

    async def other() -> None:
        while not inside.is_set():
            await anyio.lowlevel.checkpoint()
        others.append("went on")
        release.set()

    async def ask() -> None:
        others.append((await door.admit(Connection(token), Needs())).subject)

    async with anyio.create_task_group() as group:
        for _ in range(30):
            group.start_soon(ask)
        group.start_soon(other)

    assert others == ["went on"] + ["worker"] * 30
    assert sum(world.wire.asked.values()) == 2


def test_several_loops_share_a_verifier(world):
    """Loops in several threads, as test clients bring them, use one protector without tripping over each other."""
    door, token, passed = Door(world.verifier()), world.token(), []
    barrier = threading.Barrier(4)

    def work() -> None:
        async def ask() -> None:
            passed.append((await door.admit(Connection(token), Needs())).subject)

        async def main() -> None:
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(ask)

        barrier.wait(10)
        anyio.run(main)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert passed == ["worker"] * 20
