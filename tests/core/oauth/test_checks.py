"""The small checks: PKCE, redirect URIs, scope, resource."""

from __future__ import annotations

import pytest

from authority_core import Problem
from authority_core.oauth.checks.pkce import check_challenge, proves
from authority_core.oauth.checks.redirect_uri import fault, is_loopback, matches
from authority_core.oauth.checks.resource import allowed_audience, narrowed_audience
from authority_core.oauth.checks.scope import allowed_scope, narrowed_scope, parse_scope
from support.relying_party import challenge_of

VERIFIER = "v" * 43
CB = "https://app.example/cb"


# --- PKCE ------------------------------------------------------------------------------------------------------------


def test_s256_is_accepted_and_proved():
    """The example of RFC 7636, appendix B."""
    verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

    assert check_challenge(challenge, "S256", required=True, allow_plain=False) == "S256"
    assert proves(verifier, challenge, "S256")


@pytest.mark.parametrize("method", [None, "plain", "s256", "S512", ""])
def test_only_s256_by_default(method):
    """Absent means plain (RFC 7636 §4.3) and is refused as such."""
    with pytest.raises(Problem):
        check_challenge("c" * 43, method, required=True, allow_plain=False)


def test_plain_only_where_allowed():
    """With the setting, named or implied; still of the right form."""
    assert check_challenge("c" * 43, None, required=True, allow_plain=True) == "plain"
    assert check_challenge("c" * 128, "plain", required=True, allow_plain=True) == "plain"
    assert proves("c" * 43, "c" * 43, "plain")
    assert not proves("d" * 43, "c" * 43, "plain")
    for wrong in ("c" * 42, "c" * 129, "c" * 42 + "é"):
        with pytest.raises(Problem):
            check_challenge(wrong, "plain", required=True, allow_plain=True)


def test_leaving_pkce_out():
    """Only where it is not required, and then wholly."""
    assert check_challenge(None, None, required=False, allow_plain=False) is None
    for method, required in ((None, True), ("S256", False), ("S256", True)):
        with pytest.raises(Problem):
            check_challenge(None, method, required=required, allow_plain=False)


@pytest.mark.parametrize("challenge", ["c" * 42, "c" * 44, "c" * 42 + "=", "c" * 42 + "+", "c" * 42 + "\n", "é" * 43])
def test_challenges_have_one_form(challenge):
    """43 characters of base64url."""
    with pytest.raises(Problem):
        check_challenge(challenge, "S256", required=True, allow_plain=True)


@pytest.mark.parametrize(
    "verifier", [None, "", "v" * 42, "v" * 129, "w" * 43, "v" * 43 + "\n", "v" * 42 + "=", "v" * 42 + "é", "v" * 10**6]
)
def test_wrong_verifiers_prove_nothing(verifier):
    """Missing, malformed, wrong."""
    assert not proves(verifier, challenge_of(VERIFIER), "S256")


def test_a_verifier_without_a_challenge_is_a_downgrade():
    """It proves nothing (RFC 9700 §2.1.1); without either there is nothing to prove."""
    assert not proves(VERIFIER, None, None)
    assert proves(None, None, None)


@pytest.mark.parametrize("size", [43, 128])
def test_verifiers_of_both_lengths(size):
    """The shortest and the longest."""
    assert proves("~" * size, challenge_of("~" * size), "S256")


# --- redirect URIs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        "https://app.example.evil.tld/cb",
        "https://app.example/cb2",
        "https://app.example/cb/",
        "https://app.example:443/cb",
        "HTTPS://app.example/cb",
        "https://APP.example/cb",
        "https://app.example/Cb",
        "https://app.example/%63b",
        "https://app.example/cb?",
        "https://app.example/cb?a=1",
        "https://app.example/cb#",
        "https://app.example/cb#x",
        "https://app.example/./cb",
        "https://app.example//cb",
        "https://app.example/x/../cb",
        "https://app.example/cb/..;/x",
        "https://app.example/cb;x=1",
        "https://app.example/cb%00",
        "https://app.example/cb ",
        " https://app.example/cb",
        "https://app.example@evil.tld/cb",
        "https://evil.tld\\@app.example/cb",
        "http://app.example/cb",
        "",
        "//app.example/cb",
        "https://app.example/cb\n",
        "https://appaexample/cb",
        "javascript:alert(1)",
        "https://app.example%2fcb",
    ],
)
@pytest.mark.parametrize("kind", ["web", "native"])
def test_nothing_but_the_registered_text_matches(sent, kind):
    """Character by character, for both kinds of client."""
    assert not matches(sent, (CB,), kind)
    assert matches(CB, ("https://other.example/", CB), kind)


