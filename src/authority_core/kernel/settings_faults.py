"""What can be wrong with settings: values out of range and combinations that are unsafe, one sentence each.

A sentence begins with the setting's name, and says what it must be and, of what is no secret, what it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from .addresses import networks
from .scopes import STANDARD_SCOPES, Scope

if TYPE_CHECKING:
    from .settings import Settings

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,128}\Z")  # RFC 6749 §3.3
_URL_TEXT = re.compile(r"[A-Za-z0-9._~:/\[\]@!$&'()*+,;=%?#-]+\Z")  # RFC 3986 §2
_USUAL_PORTS = {"https": ":443", "http": ":80"}
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")
_STANDARD = frozenset(scope.name for scope in STANDARD_SCOPES)
_COOKIE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")

HELP = {
    "issuer": "give the public address of this server, such as https://id.example.com.",
    "secret_key": "make one with `python -c 'import secrets; print(secrets.token_hex(32))'`.",
}
"""What to do about the two settings that have no default."""


def faults_of(settings: Settings) -> list[str]:
    """Return one sentence for everything that is wrong with *settings*."""
    faults = list(_issuer_faults(settings))
    faults.extend(_secret_faults(settings))
    for attribute in attrs.fields(type(settings)):
        value, rule = getattr(settings, attribute.name), attribute.metadata
        if "low" in rule and not (type(value) is int and rule["low"] <= value <= rule["high"]):
            faults.append(f"{attribute.name} {whole_number(rule['low'], rule['high'], value)}")
        if "options" in rule and value not in rule["options"]:
            faults.append(f"{attribute.name} must be one of {', '.join(rule['options'])}, not {short(value)}.")
    faults.extend(_scope_faults(settings))
    if not _COLOUR.match(settings.primary_color):
        given = short(settings.primary_color)
        faults.append(f"primary_color must be six hexadecimal digits after #, such as #7c3aed, not {given}.")
    if not _COOKIE_NAME.match(settings.session_key):
        given = short(settings.session_key)
        faults.append(f"session_key names a cookie: it must be up to 64 letters, digits, - and _, not {given}.")
    faults.extend(_proxy_faults(settings))
    faults.extend(_combination_faults(settings))
    return faults


def whole_number(low: int, high: int, value: object) -> str:
    """Return what is wrong with a *value* that is no whole number from *low* to *high*."""
    return f"must be a whole number from {low} to {high}, not {short(value)}."


def short(value: object) -> str:
    """Return *value* as a sentence may quote it."""
    try:
        text = repr(value)
    except ValueError:  # a number of thousands of digits, which Python does not spell
        return "a number beyond all bounds"
    return text if len(text) <= 40 else f"{text[:39]}…"


def _secret_faults(settings: Settings) -> list[str]:
    secrets = [("secret_key", settings.secret_key, HELP["secret_key"])]
    earlier = "give it as it was, or leave it out when nothing is encrypted under it any more."
    secrets += [("secret_key_previous", secret, earlier) for secret in settings.secret_key_previous]
    faults = []
    for name, key, advice in secrets:
        text = key.reveal()
        if len(text.encode()) < 32:
            faults.append(f"{name} is shorter than 32 bytes: {advice}")
        elif settings.env == "production" and len(set(text)) < 8:
            faults.append(f"{name} is too regular to be random: {advice}")
    return faults


def _proxy_faults(settings: Settings) -> list[str]:
    faults = []
    for text in settings.trusted_proxies:
        try:
            networks((text,))
        except ValueError:
            faults.append(f"trusted_proxies must be addresses or networks, such as 10.0.0.0/8, not {short(text)}.")
    return faults


def _issuer_faults(settings: Settings) -> list[str]:
    try:
        parts = urlsplit(settings.issuer)
        host = parts.hostname
        parts.port  # noqa: B018 - raises ValueError for a port that is none
    except ValueError:
        return ["issuer is not a URL: " + HELP["issuer"]]
    if parts.scheme not in ("http", "https") or not host:
        return ["issuer must be an https URL, such as https://id.example.com."]
    if not _URL_TEXT.match(settings.issuer):
        spelling = "write a host of other letters as xn--…, and other characters of the path as %…."
        return ["issuer must be plain ASCII without blanks, for it goes into headers and tokens as it is: " + spelling]
    if parts.query or parts.fragment or "?" in settings.issuer or "#" in settings.issuer or parts.username is not None:
        return ["issuer must have no query, no fragment and no user name (RFC 8414 §2)."]
    spelled = f"{parts.scheme}://{parts.netloc.lower().removesuffix(_USUAL_PORTS[parts.scheme])}"
    if not f"{settings.issuer}/".startswith(f"{spelled}/"):
        return [f"issuer must begin as browsers spell it, {spelled}: lower case, without the usual port."]
    if parts.scheme == "http" and host not in LOOPBACK_HOSTS:
        return ["issuer must be https: plain http is for loopback hosts in development only (RFC 8414 §2)."]
    if parts.scheme == "http" and settings.env == "production":
        return ["issuer must be https in production: to try a server on your own machine, set env to development."]
    return []


def _scope_faults(settings: Settings) -> list[str]:
    faults = []
    for scope in settings.scopes:
        if not isinstance(scope, Scope):
            return [f"scopes: {short(scope)} must be a Scope, such as Scope('read', 'Read your files')."]
    names = [scope.name for scope in settings.scopes]
    for name in names:
        if not _SCOPE_TOKEN.match(name):
            faults.append(
                f"scopes: {short(name)} is not a name for a scope (RFC 6749 §3.3): "
                "use up to 128 ASCII characters, no blanks, quotation marks or backslashes."
            )
    for name in sorted({name for name in names if names.count(name) > 1}):
        standard = ": AUTHORITY_SCOPES names only what comes besides the standard ones" if name in _STANDARD else ""
        faults.append(f"scopes: {name} is there twice{standard}.")
    for name in settings.default_scopes:
        if name not in names:
            faults.append(f"default_scopes: {short(name)} is not among scopes: add it there, or leave it out here.")
    return faults


def _combination_faults(settings: Settings) -> list[str]:
    faults = []
    if settings.refresh_token_absolute_ttl < settings.refresh_token_ttl:
        faults.append(
            f"refresh_token_absolute_ttl ({settings.refresh_token_absolute_ttl}) must not be shorter than "
            f"refresh_token_ttl ({settings.refresh_token_ttl}): no token outlives its grant."
        )
    if settings.env == "production" and settings.allow_plain_pkce:
        faults.append("allow_plain_pkce is refused in production (RFC 9700 §2.1.1): let clients use S256.")
    if settings.password_max_length < settings.password_min_length:
        faults.append(
            f"password_max_length ({settings.password_max_length}) must not be less than "
            f"password_min_length ({settings.password_min_length})."
        )
    return faults
