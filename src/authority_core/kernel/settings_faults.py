"""What can be wrong with settings: values out of range and combinations that are unsafe, one sentence each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from .addresses import networks

if TYPE_CHECKING:
    from .settings import Settings

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,128}\Z")  # RFC 6749 §3.3
_URL_TEXT = re.compile(r"[A-Za-z0-9._~:/\[\]@!$&'()*+,;=%?#-]+\Z")  # RFC 3986 §2
_USUAL_PORTS = {"https": ":443", "http": ":80"}
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")
_COOKIE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")

HELP = {
    "issuer": "give the public address of this server, such as https://id.example.com.",
    "secret_key": "make one with `python -c 'import secrets; print(secrets.token_hex(32))'`.",
}
"""What to do about the two settings that have no default."""


def faults_of(settings: Settings) -> list[str]:
    """Return one sentence for everything that is wrong with *settings*."""
    faults = list(_issuer_faults(settings))
    secrets = [("secret_key", settings.secret_key)]
    secrets += [("secret_key_previous", secret) for secret in settings.secret_key_previous]
    for name, key in secrets:
        text = key.reveal()
        if len(text.encode()) < 32:
            faults.append(f"{name} is shorter than 32 bytes: " + HELP["secret_key"])
        elif settings.env == "production" and len(set(text)) < 8:
            faults.append(f"{name} is too regular to be random: " + HELP["secret_key"])
    for attribute in attrs.fields(type(settings)):
        value, rule = getattr(settings, attribute.name), attribute.metadata
        if "low" in rule and not (type(value) is int and rule["low"] <= value <= rule["high"]):
            faults.append(f"{attribute.name} must be a whole number from {rule['low']} to {rule['high']}.")
        if "options" in rule and value not in rule["options"]:
            faults.append(f"{attribute.name} must be one of {', '.join(rule['options'])}.")
    faults.extend(_scope_faults(settings))
    if not _COLOUR.match(settings.primary_color):
        faults.append("primary_color must be six hexadecimal digits after #, such as #7c3aed.")
    if not _COOKIE_NAME.match(settings.session_key):
        faults.append("session_key must be letters, digits, - and _.")
    try:
        networks(settings.trusted_proxies)
    except ValueError:
        faults.append("trusted_proxies must be addresses or networks, such as 10.0.0.0/8.")
    faults.extend(_combination_faults(settings))
    return faults


def _issuer_faults(settings: Settings) -> list[str]:
    try:
        parts = urlsplit(settings.issuer)
        host = parts.hostname
        parts.port  # noqa: B018 - raises ValueError for a port that is none
    except ValueError:
        return ["issuer is not a URL."]
    if parts.scheme not in ("http", "https") or not host:
        return ["issuer must be an https URL, such as https://id.example.com."]
    if not _URL_TEXT.match(settings.issuer):
        return ["issuer must be plain ASCII without blanks: it goes into headers and tokens as it is."]
    if parts.query or parts.fragment or "?" in settings.issuer or "#" in settings.issuer or parts.username is not None:
        return ["issuer must have no query, no fragment and no user name (RFC 8414 §2)."]
    spelled = f"{parts.scheme}://{parts.netloc.lower().removesuffix(_USUAL_PORTS[parts.scheme])}"
    if not f"{settings.issuer}/".startswith(f"{spelled}/"):
        return [f"issuer must begin as browsers spell it, {spelled}: lower case, without the usual port."]
    if parts.scheme == "http" and host not in LOOPBACK_HOSTS:
        return ["issuer must be https: plain http is for loopback hosts in development only (RFC 8414 §2)."]
    if parts.scheme == "http" and settings.env == "production":
        return ["issuer must be https in production."]
    return []


def _scope_faults(settings: Settings) -> list[str]:
    faults = []
    names = [scope.name for scope in settings.scopes]
    for name in names:
        if not _SCOPE_TOKEN.match(name):
            faults.append(f"scopes: {name[:40]!r} is not a scope name (RFC 6749 §3.3).")
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(f"scopes: {name} is there twice.")
    for name in settings.default_scopes:
        if name not in names:
            faults.append(f"default_scopes: {name[:40]!r} is not among scopes.")
    return faults


def _combination_faults(settings: Settings) -> list[str]:
    faults = []
    if settings.refresh_token_absolute_ttl < settings.refresh_token_ttl:
        faults.append("refresh_token_absolute_ttl must not be shorter than refresh_token_ttl.")
    if settings.env == "production" and settings.allow_plain_pkce:
        faults.append("allow_plain_pkce is refused in production (RFC 9700 §2.1.1).")
    if settings.password_max_length < settings.password_min_length:
        faults.append("password_max_length must not be shorter than password_min_length.")
    return faults
