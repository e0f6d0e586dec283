"""Bytes and text: base64url, digests, constant-time comparison.

Every comparison of a secret in this library goes through `equal` or through a look-up by `Digest`.
This module knows nothing of tokens' meaning; the *kind* of a digest is a plain name chosen by the caller.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import math
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NewType, cast

# SHA-256 (or HMAC-SHA-256) of a secret with its kind mixed in; the only form of a secret that storage sees.
if TYPE_CHECKING:
    Digest = NewType("Digest", bytes)
else:  # what a new type does at run time, without a call
    Digest = bytes


Json = dict[str, object]
"""A decoded JSON object."""

_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False)
_kept: Any = getattr(json.encoder, "c_make_encoder", None)
if _kept is not None:  # what JSONEncoder.encode makes anew for every value, at a third of the price of a small one
    _kept = _kept(None, _encoder.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)


def encode_json(value: object) -> str:
    """Return the compact JSON text of *value*; raises `ValueError` for NaN and infinities (RFC 8259 §6)."""
    return _encoder.encode(value) if _kept is None else "".join(_kept(value, 0))


quoted: Callable[[str], str] = json.encoder.encode_basestring
"""Return the JSON text of a string."""

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def base64url(data: bytes) -> str:
    """Return *data* as base64url without padding (RFC 7515 §2)."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE, b"=").decode("ascii")


def base64url_bytes(data: bytes) -> bytes:
    """Return *data* as base64url in bytes, for what is signed or sent as it is."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE, b"=")


def base64url_decode(text: str) -> bytes:
    """Return the bytes of *text*, accepting exactly the one canonical spelling of them.

    Raises `ValueError` for padding, foreign characters, white space or spare bits, so that one byte string
    has one text (RFC 7515 §2, RFC 4648 §3.5).
    """
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error
    if base64url(data) != text:
        raise ValueError("not canonical base64url")
    return data


def digest(kind: str, secret: str) -> Digest:
    """Return the look-up key of a *secret* with 256 bits of entropy, as *kind*; a code never matches as a token."""
    hashed = sha256(f"{kind}\x00{secret}".encode("utf-8", "surrogatepass"))
    return hashed.digest()  # type: ignore[return-value]  # not `Digest(…)`, which is a call at run time


def keyed_digest(key: bytes, kind: str, value: str) -> Digest:
    """Return an HMAC-SHA-256 look-up key for a *value* of low entropy, which a plain digest would not protect."""
    message = kind.encode("ascii") + b"\x00" + value.encode("utf-8", "surrogatepass")
    return Digest(hmac.digest(key, message, "sha256"))


equal: Callable[[bytes, bytes], bool] = hmac.compare_digest
"""Compare two byte strings in time that does not depend on where they differ."""


def _unique_members(pairs: list[tuple[str, object]]) -> Json:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member name")
    return members


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


_decoder = json.JSONDecoder(
    object_pairs_hook=_unique_members, parse_constant=_refuse_constant, parse_float=_finite, strict=True
)


def decode_json_object(data: bytes) -> Json:
    """Return the JSON object in *data*.

    Raises `ValueError` unless *data* is UTF-8 without a byte-order mark, one object, with unique member names
    (RFC 7515 §4, RFC 7519 §4), finite numbers and bounded nesting.
    """
    try:
        value: object = _decoder.decode(data.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return cast(Json, value)


def freeze(mapping: Mapping[str, object]) -> tuple[tuple[str, object], ...]:
    """Return *mapping* as a hashable tuple of pairs, in order."""
    return tuple(mapping.items())
