"""What browsers say to every server: authorization requests, sign-in, sign-out, consent."""

from __future__ import annotations

from interop.house import BOB, CALLBACK, NEW_PASSWORD, NEWCOMERS, PASSWORD
from parity.talk import Talk

CROSS = [("origin", "https://app.example.org")]


def authorization_requests(talk: Talk) -> None:
    """What is shown on a page and never redirected, and what goes back to the application."""
    for fault in (
        {"client_id": None},
        {"client_id": "nobody"},
        {"client_id": "gone"},
        {"redirect_uri": None},
        {"redirect_uri": CALLBACK + "?x"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "//localhost:3000/callback"},
        {"redirect_uri": "\x7f"},
        {"client_id": "service"},
        {"client_id": "<script>"},
    ):
        assert "location" not in dict(talk.authorize(400, **fault).headers)
    for fault, error in (
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "openid nonsense"}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "²"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "https://x.example"}, "request_uri_not_supported"),
        ({"nonce": "n" * 513}, "invalid_request"),
        ({"state": "s" * 4097}, "invalid_request"),
        ({"id_token_hint": "x.y.z"}, "invalid_request"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
    ):
        assert talk.authorize(**fault).parameters["error"] == error
    for odd in ({"state": "ü &=+%20\n"}, {"ui_locales": "de en"}, {"login_hint": "<b>alice"}, {"scope": None}):
        talk.follow(talk.authorize(**odd))
    good = "client_id=web&redirect_uri=" + CALLBACK
    talk.get(f"/authorize?{good}&scope=openid&scope=openid&state=1", 302)
    talk.get(f"/authorize?{good}&state=1&state=2", 302)
    talk.get(f"/authorize?{good}&client_id=web", 400)
    talk.get("/authorize?client_id=%zz", 400)
    talk.get("/authorize?client_id=%ff", 400)
    talk.get("/authorize?transaction=nonsense", 400)
    talk.get("/authorize", 400)
    talk.send("HEAD", "/authorize?" + good, 302)
    talk.authorize(client_id="native", redirect_uri="http://127.0.0.1:51004/callback", scope="openid")
    posted = talk.post("/authorize", {"client_id": "web", "state": "ü <>"}, 303)
    talk.follow(posted, 400)
    talk.post("/authorize?client_id=web", {}, 400)
    talk.post("/authorize", {}, 400, kind="application/json")
    talk.send("OPTIONS", "/authorize", 405, headers=CROSS)


def signing_in(talk: Talk) -> None:
    """Passwords right and wrong, forms that are not ours, and the lock."""
    page = talk.get("/signin")
    talk.sign_in(page, "", "", 400)
    talk.sign_in(page, "alice", "wrong", 401)
    talk.sign_in(page, "nobody-<b>", "wrong", 401)
    talk.sign_in(page, "x" * 400, "wrong", 400)
    talk.post("/signin", {"username": "alice", "password": PASSWORD}, 403)
    talk.post("/signin", {**page.hidden, "csrf_token": "x", "username": "alice", "password": PASSWORD}, 403)
    for header in (
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("referer", "https://evil.example/"),
    ):
        form = {**page.hidden, "username": "alice", "password": PASSWORD}
        talk.post("/signin", form, 403, headers=[header])
    talk.post(
        "/signin", [*page.hidden.items(), ("username", "alice"), ("username", "bob"), ("password", PASSWORD)], 400
    )
    for _ in range(5):
        talk.sign_in(page, BOB, "wrong", 401)
    talk.sign_in(page, BOB, PASSWORD, 423)
    talk.sign_in(page, "BOB@example.com", "wrong", 423)  # one account, one count
    talk.wind(minutes=30)
    form = {**page.hidden, "username": "Bob@Example.com", "password": PASSWORD, "remember": "on"}
    done = talk.post(
        "/signin", form, 303, headers=[("origin", "http://localhost:4000"), ("sec-fetch-site", "same-origin")]
    )
    talk.follow(done)
    talk.get("/signin", 302)
    talk.get("/signin?transaction=nonsense", 302)