def test_the_port_of_a_native_loopback_is_free():
    """On the literal addresses, with the same path and query (RFC 8252 §7.3)."""
    registered = ("http://127.0.0.1/cb?a=1", "http://[::1]:80/cb", "http://localhost/cb")

    for sent in ("http://127.0.0.1:51004/cb?a=1", "http://[::1]:51004/cb", "http://[::1]/cb", "http://localhost/cb"):
        assert matches(sent, registered, "native")
        assert matches(sent, registered, "web") is (sent in registered)
    for sent in (
        "http://127.0.0.1:51004/cb", "http://127.0.0.1:51004/cb?a=1&b", "http://127.0.0.2:1/cb?a=1", "http://127.1:1/cb?a=1",
        "http://0x7f000001:1/cb?a=1", "http://2130706433:1/cb?a=1", "http://[::ffff:127.0.0.1]:1/cb?a=1",
        "http://localhost:1/cb", "http://localhost.:1/cb", "http://127.0.0.1.evil.tld/cb?a=1", "https://127.0.0.1:1/cb?a=1",
        "http://127.0.0.1:0/cb?a=1", "http://127.0.0.1:65536/cb?a=1", "http://127.0.0.1:/cb?a=1", "http://127.0.0.1:1x/cb?a=1",
        "http://127.0.0.1:1@evil.tld/cb?a=1", "http://127.0.0.1:1/CB?a=1", "HTTP://127.0.0.1:1/cb?a=1", "http://127.0.0.1?a=1",
        "http://127.0.0.1:1/cb?a=1\n", "http://127.0.0.1:1\\@evil.tld/cb?a=1", "http://0:1/cb?a=1",
    ):  # fmt: skip
        assert not matches(sent, registered, "native")


def faulty(uri: str, kind: str = "web", *, confidential: bool = True, production: bool = False) -> bool:
    return fault(uri, application_type=kind, confidential=confidential, production=production) is not None  # type: ignore[arg-type]  # as tests like


@pytest.mark.parametrize(
    "uri",
    [CB, "https://app.example", "https://app.example:8443/a/b?c=d", "https://[2001:db8::1]/cb", "http://localhost:3000/callback",
     "http://127.0.0.1/cb", "http://[::1]:1/cb", "https://app.example/cb%23x", "https://app.example/a..b/...", "https://a_b.example/"],
)  # fmt: skip
def test_uris_that_may_be_registered(uri):
    """Https anywhere; http on the person's own machine outside production."""
    assert not faulty(uri)
    assert faulty(uri, production=True) is uri.startswith("http:")
    assert not faulty(uri, "native", production=True)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://",
        "https:///cb",
        "https:cb",
        "/cb",
        "//app.example/cb",
        "app.example/cb",
        "http://app.example/cb",
        "http://localhost.evil.tld/cb",
        "http://127.0.0.2/cb",
        "http://localhost:80@evil.tld",
        "https://app.example@evil.tld/cb",
        "https://u:p@app.example/cb",
        "https://evil.tld\\@app.example",
        "http://[not-an-ip]/",
        "https://[::1/cb",
        "https://app.example%40evil.tld",
        "https://app.example%2f@evil.tld",
        "https://app.example,evil.tld/",
        "https://app.example:x/",
        "https://app.example:99999/",
        "https://app.example:/cb",
        "https://[::1%25eth0]/",
        "https://ex ample/",
        "https://\tapp.example/",
        "https://äpp.example/",
        "https://app.example/\r\nx",
        "https://app.example/cb\x00",
        "https://app.example/cb%00",
        "https://app.example/cb#",
        "https://app.example/cb#code=x",
        "https://*.app.example/cb",
        "https://app.example/*",
        "https://app.example/cb?x=*",
        "https://app.example/.*",
        "https://app.example/cb/../x",
        "https://app.example/./cb",
        "https://app.example/cb/..;/x",
        "https://app.example/cb%2f..%2fx",
        "https://app.example/cb/%2e%2e/x",
        "https://app.example/cb/.%2E",
        "https://app.example/a;x=1/../b",
        "https://app.example/cb/%2e%2e%3b/x",
        "https://app.example/cb/..%5cx",
        "https://app.example/cb?state=x",
        "https://app.example/cb?iss=",
        "https://app.example/cb?code=",
        "https://app.example/cb?a=1&error=x",
        "https://app.example/cb?response=x",
        "https://app.example/cb?%63ode=x",
        "https://app.example/?code",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "\tjavascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/x",
        "about:blank",
        "ftp://app.example/",
        "myapp:/cb",
        "myapp://cb",
        "com.example.app:/cb",
        "https://app.example/" + "x" * 2048,
    ],
)
def test_uris_that_may_not_be_registered(uri):
    """Each has a way to lead elsewhere, or to mean two things."""
    assert faulty(uri)


