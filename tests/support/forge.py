"""Tokens that no honest server makes: any header and any claims, signed correctly by code of the tests' own."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from authority_core.kernel.encoding import base64url, base64url_decode, encode_json

from . import keys


def _number(jwk: dict[str, object], name: str) -> int:
    return int.from_bytes(base64url_decode(str(jwk[name])), "big")


def raw_signature(signed: bytes, algorithm: str = "ES256", name: str = "first") -> bytes:
    """Return the JWS signature over *signed* with the key called *name*, by `cryptography` alone."""
    jwk = keys.private_jwk(algorithm, name)
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.from_private_bytes(base64url_decode(str(jwk["d"]))).sign(signed)
    if algorithm.startswith("ES"):
        curve, digest, size = (
            (ec.SECP256R1(), hashes.SHA256(), 32) if algorithm == "ES256" else (ec.SECP384R1(), hashes.SHA384(), 48)
        )
        der = ec.derive_private_key(_number(jwk, "d"), curve).sign(signed, ec.ECDSA(digest))
        r, s = utils.decode_dss_signature(der)
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    public = rsa.RSAPublicNumbers(_number(jwk, "e"), _number(jwk, "n"))
    names = ("p", "q", "d", "dp", "dq", "qi")
    private = rsa.RSAPrivateNumbers(*(_number(jwk, one) for one in names), public).private_key()
    pad = padding.PKCS1v15() if algorithm == "RS256" else padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return private.sign(signed, pad, hashes.SHA256())


def signing_input(header: object, claims: object) -> str:
    """Return `header.payload`; texts are taken as they are."""
    parts = (part if isinstance(part, str) else encode_json(part) for part in (header, claims))
    return ".".join(base64url(part.encode("utf-8")) for part in parts)


def forged(header: object, claims: object = None, algorithm: str = "ES256", name: str = "first") -> str:
    """Return a token with any *header* and *claims* (values, or JSON texts), signed correctly over both."""
    signed = signing_input(header, {} if claims is None else claims)
    return f"{signed}.{base64url(raw_signature(signed.encode(), algorithm, name))}"


def header_for(typ: str = "JWT", algorithm: str = "ES256", name: str = "first", **changes: object) -> dict[str, object]:
    """Return an honest header with *changes*; `None` leaves a member out."""
    values = {"alg": algorithm, "typ": typ, "kid": keys.public_half(algorithm, name)["kid"], **changes}
    return {member: value for member, value in values.items() if value is not None}
