"""Flask: above or below the route, on views of every kind, in one application or several."""

from __future__ import annotations

import pytest
from flask import Blueprint, Flask, Response, g
from flask.views import MethodView
from werkzeug.exceptions import Unauthorized

from authority_core import ConfigurationError
from authority_core.resource import TokenVerifier
from authority_flask.resource import RefusedRequest, ResourceProtector


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def status(app: Flask, path: str, token: str | None = None, method: str = "GET") -> int:
    headers = {} if token is None else bearer(token)
    with app.test_client().open(path, method=method, headers=headers) as answer:
        return answer.status_code


@pytest.fixture
def app():
    return Flask("api")


def test_above_and_below_the_route(world, app):
    """Whichever decorator comes first, the view is protected: the wrong order is not an open door."""
    protect = ResourceProtector(app, world.verifier())

    @app.get("/below")
    @protect.require_scopes("reports:read")
    def below():
        return protect.token.subject

    @protect.require_scopes("reports:read")
    @app.get("/above")
    def above():
        return g.token.subject

    for path in ("/below", "/above"):
        assert status(app, path) == 401
        assert status(app, path, world.signed(scope="openid")) == 403
        assert status(app, path, world.token()) == 200


def test_views_of_every_kind(world, app):
    """Coroutine views, views of blueprints, methods of a class and whole classes."""
    protect = ResourceProtector()
    blueprint = Blueprint("reports", "reports")
    seen = []

    @blueprint.get("/blueprint")
    @protect.require_scopes("reports:read")
    def in_blueprint():
        return {"subject": protect.token.subject}

    class Whole(MethodView):
        decorators = (protect.require_scopes("reports:read"),)

        def get(self):
            return "in"

    class Part(MethodView):
        @protect.require_scopes("reports:read")
        def get(self):
            return "in"

        def post(self):
            return "open"

    app.add_url_rule("/whole", view_func=Whole.as_view("whole"))
    app.add_url_rule("/part", view_func=Part.as_view("part"))
    app.register_blueprint(blueprint)
    protect.init_app(app, world.verifier())
    app.after_request(lambda response: seen.append(response.status_code) or response)

    for path in ("/blueprint", "/whole", "/part"):
        assert status(app, path) == 401
        assert status(app, path, world.token()) == 200
    assert status(app, "/part", method="POST") == 200


def test_two_decorators_add_up(world, app):
    """What both ask for is needed, and the token is judged once."""
    protect = ResourceProtector(app, world.introspector())

    @app.get("/")
    @protect.require_scopes("reports:read")
    @protect.require_scopes("reports:write")
    def view():
        return "in"

    assert status(app, "/", world.token("reports:read")) == 403
    assert status(app, "/", world.token("reports:write")) == 403
    before = world.wire.asked["/token/introspect"]
    assert status(app, "/", world.token("reports:read reports:write")) == 200
    assert world.wire.asked["/token/introspect"] == before + 1


def test_several_applications(world):
    """One protector serves several applications, each with its own verifier."""
    protect, blueprint = ResourceProtector(), Blueprint("reports", "reports")

    @blueprint.get("/")
    @protect.require_scopes("reports:read")
    def view():
        return protect.token.audience[0]

    ours, theirs = Flask("ours"), Flask("theirs")
    other = TokenVerifier(world.settings.issuer, "https://other.example.com", fetch=world.wire, moment=world.clock)
    for app, verifier in ((ours, world.verifier()), (theirs, other)):
        app.register_blueprint(blueprint)
        protect.init_app(app, verifier)
    mine, yours = world.token(), world.token(resource="https://other.example.com")

    assert (status(ours, "/", mine), status(ours, "/", yours)) == (200, 401)
    assert (status(theirs, "/", mine), status(theirs, "/", yours)) == (401, 200)


def test_one_applications_verdict_is_not_anothers(world):
    """An application behind another looks at the token itself, though they share the request's environment."""
    protect = ResourceProtector()
    inner, outer = Flask("inner"), Flask("outer")
    other = TokenVerifier(world.settings.issuer, "https://other.example.com", fetch=world.wire, moment=world.clock)
    protect.init_app(outer, world.verifier())
    protect.init_app(inner, other)

    @inner.get("/")
    @protect.require_scopes()
    def view():
        return "in"

    @outer.get("/")
    @protect.require_scopes()
    def gateway():
        from flask import request

        return Response.from_app(inner.wsgi_app, request.environ)

    assert status(outer, "/", world.token()) == 401
    assert status(inner, "/", world.token(resource="https://other.example.com")) == 200