def test_private_schemes_belong_to_native_public_clients():
    """In reverse-domain form, with a dot (RFC 8252 §7.1)."""
    assert not faulty("com.example.app:/cb", "native", confidential=False)
    assert faulty("com.example.app:/cb", "native", confidential=True)
    assert faulty("COM.example.app:/cb", "native", confidential=False)
    assert faulty("com.example.app:/cb", "web", confidential=False)
    assert faulty("myapp:/cb", "native", confidential=False)
    assert faulty("javascript:alert(1)", "native", confidential=False)


def test_loopback():
    """What leads to the person's own machine."""
    assert is_loopback("http://localhost:3000/x")
    assert not is_loopback("http://localhost.evil.tld/")


# --- scope and resource ----------------------------------------------------------------------------------------------


def test_scope_is_a_set_of_words():
    """Absent is not empty; order and repeats mean nothing."""
    assert parse_scope(None) is None
    assert parse_scope("b a  b") == {"a", "b"}
    assert parse_scope(" ") == frozenset()


@pytest.mark.parametrize("text", ["a\tb", 'a"', "a\\b", "é", "a\n", "x" * 4097, "a\x7f"])
def test_malformed_scope(text):
    """Foreign characters and lengths are `invalid_scope` (RFC 6749 §3.3)."""
    with pytest.raises(Problem) as raised:
        parse_scope(text)
    assert raised.value.refusal.error == "invalid_scope"


def test_allowed_scope():
    """What is asked must be allowed; what is not asked comes from the default, as far as allowed."""
    a, ab = frozenset({"a"}), frozenset({"a", "b"})

    assert allowed_scope(a, default=frozenset(), allowed=ab) == a
    assert allowed_scope(None, default=ab, allowed=a) == a
    for asked, default in ((ab, a), (frozenset(), a), (None, frozenset({"b"}))):
        with pytest.raises(Problem):
            allowed_scope(asked, default=default, allowed=a)


def test_narrowed_scope():
    """Never more than was granted."""
    ab = frozenset({"a", "b"})

    assert narrowed_scope(None, ab) == ab
    assert narrowed_scope(frozenset({"a"}), ab) == {"a"}
    for asked in (frozenset(), frozenset({"a", "c"})):
        with pytest.raises(Problem):
            narrowed_scope(asked, ab)


def test_resources():
    """The default when none is asked; otherwise what is allowed, once each, in order."""
    allowed = frozenset({"https://a", "https://b"})

    assert allowed_audience((), default="https://d", allowed=allowed) == ("https://d",)
    assert allowed_audience(("https://b", "https://a", "https://b"), default="https://d", allowed=allowed) == (
        "https://a",
        "https://b",
    )
    assert allowed_audience(("https://d",), default="https://d", allowed=frozenset()) == ("https://d",)
    assert narrowed_audience((), ("https://a",)) == ("https://a",)
    assert narrowed_audience(("https://a",), ("https://a", "https://b")) == ("https://a",)


@pytest.mark.parametrize(
    "asked",
    [("https://c",), ("https://a", "https://c"), ("a",), ("/a",), ("https://a#",), ("https://a#x",), ("http://[",),
     ("https://a",) * 11, ("https://" + "a" * 2048,)],
)  # fmt: skip
def test_wrong_resources(asked):
    """Unknown, relative, with a fragment, too many or too long: `invalid_target` (RFC 8707 §2)."""
    for check in (
        lambda: allowed_audience(asked, default="https://d", allowed=frozenset({"https://a"})),
        lambda: narrowed_audience(asked, ("https://a",)),
    ):
        with pytest.raises(Problem) as raised:
            check()
        assert raised.value.refusal.error == "invalid_target"