def new_password(talk: Talk) -> None:
    """A password that must be changed: asked for, refused in every way, chosen, and good from then on."""
    carol, dave, _ = NEWCOMERS
    talk.get("/password/change", 400)
    talk.get("/password/change?ticket=nonsense", 400)
    talk.get("/password/change?ticket=a&ticket=b", 400)
    talk.post("/password/change", {"ticket": "nonsense"}, 403)
    talk.sign_in(talk.get("/signin"), carol, "wrong", 401)
    asked = talk.sign_in(talk.follow(talk.authorize()), carol)
    page = talk.follow(asked)
    talk.get("/profile", 302)
    talk.send("HEAD", asked.header("location")[len(talk.issuer) :], 200)
    talk.choose(page, "", "", 400)
    talk.choose(page, "short", "other", 400)
    talk.choose(page, "a" * 2000, "a" * 2000, 400)
    talk.choose(page, "Carol-and-<b>-22", "Carol-and-<b>-22", 400)
    talk.choose(page, NEW_PASSWORD, NEW_PASSWORD + "x", 400)
    talk.choose(page, PASSWORD, PASSWORD, 400)
    form = {**page.hidden, "new_password": NEW_PASSWORD, "confirm_new_password": NEW_PASSWORD}
    talk.post("/password/change", {**form, "csrf_token": "x"}, 403)
    talk.post("/password/change", {**form, "ticket": "nonsense"}, 403)
    talk.post("/password/change", [*form.items(), ("ticket", "another")], 400)
    talk.post("/password/change", form, 403, headers=[("origin", "https://evil.example")])
    talk.post("/password/change", form, 400, kind="application/json")
    mine = dict(talk.jar)
    talk.jar.clear()
    talk.follow(asked, 400)
    talk.post("/password/change", form, 403)
    talk.jar.update(mine)
    onward = talk.follow(talk.post("/password/change", form, 303), 302)
    talk.post("/password/change", form, 400)
    talk.follow(asked, 302)

    assert "code" in talk.decide(talk.follow(onward), "approve").parameters
    talk.get("/profile")
    talk.jar.clear()
    talk.sign_in(talk.get("/signin"), carol, PASSWORD, 401)
    talk.follow(talk.sign_in(talk.get("/signin"), carol, NEW_PASSWORD))
    talk.jar.clear()
    late = talk.sign_in(talk.get("/signin"), dave, remember="on")
    page = talk.follow(late)
    talk.wind(minutes=10)
    talk.follow(late, 400)
    over = talk.choose(page, NEW_PASSWORD, NEW_PASSWORD, 400)
    done = talk.choose(talk.follow(talk.sign_in(over, dave, remember="on")), NEW_PASSWORD, NEW_PASSWORD)
    talk.follow(done)


def signing_out(talk: Talk) -> None:
    """Asked first, done by POST, and the session's tokens end with it."""
    tokens = talk.redeem(talk.approved()).json
    talk.get("/profile")
    talk.get("/")
    page = talk.get("/signout")
    talk.post("/signout", {}, 403)
    talk.get("/profile")
    talk.follow(talk.post("/signout", page.hidden, 303))
    talk.refresh(tokens["refresh_token"], 400)
    talk.get("/profile", 302)
    talk.get("/signout", 302)
    talk.post("/signout", {}, 303)
    talk.send("HEAD", "/signed-out", 200)


def consent(talk: Talk) -> None:
    """Denied, remembered, asked again when more is wanted; a form of another browser decides nothing."""
    page = talk.follow(talk.follow(talk.sign_in(talk.follow(talk.authorize())), 302))
    talk.decide(page, "maybe", 400)
    talk.decide(page, "", 400)
    talk.post("/authorize/decision", {"consent_action": "approve", "transaction": page.hidden["transaction"]}, 403)
    talk.get("/authorize/decision", 405)

    assert talk.decide(page, "deny").parameters["error"] == "access_denied"
    talk.decide(page, "approve", 400)
    talk.decide(talk.follow(talk.authorize()), "approve")

    assert "code" in talk.authorize(prompt="none").parameters
    more = talk.follow(talk.authorize(scope="openid email"))
    talk.decide(more, "approve")

    assert "code" in talk.authorize(scope="openid profile email offline_access").parameters
    talk.decide(talk.follow(talk.authorize(prompt="consent")), "approve")

    assert talk.authorize(prompt="none", scope="openid write").parameters["error"] == "consent_required"
    talk.get("/profile")
    mine, waiting = dict(talk.jar), talk.authorize(prompt="consent")
    talk.jar.clear()
    talk.follow(waiting, 400)
    talk.get("/consent", 400)
    talk.jar.update(mine)
    talk.follow(waiting)
    talk.wind(seconds=1800)
    talk.follow(waiting, 400)


def freshness(talk: Talk) -> None:
    """`prompt=login` and `max_age` ask again; a hint at another person does too."""
    tokens = talk.redeem(talk.approved(client_id="own"), client="own").json
    talk.wind(seconds=30)
    hint = {"client_id": "own", "id_token_hint": str(tokens["id_token"])}

    assert "code" in talk.authorize(prompt="none", **hint).parameters
    assert "code" in talk.authorize(client_id="own", max_age="31").parameters
    assert talk.authorize(client_id="own", max_age="30", prompt="none").parameters["error"] == "login_required"
    page = talk.follow(talk.authorize(client_id="own", prompt="login"))
    onward = talk.follow(talk.sign_in(page, BOB), 302)

    assert "code" in onward.parameters
    assert talk.authorize(prompt="none", **hint).parameters["error"] == "login_required"
    talk.follow(talk.authorize(**hint))
    assert talk.authorize(id_token_hint=str(tokens["id_token"])).parameters["error"] == "invalid_request"
