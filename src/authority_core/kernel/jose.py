"""The one place that touches JOSE: keys, signing and verifying compact JWS.

Keys are imported once and kept; the protected header is encoded once per key and type. Verification accepts the
compact form only, with the algorithm fixed by the key, never by the token (RFC 8725 §3.1). It knows no claim's meaning
beyond the times, issuer and audience that every JWT shares.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache, partial
from hashlib import sha256
from typing import Any, cast

from attrs import field, frozen
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from joserfc.errors import JoseError, SecurityWarning

from .encoding import Json, base64url_bytes, base64url_decode, decode_json_object, encode_json

MAX_TOKEN = 16_384
"""Characters of a JWT that are looked at; longer ones are refused before decoding."""

LATEST = 253_402_300_799
"""The last second of the year 9999, beyond which no calendar here can count."""

_KEY_TYPES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "ES384": "EC", "EdDSA": "OKP"}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "EdDSA": "Ed25519"}
ALGORITHMS = tuple(_KEY_TYPES)
"""Algorithms that can be verified; all asymmetric, so that no public key ever serves as a shared secret."""


class InvalidToken(Exception):
    """A JWT that is not what it must be. The message is a fixed phrase and carries nothing of the token."""


class Expired(InvalidToken):
    """A JWT that was right in every other way, until its `exp` came."""


def _imported(jwk: Mapping[str, object], algorithm: str) -> Any:
    from joserfc.jwk import import_key  # takes a fifth of the time that the whole core takes to import

    return import_key(cast(Any, dict(jwk)), cast(Any, _KEY_TYPES[algorithm]))


@cache
def _algorithm(name: str) -> Any:
    from joserfc.jws import JWSRegistry

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # "EdDSA" is the name that clients know
        return JWSRegistry(algorithms=list(ALGORITHMS)).get_alg(name)


def generate_private_jwk(algorithm: str) -> dict[str, object]:
    """Make a new private key for *algorithm* as a JWK; an RSA key has 2048 bits and takes some 100 ms."""
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    key: RSAKey | ECKey | OKPKey
    match _KEY_TYPES[algorithm]:
        case "RSA":
            key = RSAKey.generate_key(2048, private=True)
        case "EC":
            key = ECKey.generate_key(cast(Any, _CURVES[algorithm]), private=True)
        case _:
            key = OKPKey.generate_key(cast(Any, _CURVES[algorithm]), private=True)
    return dict(key.as_dict(private=True))


def public_jwk(private: Mapping[str, object], algorithm: str) -> dict[str, object]:
    """Return the public half of a *private* JWK for publication: `kid` is its RFC 7638 thumbprint."""
    key = _imported(private, algorithm)
    members = dict(key.as_dict(private=False))
    members.update(kid=key.thumbprint(), use="sig", alg=algorithm)
    return members


@frozen(eq=False)
class PrivateKey:
    """A key ready to sign: imported once, its headers encoded once."""

    kid: str
    algorithm: str
    _signature: Callable[[bytes], bytes] = field(repr=False)
    _headers: dict[str, bytes] = field(factory=dict, repr=False, init=False)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object], algorithm: str, kid: str) -> PrivateKey:
        """Import a private *jwk*; for RSA this costs about 40 ms, so never per request."""
        key = _imported(jwk, algorithm)
        return cls(kid, algorithm, _signature_by(algorithm, key))

    def sign(self, typ: str, claims: Mapping[str, object]) -> str:
        """Return *claims* as a compact JWS (RFC 7515 §3.1) with this key's `alg` and `kid`, and *typ*."""
        header = self._headers.get(typ)
        if header is None:
            members = {"alg": self.algorithm, "typ": typ, "kid": self.kid}
            header = self._headers[typ] = base64url_bytes(encode_json(members).encode("utf-8")) + b"."
        signed = header + base64url_bytes(encode_json(claims).encode("utf-8"))
        return (signed + b"." + base64url_bytes(self._signature(signed))).decode("ascii")


def _signature_by(algorithm: str, key: Any) -> Callable[[bytes], bytes]:
    """Return what signs with *key*: joserfc, but for ES256, where it would add a third to the signature's price."""
    native = key.private_key
    if algorithm != "ES256" or not isinstance(native, ec.EllipticCurvePrivateKey):
        return partial(_algorithm(algorithm).sign, key=key)
    ecdsa = ec.ECDSA(Prehashed(hashes.SHA256()))  # hashed by hashlib, which is quicker at it
    return lambda signed: two_halves(native.sign(sha256(signed).digest(), ecdsa))


def two_halves(der: bytes) -> bytes:
    """Return an ECDSA signature over P-256, in *der* (RFC 3279 §2.2.3), as 64 bytes (RFC 7518 §3.4).

    DER writes both integers without leading zeros, but with one before a first bit that is set.
    """
    second = 4 + der[3]
    return der[4:second][-32:].rjust(32, b"\0") + der[second + 2 :][-32:].rjust(32, b"\0")


