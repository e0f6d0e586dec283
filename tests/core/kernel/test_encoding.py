"""Bytes and text: one spelling each, and JSON that cannot mean two things."""

from __future__ import annotations

import pytest

from authority_core.kernel.encoding import (
    base64url,
    base64url_decode,
    decode_json_object,
    digest,
    encode_json,
    equal,
    freeze,
    keyed_digest,
)
from authority_core.kernel.values import Secret, join_words, split_words


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_base64url_round_trips(data):
    """Every byte string has a text and comes back from it."""
    assert base64url_decode(base64url(data)) == data


@pytest.mark.parametrize("text", ["YQ==", "YQ=", "Y", "YR", "Y Q", "YQ\n", "Y+", "Y/", "YQ\x00", "é", "YWJ$"])
def test_base64url_has_one_spelling(text):
    """Padding, white space, foreign characters and spare bits are refused."""
    with pytest.raises(ValueError):
        base64url_decode(text)


@pytest.mark.parametrize("data", [b"{}", b'{"a": [1, 2.5, null, true]}', '{"é": "ü"}'.encode()])
def test_sound_json_objects_are_read(data):
    """The positive control."""
    assert isinstance(decode_json_object(data), dict)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"1", b"null", b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'{"a":{"b":1,"b":1}}', b'{"a":NaN}',
        b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e400}', b"\xef\xbb\xbf{}", "{}".encode("utf-16"),
        b'{"a":"\xff"}', b"{" * 200_000, b'{"a":' + b"[" * 200_000, b'{"a":' + b"9" * 100_000 + b"}", b"{}x",
    ],
)  # fmt: skip
def test_doubtful_json_is_refused(data):
    """Duplicate names, foreign numbers, other encodings and bottomless nesting are a `ValueError` and nothing else."""
    with pytest.raises(ValueError):
        decode_json_object(data)


def test_json_that_is_no_json_is_not_written():
    """NaN never leaves."""
    assert encode_json({"a": "é", "b": 1}) == '{"a":"é","b":1}'
    with pytest.raises(ValueError):
        encode_json({"a": float("nan")})


def test_the_kind_is_part_of_a_digest():
    """A code never matches as a token, and no join of kind and secret collides."""
    assert digest("a", "bc") != digest("ab", "c")
    assert digest("code", "x") == digest("code", "x") != digest("token", "x")
    assert len(digest("a", "\ud800")) == 32


def test_a_keyed_digest_needs_its_key():
    """The same value under two keys, or as two kinds, has two digests."""
    assert keyed_digest(b"1", "a", "x") == keyed_digest(b"1", "a", "x")
    assert len({keyed_digest(b"1", "a", "x"), keyed_digest(b"2", "a", "x"), keyed_digest(b"1", "b", "x")}) == 3


def test_small_helpers():
    """Comparison, freezing and words."""
    assert equal(b"a", b"a")
    assert not equal(b"a", b"b")
    assert freeze({"a": 1, "b": 2}) == (("a", 1), ("b", 2))
    assert split_words(" a  b a ") == {"a", "b"}
    assert split_words(None) == frozenset()
    assert join_words(frozenset({"b", "a"})) == "a b"


def test_a_secret_shows_nothing():
    """No way of turning it into text or bytes gives it away; `reveal` does."""
    import pickle

    secret = Secret("hidden")

    assert "hidden" not in f"{secret}{secret!r}{secret:>20}{[secret]}" + f"{secret} {secret!r}"
    assert secret.reveal() == "hidden"
    assert secret == Secret("hidden")
    assert hash(secret) == hash(Secret("hidden"))
    assert secret != Secret("other")
    assert secret != "hidden"
    assert not Secret("")
    with pytest.raises(TypeError):
        pickle.dumps(secret)
