"""Properties of the pure parts: what is written is read, refusals change nothing, nothing is proved by accident."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from urllib.parse import quote, unquote, urlencode

from attrs import evolve
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from authority_core import Problem
from authority_core.kernel.browser import Browsers
from authority_core.kernel.changes import Revoke
from authority_core.kernel.encoding import base64url, base64url_decode, decode_json_object, digest, encode_json
from authority_core.kernel.jose import InvalidToken, PublicKey, two_halves, verify
from authority_core.kernel.moment import Moment
from authority_core.kernel.problems import Refusal
from authority_core.kernel.records import AuthorizationCode, Grant, RefreshToken, Spent, Stored
from authority_core.kernel.redirect_uri import fault, matches
from authority_core.kernel.requests import Form, HttpRequest, cookie, parse_form
from authority_core.kernel.values import join_words, split_words
from authority_core.kernel.vault import CannotDecrypt, Vault
from authority_core.oauth.checks.pkce import proves
from authority_core.oauth.checks.resource import narrowed_audience
from authority_core.oauth.checks.scope import narrowed_scope
from authority_core.oauth.grants.authorization_code import AuthorizationCodeGrant, CodeRequest
from authority_core.oauth.grants.refresh_token import RefreshFacts, RefreshRequest, RefreshTokenGrant
from authority_core.oauth.mint.refresh import successor_of
from authority_core.testing.moments import START
from support import keys
from support.relying_party import challenge_of
from support.server import API, CALLBACK, ISSUER, make_client, make_settings

SETTINGS = make_settings()
VAULT = Vault.from_settings(SETTINGS)
BROWSERS = Browsers.from_settings(SETTINGS)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
HALF = st.integers(1, 2**256 - 1) | st.integers(0, 255).map(lambda bits: 2**bits)
VERIFIER = st.text("abcXYZ019-._~", min_size=43, max_size=50)
SCOPES = st.frozensets(st.sampled_from(["openid", "offline_access", "read", "write", "admin"]))
MOMENTS = st.builds(
    Moment, st.integers(-100, 10_000).map(lambda s: START + timedelta(seconds=s)), st.binary(min_size=64, max_size=64)
)
PUBLIC = PublicKey.from_jwk(keys.public_half("ES256"))
TOKEN = keys.signer("ES256").sign("JWT", {"sub": "u1"})


# --- encoding --------------------------------------------------------------------------------------------------------


@given(HALF, HALF)
def test_both_halves_of_a_signature_have_32_bytes(r, s):
    """However DER writes the two numbers: short, long, or with a zero before."""
    both = two_halves(encode_dss_signature(r, s))

    assert both == r.to_bytes(32, "big") + s.to_bytes(32, "big")


@given(st.binary())
def test_base64url_round_trips(data):
    """Any bytes."""
    assert base64url_decode(base64url(data)) == data


@given(st.text("AQgw_-=. \n+/", max_size=12))
def test_base64url_has_one_text_for_one_value(text):
    """Whatever is accepted is exactly what would be written."""
    try:
        data = base64url_decode(text)
    except ValueError:
        return
    assert base64url(data) == text


@given(st.dictionaries(TEXT, st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT, st.lists)))
def test_json_round_trips(value):
    """Any object of finite values."""
    assert decode_json_object(encode_json(value).encode()) == value


@given(st.lists(st.tuples(TEXT, TEXT), max_size=20))
def test_forms_round_trip(pairs):
    """What a client encodes is what is read, in order, by `+` or `%20`."""
    for how in (urlencode(pairs), urlencode(pairs, quote_via=quote)):
        assert list(parse_form(how.encode())) == pairs


@given(st.binary(max_size=60))
def test_any_bytes_are_a_form_or_refused(data):
    """Nothing else can happen."""
    with suppress(Problem):
        assert isinstance(parse_form(data), Form)


ESCAPED = st.lists(st.sampled_from([*"=_ab?\t\r\n", "\r\n", " ", "%3D", "%0a", "%0D", "%5F", "%e2%82%AC", "é"]) | TEXT)


@given(ESCAPED.map("".join))
def test_escapes_are_read_as_urllib_reads_them(text):
    """Every escape and every other character, whatever stands around it, in a text whose escapes are whole."""
    text = text.replace("&", "").replace("+", "")
    try:
        expected = unquote(text, errors="strict")
    except UnicodeDecodeError:
        return
    try:
        pairs = list(parse_form(b"name=" + text.encode()))
    except Problem:
        assert re.search("%(?![0-9A-Fa-f]{2})", text) or "\x00" in expected
        return
    assert pairs == [("name", expected)]


@given(st.text(st.characters(codec="latin-1"), max_size=60))
def test_any_cookie_header_is_read_or_not(header):
    """Never an error; a value found was there by its exact name."""
    found = cookie(HttpRequest(method="GET", path="/", headers={"cookie": header}), "sid")

    assert found is None or f"sid={found}" in header


@given(st.frozensets(st.text("abc:/", min_size=1)))
def test_words_round_trip(words):
    """A set of words has one text."""
    assert split_words(join_words(words)) == words


# --- secrets and tokens ----------------------------------------------------------------------------------------------


@given(st.binary(max_size=100), st.integers(0, 10_000), st.integers(1, 255))
def test_no_flipped_bit_opens(data, where, bits):
    """Sealed text changed anywhere does not open."""
    sealed = bytearray(VAULT.seal(data, "c"))
    sealed[where % len(sealed)] ^= bits
    try:
        VAULT.open(bytes(sealed), "c")
    except CannotDecrypt:
        return
    raise AssertionError("it opened")


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii"))
def test_no_changed_character_verifies(where, character):
    """One text per token: any other character anywhere is refused."""
    changed = TOKEN[:where] + character + TOKEN[where + 1 :]
    try:
        verify(changed, [PUBLIC], typ=frozenset({"jwt"}))
    except InvalidToken:
        assert changed != TOKEN
    else:
        assert changed == TOKEN


@given(st.text(max_size=200))
def test_no_text_is_a_token_by_accident(text):
    """Only `InvalidToken` comes of nonsense."""
    try:
        verify(text, [PUBLIC], typ=frozenset({"jwt"}))
    except InvalidToken:
        return
    raise AssertionError("it verified")


@given(VERIFIER, VERIFIER)
def test_only_its_verifier_proves_a_challenge(verifier, other):
    """S256 is a commitment; a missing challenge is proved by a missing verifier alone."""
    assert proves(verifier, challenge_of(verifier), "S256")
    assert proves(other, challenge_of(verifier), "S256") is (other == verifier)
    assert not proves(None, challenge_of(verifier), "S256")
    assert not proves(verifier, None, None)
    assert proves(challenge_of(verifier), challenge_of(verifier), "S256") is False


@given(st.binary(min_size=64, max_size=64), TEXT, TEXT)
def test_csrf_tokens_are_bound(entropy, session, other):
    """To browser and session: another of either and the token is void."""
    token = BROWSERS.csrf_token("b" * 43, session, Moment(START, entropy))

    assert BROWSERS._genuine(token, "b" * 43, session)
    assert not BROWSERS._genuine(token, "c" * 43, session)
    assert BROWSERS._genuine(token, "b" * 43, other) is (session == other)


# --- redirect URIs, scope, resource ----------------------------------------------------------------------------------

CLOSE = st.builds(
    lambda a, x, b: CALLBACK[:a] + x + CALLBACK[a + b :],
    st.integers(0, len(CALLBACK)),
    st.text("aA./:@#?%\\;*0", max_size=3),
    st.integers(0, 3),
)


@given(CLOSE | st.text())
def test_a_redirect_uri_is_one_text(sent):
    """Only the registered characters match."""
    assert matches(sent, (CALLBACK,), "web") is (sent == CALLBACK)
    assert matches(sent, (CALLBACK,), "native") is (sent == CALLBACK)


@given(
    st.from_regex(r"http://(127\.0\.0\.1|\[::1\]|localhost|127\.0\.0\.2)(:[0-9]{0,6})?(/[a-z?]{0,3})?", fullmatch=True)
)
def test_only_the_port_of_a_loopback_is_free(sent):
    """What matches differs from what is registered in the port alone."""
    from urllib.parse import urlsplit

    for registered in ("http://127.0.0.1/cb", "http://[::1]:80/", "http://localhost/cb"):
        if matches(sent, (registered,), "native"):
            left, right = urlsplit(sent), urlsplit(registered)
            assert (left.scheme, left.hostname, left.path, left.query) == (
                right.scheme, right.hostname, right.path, right.query,
            )  # fmt: skip


@given(CLOSE | st.text("htps:/.a@%\\#?;0[]x", max_size=30))
def test_what_may_be_registered_has_one_host(uri):
    """Two independent readers agree on the host of every URI that passes."""
    import re
    from urllib.parse import urlsplit

    if fault(uri, application_type="web", confidential=True, production=False) is None:
        found = re.match(r"https?://([^/?#]*)", uri)
        assert found is not None
        assert found[1].lower() == urlsplit(uri).netloc.lower()
        assert not set(found[1]) & set("@\\%# \t")


@given(SCOPES | st.none(), SCOPES)
def test_scope_only_narrows(asked, granted):
    """Never more than was granted."""
    try:
        assert narrowed_scope(asked, granted) <= granted
    except Problem:
        assert asked is not None
        assert not asked or not asked <= granted


@given(
    st.lists(st.sampled_from([API, ISSUER, "https://x.example"]), max_size=3), st.lists(st.sampled_from([API, ISSUER]))
)
def test_audience_only_narrows(asked, granted):
    """Never more than was granted."""
    try:
        assert set(narrowed_audience(tuple(asked), tuple(granted))) <= set(granted)
    except Problem:
        assert not set(asked) <= set(granted)


# --- decisions -------------------------------------------------------------------------------------------------------


def grants(scope: frozenset[str], revoked: bool) -> Grant:
    return Grant(
        grant_id="g",
        client_id="web",
        subject="u1",
        grant_type="authorization_code",
        scope=scope,
        audience=(ISSUER, API),
        created_at=START,
        expires_at=START + timedelta(hours=2),
        revoked_at=START if revoked else None,
        keep_until=START + timedelta(days=9),
    )


CLIENTS = st.builds(
    lambda client_id, scopes, after: make_client(client_id, scopes=scopes, tokens_valid_after=START if after else None),
    st.sampled_from(["web", "web", "web", "other"]), SCOPES, st.sampled_from([False, False, False, True]),
)  # fmt: skip
SPENT = st.none() | st.builds(
    Spent, at=st.integers(-20, 20).map(lambda s: START + timedelta(seconds=s)), salt=st.just(b"salt")
)
GRANTS = st.builds(grants, SCOPES, st.sampled_from([False, False, True]))


@given(CLIENTS, GRANTS, SPENT, MOMENTS, st.sampled_from([None, "v" * 43, "w" * 43]), st.booleans(), st.booleans())
def test_codes(client, grant, spent, moment, verifier, challenged, right_uri):
    """A code is honoured for its client, unspent, in time, proved; a refusal writes at most a `Revoke` of its grant."""
    code = AuthorizationCode(
        key=digest("authorization_code", "c"),
        grant=evolve(grant, revoked_at=None),
        redirect_uri=CALLBACK,
        nonce=None,
        code_challenge=challenge_of("v" * 43) if challenged else None,
        code_challenge_method="S256" if challenged else None,
        expires_at=START + timedelta(seconds=60),
        keep_until=START + timedelta(days=9),
    )
    request = CodeRequest(client, "c", CALLBACK if right_uri else CALLBACK + "/", verifier, ())

    decision = AuthorizationCodeGrant().decide(request, Stored(record=code, grant=grant, spent=spent), SETTINGS, moment)

    if isinstance(decision.answer, Refusal):
        assert all(isinstance(one, Revoke) and one.id == "g" and spent for one in decision.changes)
        assert len(decision.changes) <= 1
        return
    assert client.client_id == "web"
    assert right_uri
    assert spent is None
    assert grant.revoked_at is None
    assert moment.now < code.expires_at
    assert verifier == ("v" * 43 if challenged else None)
    assert decision.answer.access.scope <= grant.scope & client.scopes


@given(CLIENTS, GRANTS, SPENT, MOMENTS, st.booleans(), SCOPES | st.none(), st.sampled_from([0, 10, 60]))
def test_refreshing(client, grant, spent, moment, used, asked, interval):
    """A token is honoured once, and repeated with one successor; a refusal writes at most one `Revoke` of its grant."""
    token = RefreshToken(
        key=digest("refresh_token", "t"),
        grant_id="g",
        generation=0,
        expires_at=START + timedelta(hours=1),
        keep_until=START,
    )
    request = RefreshRequest(client, "t", asked, ())
    facts = RefreshFacts(Stored(record=token, grant=grant, spent=spent), successor_used=used)
    settings = make_settings(refresh_token_reuse_interval=interval)

    decision = RefreshTokenGrant().decide(request, facts, settings, moment)

    if isinstance(decision.answer, Refusal):
        assert all(isinstance(one, Revoke) and one.id == "g" and spent for one in decision.changes)
        return
    assert client.client_id == "web"
    assert grant.revoked_at is None
    assert decision.answer.access.scope <= grant.scope & client.scopes
    if spent is not None:
        assert decision.answer.refresh_token == successor_of("t", b"salt")
        assert moment.now < spent.at + timedelta(seconds=interval)
        assert interval
        assert not used
        assert decision.changes == ()
