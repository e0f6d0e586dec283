"""Settings: one frozen value, validated as a whole, from code or from `AUTHORITY_…` environment variables.

Every fault is reported at once. Weak choices exist only as `allow_…` and are false by default. The table in the
documentation is made from this file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import attrs
from attrs import field, frozen

from .addresses import networks
from .problems import ConfigurationError
from .values import Secret

PREFIX = "AUTHORITY_"
SIGNING_ALGORITHMS = ("RS256", "ES256", "EdDSA")
TOKEN_FORMATS = ("jwt", "opaque")
ENVIRONMENTS = ("development", "production", "test")
THEMES = ("auto", "dark", "light")
AUDIT_LEVELS = ("all", "important", "errors")
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,128}\Z")  # RFC 6749 §3.3
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")
_COOKIE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")

T = TypeVar("T")


@frozen
class Scope:
    """A scope as people see it on the consent page, and the claims it releases (OpenID Connect Core §5.4)."""

    name: str
    display_name: str
    description: str = ""
    claims: tuple[str, ...] = ()
    public: bool = True
    """Listed in the metadata."""


STANDARD_SCOPES = (
    Scope("openid", "Confirm who you are", "Your account's identifier", ("sub",)),
    Scope(
        "profile",
        "See your profile",
        "Your name, picture and the like",
        (
            "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile",
            "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
        ),
    ),
    Scope("email", "See your e-mail address", "Your address and whether it is verified", ("email", "email_verified")),
    Scope("address", "See your postal address", "", ("address",)),
    Scope("phone", "See your phone number", "", ("phone_number", "phone_number_verified")),
    Scope("offline_access", "Keep access while you are away", "It stays signed in until you sign it out"),
)  # fmt: skip


def _integer(default: int, low: int, high: int, doc: str) -> int:
    return field(default=default, metadata={"doc": doc, "read": int, "low": low, "high": high})


def _flag(default: bool, doc: str) -> bool:
    return field(default=default, metadata={"doc": doc, "read": _boolean})


def _choice(default: T, options: tuple[str, ...], doc: str) -> T:
    return field(default=default, metadata={"doc": doc, "read": str, "options": options})


def _text(default: T, doc: str) -> T:
    return field(default=default, metadata={"doc": doc, "read": str})


def _words(default: tuple[str, ...], doc: str) -> tuple[str, ...]:
    return field(default=default, converter=tuple, metadata={"doc": doc, "read": _list})


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in ("true", "1", "yes", "on"):
        return True
    if lowered in ("false", "0", "no", "off"):
        return False
    raise ValueError("must be true or false")


def _list(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[,\s]+", text) if word)


def _without_slash(issuer: str) -> str:
    return issuer.rstrip("/")


def _as_secret(value: str | Secret) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)


def _as_secrets(values: Iterable[str | Secret]) -> tuple[Secret, ...]:
    return tuple(_as_secret(value) for value in values)


def _algorithm(name: str) -> str:
    return "EdDSA" if name == "Ed25519" else name  # RFC 9864 names the curve; JOSE libraries know the older name


@frozen(kw_only=True)
class Settings:
    """How one issuer behaves. Durations are in seconds unless the name says otherwise.

    Args:
        issuer: The `iss` of every token and the base of every address; `https`, or `http` on a loopback host.
        secret_key: A master secret of 32 bytes or more.

    Raises:
        ConfigurationError: With every fault at once.

    >>> Settings(issuer="http://localhost:4000", secret_key="k" * 32).access_token_ttl
    3600
    """

    issuer: str = field(
        converter=_without_slash,
        metadata={"doc": "The `iss` of every token and the base of every address.", "read": str},
    )
    secret_key: Secret = field(
        converter=_as_secret, metadata={"doc": "Master secret, 32 bytes or more, equal on all instances.", "read": str}
    )
    secret_key_previous: tuple[Secret, ...] = field(
        default=(),
        converter=_as_secrets,
        metadata={"doc": "Earlier master secrets: they decrypt, and encrypt nothing.", "read": _list},
    )
    env: str = _choice("development", ENVIRONMENTS, "`production` refuses what only development may do.")

    # tokens
    access_token_ttl: int = _integer(3600, 60, 86400, "Life of an access token, seconds.")
    refresh_token_ttl: int = _integer(2_592_000, 300, 31_536_000, "Sliding life of one refresh token, seconds.")
    refresh_token_absolute_ttl: int = _integer(31_536_000, 300, 315_360_000, "End of a whole grant, seconds.")
    refresh_token_reuse_interval: int = _integer(
        10, 0, 60, "A used refresh token presented again within it gets the same successor; 0 is strict. Seconds."
    )
    id_token_ttl: int = _integer(3600, 60, 86400, "Life of an ID token, seconds.")
    code_ttl: int = _integer(60, 10, 600, "Life of an authorization code, seconds.")
    code_replay_interval: int = _integer(
        10, 0, 60, "A code redeemed again within it, by its client with the right verifier, revokes nothing. Seconds."
    )
    access_token_format: str = _choice("jwt", TOKEN_FORMATS, "`jwt` (RFC 9068) or `opaque`.")
    access_token_algorithm: str = field(
        default="ES256",
        converter=_algorithm,
        metadata={"doc": "Algorithm of JWT access tokens.", "read": str, "options": SIGNING_ALGORITHMS},
    )
    jwt_algorithm: str = field(
        default="RS256",
        converter=_algorithm,
        metadata={"doc": "Algorithm of ID tokens unless a client differs.", "read": str, "options": SIGNING_ALGORITHMS},
    )
    default_audience: str | None = _text(None, "`aud` when no resource is asked for; the issuer when unset.")
    issue_refresh_without_offline_access: bool = _flag(
        False, "Give a refresh token to every client with the grant, `offline_access` or not."
    )

    # protocol
    scopes: tuple[Scope, ...] = field(
        default=STANDARD_SCOPES, converter=tuple, metadata={"doc": "Scopes besides the standard ones: names."}
    )
    default_scopes: tuple[str, ...] = _words(("openid",), "Scopes of a request that names none.")
    require_state: bool = _flag(False, "Refuse authorization requests without `state`.")
    allow_public_pkce_only: bool = _flag(False, "Let confidential clients leave PKCE out.")
    allow_plain_pkce: bool = _flag(False, "Accept the `plain` challenge method.")
    interaction_ttl: int = _integer(1800, 60, 7200, "Time a person has for sign-in and consent, seconds.")
    consent_ttl_days: int = _integer(0, 0, 3650, "End of remembered consent, days; 0 is none.")
    client_secret_overlap: int = _integer(86400, 0, 31_536_000, "Life of the old secret after rotation, seconds.")
    key_publish_lead: int = _integer(7200, 0, 2_592_000, "Time a new key is published before it signs, seconds.")
    jwks_cache_ttl: int = _integer(3600, 0, 86400, "`max-age` of metadata and JWKS, seconds.")
    clock_skew: int = _integer(30, 0, 60, "Leeway on inbound times, seconds.")

    # sessions
    session_key: str = _text("session_id", "Name of the session cookie; `__Host-` is put before it under https.")
    session_duration_days: int = _integer(7, 1, 365, "Absolute life of a session, days.")
    idle_timeout_minutes: int = _integer(30, 0, 10080, "Idle life of a session, minutes; 0 is none.")
    session_touch_seconds: int = _integer(60, 0, 600, "Write the time of last activity at most this often, seconds.")
    revoke_tokens_on_session_end: bool = _flag(True, "Signing out ends the tokens of the session.")

    # passwords and sign-in
    password_min_length: int = _integer(12, 8, 64, "Characters a password needs at least.")
    password_max_length: int = _integer(128, 64, 1024, "Characters a password has at most.")
    require_uppercase: bool = _flag(True, "A password needs an upper-case letter.")
    require_lowercase: bool = _flag(True, "A password needs a lower-case letter.")
    require_numbers: bool = _flag(True, "A password needs a digit.")
    argon2_time: int = _integer(3, 1, 20, "argon2id passes.")
    argon2_memory_kib: int = _integer(65536, 8, 4_194_304, "argon2id memory, KiB.")
    argon2_parallelism: int = _integer(4, 1, 64, "argon2id lanes.")
    password_workers: int = _integer(2, 1, 64, "Passwords hashed at the same time.")
    password_queue: int = _integer(32, 1, 10_000, "Sign-ins that may wait for a place; more get 503.")
    lockout_threshold: int = _integer(5, 3, 100, "Failed sign-ins that lock an identifier.")
    lockout_duration: int = _integer(30, 1, 1440, "How long it stays locked, minutes.")

    # audit and network
    audit_log_level: str = _choice("all", AUDIT_LEVELS, "What the audit trail records.")
    audit_log_retention_days: int = _integer(90, 1, 3650, "How long the audit trail is kept, days.")
    max_request_bytes: int = _integer(65536, 1024, 10_485_760, "Larger bodies are refused, bytes.")
    trusted_proxies: tuple[str, ...] = _words((), "Networks (CIDR) whose `X-Forwarded-For` is believed.")

    # pages
    app_name: str = _text("Authority", "The name people see.")
    theme: str = _choice("auto", THEMES, "`dark`, `light`, or `auto` for the reader's preference.")
    primary_color: str = _text("#7c3aed", "Colour of buttons and links.")
    logo_url: str | None = _text(None, "Logo on every page: a path on this host.")
    support_url: str | None = _text(None, "Where people find help.")
    support_email: str | None = _text(None, "Who answers when something fails.")
    privacy_url: str | None = _text(None, "Privacy policy; `op_policy_uri` in the metadata.")
    terms_url: str | None = _text(None, "Terms of service; `op_tos_uri` in the metadata.")
    docs_url: str | None = _text(None, "Documentation; `service_documentation` in the metadata.")

    def __attrs_post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise ConfigurationError(faults)

    @property
    def secure(self) -> bool:
        """Whether the issuer is https, by configuration and not by request."""
        return self.issuer.startswith("https://")

    @property
    def signing_algorithms(self) -> tuple[str, ...]:
        """The algorithms the server has keys for; RS256 always (OpenID Connect Core §15.1)."""
        return tuple(dict.fromkeys(("RS256", self.jwt_algorithm, self.access_token_algorithm)))

    @property
    def audience(self) -> str:
        """`aud` of access tokens when no resource is asked for."""
        return self.default_audience or self.issuer

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, /, **overrides: Any) -> Settings:
        """Read settings from `AUTHORITY_…` variables of *environ* (default: the process's); *overrides* win.

        A variable `NAME_FILE` names a file that holds the value. Raises `ConfigurationError` with every fault.

        >>> Settings.from_env({"AUTHORITY_ISSUER": "https://id.example.com", "AUTHORITY_SECRET_KEY": "k" * 32}).secure
        True
        """
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        faults: list[str] = []
        for attribute in attrs.fields(cls):
            if attribute.name in overrides:
                continue
            name = PREFIX + attribute.name.upper()
            text = _variable(environ, name, faults)
            if text is None and attribute.name == "issuer":
                text = _variable(environ, PREFIX + "BASE_URL", faults)
            if text is None or text == "":
                continue
            try:
                values[attribute.name] = _READERS.get(attribute.name, attribute.metadata.get("read", str))(text)
            except ValueError as error:
                faults.append(f"{name}: {_complaint(error, attribute.metadata.get('read'))}")
        known = {PREFIX + attribute.name.upper() for attribute in attrs.fields(cls)}
        faults.extend(_unknown(environ, known))
        values.update(overrides)
        for name in ("issuer", "secret_key"):
            if name not in values:
                faults.append(f"{PREFIX}{name.upper()} is not set: {_HELP[name]}")
        if faults:
            try:  # what was given is judged too, so that every fault shows at once
                cls(**{"issuer": "https://unset.invalid", "secret_key": "-" * 32, **values})
            except ConfigurationError as error:
                faults.extend(error.faults)
            raise ConfigurationError(faults)
        return cls(**values)


_HELP = {
    "issuer": "give the public address of this server, such as https://id.example.com.",
    "secret_key": "make one with `python -c 'import secrets; print(secrets.token_hex(32))'`.",
}

# Variables of the command line and of the deployment, which are not settings of the issuer.
OUTSIDE = frozenset(
    PREFIX + name
    for name in ("BASE_URL", "DATABASE_URL", "HOST", "PORT", "WORKERS", "LOG_LEVEL", "ADMIN_EMAIL", "ADMIN_USERNAME",
                 "ADMIN_PASSWORD", "ADMIN_NAME", "ADAPTER")
)  # fmt: skip


def _scopes(text: str) -> tuple[Scope, ...]:
    return STANDARD_SCOPES + tuple(Scope(name, name) for name in _list(text))


_READERS: dict[str, Callable[[str], object]] = {"scopes": _scopes}


def _variable(environ: Mapping[str, str], name: str, faults: list[str]) -> str | None:
    path = environ.get(name + "_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            faults.append(f"{name}_FILE: the file cannot be read ({error.strerror}).")
    return environ.get(name)


def _complaint(error: ValueError, reader: object) -> str:
    return "must be a whole number." if reader is int else f"{error}."


def _unknown(environ: Mapping[str, str], known: set[str]) -> list[str]:
    import difflib

    faults = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in known or name in OUTSIDE:
            continue
        if name.removesuffix("_FILE") in known | OUTSIDE:
            continue
        close = difflib.get_close_matches(name, known | OUTSIDE, 1)
        faults.append(f"{name} is not a setting." + (f" Did you mean {close[0]}?" if close else ""))
    return faults


def _faults(settings: Settings) -> list[str]:
    faults = list(_issuer_faults(settings))
    secrets = [("secret_key", settings.secret_key)]
    secrets += [("secret_key_previous", secret) for secret in settings.secret_key_previous]
    for name, key in secrets:
        text = key.reveal()
        if len(text.encode()) < 32:
            faults.append(f"{name} is shorter than 32 bytes: " + _HELP["secret_key"])
        elif settings.env == "production" and len(set(text)) < 8:
            faults.append(f"{name} is too regular to be random: " + _HELP["secret_key"])
    for attribute in attrs.fields(Settings):
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
    if parts.query or parts.fragment or "?" in settings.issuer or "#" in settings.issuer or parts.username is not None:
        return ["issuer must have no query, no fragment and no user name (RFC 8414 §2)."]
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