@frozen(eq=False)
class PublicKey:
    """A key ready to verify, good for one algorithm only."""

    kid: str | None
    algorithm: str
    _key: Any = field(repr=False)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object], algorithm: str | None = None) -> PublicKey:
        """Import a public *jwk*. Raises `ValueError` for private, symmetric, weak, foreign or malformed keys."""
        kid = jwk.get("kid")
        named = jwk.get("alg")
        algorithm = algorithm or (named if isinstance(named, str) else _guess(jwk))
        if algorithm == "Ed25519":
            algorithm = "EdDSA"
        if "d" in jwk or "k" in jwk:
            raise ValueError("a public key is wanted")
        if algorithm not in _KEY_TYPES or jwk.get("kty") != _KEY_TYPES[algorithm]:
            raise ValueError("the key does not fit its algorithm")
        if algorithm in _CURVES and jwk.get("crv") != _CURVES[algorithm]:
            raise ValueError("the curve does not fit the algorithm")
        try:
            key = _imported(jwk, algorithm)
            size = getattr(key.raw_value, "key_size", 2048)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ValueError("not a usable key") from error
        if _KEY_TYPES[algorithm] == "RSA" and size < 2048:
            raise ValueError("an RSA key needs 2048 bits")  # RFC 7518 §3.3
        return cls(kid if isinstance(kid, str) else None, algorithm, key)

    def verify(self, signed: bytes, signature: bytes) -> bool:
        """Tell whether *signature* over *signed* is this key's."""
        try:
            return bool(_algorithm(self.algorithm).verify(signed, signature, self._key))
        except (JoseError, ValueError, TypeError):
            return False


def _guess(jwk: Mapping[str, object]) -> str | None:
    """The algorithm of a key that does not name one: by type and curve; RSA means RS256."""
    match jwk.get("kty"), jwk.get("crv"):
        case "RSA", _:
            return "RS256"
        case "EC", "P-256":
            return "ES256"
        case "EC", "P-384":
            return "ES384"
        case "OKP", "Ed25519":
            return "EdDSA"
        case _:
            return None


@frozen
class Jwt:
    """A verified JWT."""

    header: Json
    claims: Json = field(repr=False)


def unverified_kid(token: str) -> str | None:
    """Return the `kid` a *token* names, to find its key; raises `InvalidToken` when there is no sound header."""
    return _kid(_header(token))


def _kid(header: Json) -> str | None:
    kid = header.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= 256):
        raise InvalidToken("the key id is not usable")
    return kid


def _header(token: str) -> Json:
    if len(token) > MAX_TOKEN or token.count(".") != 2:
        raise InvalidToken("not a compact JWS")
    try:
        header = decode_json_object(base64url_decode(token.partition(".")[0]))
    except ValueError:
        raise InvalidToken("the header is malformed") from None
    if "crit" in header or "b64" in header or "zip" in header:
        raise InvalidToken("the header asks for an extension")  # none is implemented (RFC 7515 §4.1.11)
    return header


def verify(token: str, keys: Iterable[PublicKey], *, typ: frozenset[str]) -> Jwt:
    """Return the header and claims of *token* once its signature is proved.

    *typ* lists the media types that are right for this use, in lower case; `""` stands for none (RFC 8725 §3.11).
    Raises `InvalidToken` for everything else; no error tells a forger how far it came.
    """
    header = _header(token)
    kind = header.get("typ", "")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in typ:
        raise InvalidToken("not a token of this kind")
    kid, algorithm = _kid(header), named_algorithm(header.get("alg"))
    fitting = [key for key in keys if key.algorithm == algorithm]
    fitting = [key for key in fitting if key.kid == kid] if kid is not None else fitting
    if len(fitting) != 1:
        raise InvalidToken("no one key fits")
    signed, _, tail = token.rpartition(".")
    try:
        signature, payload = base64url_decode(tail), base64url_decode(signed.partition(".")[2])
    except ValueError:
        raise InvalidToken("not a compact JWS") from None
    if not fitting[0].verify(signed.encode("ascii"), signature):
        raise InvalidToken("the signature is wrong")
    try:
        return Jwt(header, decode_json_object(payload))
    except ValueError:
        raise InvalidToken("the claims are malformed") from None


def named_algorithm(name: object) -> object:
    """Return *name* as JOSE libraries know it: RFC 9864 names the curve, `Ed25519`, and they the family, `EdDSA`."""
    return "EdDSA" if name == "Ed25519" else name


def check_claims(claims: Json, *, issuer: str, audience: str | None, now: datetime, skew: int = 0) -> None:
    """Check `iss`, `aud`, `exp`, `nbf` and `iat` of *claims* (RFC 7519 §4.1); *skew* is in seconds.

    *audience* `None` leaves `aud` to the caller. Raises `InvalidToken`.
    """
    if claims.get("iss") != issuer:
        raise InvalidToken("another issuer's token")
    if audience is not None and audience not in audiences(claims):
        raise InvalidToken("meant for another audience")
    seconds = now.timestamp()
    expires = _numeric_date(claims, "exp")
    for name in ("nbf", "iat"):
        start = _numeric_date(claims, name)
        if start is not None and start > seconds + skew:
            raise InvalidToken("not valid yet")
    if expires is None:
        raise InvalidToken("without an end")
    if seconds >= expires + skew:
        raise Expired("expired")


def audiences(claims: Json) -> tuple[str, ...]:
    """Return `aud` as a tuple; raises `InvalidToken` unless it is a string or a list of strings (RFC 7519 §4.1.3)."""
    value = claims.get("aud")
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise InvalidToken("the audience is malformed")


def _numeric_date(claims: Json, name: str) -> int | float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidToken("a time is malformed")
    if not 0 <= value <= LATEST:
        raise InvalidToken("a time is out of range")
    return value