def test_a_context_that_outlives_a_request(world, app):
    """Inside one application context, the second request does not pass on the first one's token."""
    protect = ResourceProtector(app, world.verifier())

    @app.get("/")
    @protect.require_scopes("reports:read")
    def view():
        return "in"

    @app.get("/open")
    def unprotected():
        return {"token": "token" in g}

    with app.app_context():
        assert status(app, "/", world.token()) == 200
        assert status(app, "/") == 401
        assert app.test_client().get("/open").json == {"token": False}


def test_no_token_where_none_is_required(world, app):
    """Asking for the token in an open view is a mistake that shows."""
    protect = ResourceProtector(app, world.verifier())

    @app.get("/")
    def view():
        with pytest.raises(LookupError):
            _ = protect.token
        return "asked"

    assert status(app, "/") == 200


def test_preflights_and_missing_pages(world, app):
    """Flask's own answers need no token: a browser's preflight, an unknown page, a wrong method."""
    protect = ResourceProtector(app, world.verifier())

    @app.get("/")
    @protect.require_scopes("reports:read")
    def view():
        return "in"

    assert status(app, "/", method="OPTIONS") == 200
    assert status(app, "/", method="POST") == 405
    assert status(app, "/", method="HEAD") == 401
    assert status(app, "/nowhere") == 404


def test_an_own_answer_to_preflights_is_a_view(world, app):
    """A view that serves OPTIONS itself is protected like any other method."""
    protect = ResourceProtector(app, world.verifier())

    @app.route("/", methods=["GET", "OPTIONS"])
    @protect.require_scopes("reports:read")
    def view():
        return "in"

    assert status(app, "/", method="OPTIONS") == 401
    assert status(app, "/", world.token(), method="OPTIONS") == 200


def test_a_view_that_is_asynchronous(world, app):
    """A coroutine view runs as Flask runs it."""
    pytest.importorskip("asgiref")
    protect = ResourceProtector(app, world.verifier())

    @app.get("/")
    @protect.require_scopes("reports:read")
    async def view():
        return protect.token.subject

    assert status(app, "/") == 401
    assert status(app, "/", world.token()) == 200


@pytest.mark.parametrize("kind", [401, Unauthorized, RefusedRequest])
def test_error_handlers_of_the_application(world, app, kind):
    """A refusal is an HTTP error like others: the application may answer it in its own words."""
    protect = ResourceProtector(app, world.verifier())

    @app.get("/")
    @protect.require_scopes("reports:read")
    def view():
        return "in"

    @app.errorhandler(kind)
    def own(error):
        return {"mine": error.description}, error.code, error.get_headers()

    answer = app.test_client().get("/")

    assert answer.status_code == 401
    assert answer.json == {"mine": "An access token is required."}
    assert answer.headers["www-authenticate"] == 'Bearer realm="api"'


def test_the_body_is_json(world, app):
    """Without a handler the answer is the same JSON as everywhere."""
    protect = ResourceProtector(app, world.verifier())

    @app.get("/")
    @protect.require_scopes("reports:read")
    def view():
        return "in"

    answer = app.test_client().get("/", headers=bearer("rubbish"))

    assert answer.json == {"error": "invalid_token", "error_description": "The access token is not valid."}
    assert answer.headers["cache-control"] == "no-store"


def test_a_protector_without_a_verifier(app):
    """Forgetting `init_app` lets nobody in, and says what is missing."""
    protect = ResourceProtector()
    app.testing = True

    @app.get("/")
    @protect.require_scopes("reports:read")
    def view():
        return "in"

    with pytest.raises(RuntimeError, match="init_app"):
        app.test_client().get("/")


def test_an_asynchronous_verifier(world, app):
    """A verifier that needs an event loop is refused at start."""

    class Gate:
        async def __aenter__(self): ...

        async def __aexit__(self, *error): ...

    async def fetch(request): ...

    with pytest.raises(ConfigurationError):
        ResourceProtector(app, world.verifier(fetch=fetch, gate=Gate()))
