"""Settings: one frozen value, validated as a whole, from code or from `AUTHORITY_…` environment variables.

Every fault is reported at once. Weak choices exist only as `allow_…` and are false by default. The table in the
documentation is made from this file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import attrs
from attrs import field, frozen

from .environment import OUTSIDE, PREFIX, read_environment
from .problems import ConfigurationError
from .scopes import STANDARD_SCOPES, Scope
from .settings_faults import HELP, faults_of
from .values import Secret

__all__ = ["AUDIT_LEVELS", "ENVIRONMENTS", "OUTSIDE", "PREFIX", "SIGNING_ALGORITHMS", "STANDARD_SCOPES", "THEMES",
           "TOKEN_FORMATS", "Scope", "Settings"]  # fmt: skip

SIGNING_ALGORITHMS = ("RS256", "ES256", "EdDSA")
TOKEN_FORMATS = ("jwt", "opaque")
ENVIRONMENTS = ("development", "production", "test")
THEMES = ("auto", "dark", "light")
AUDIT_LEVELS = ("all", "important", "errors")

T = TypeVar("T")


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


def _unlistable(text: str) -> str | None:
    if _list(text) == (text,):
        return None
    return (
        "has a comma or white space in it, which separate the secrets of AUTHORITY_SECRET_KEY_PREVIOUS, so it could "
        "never be listed there when its time is over: " + HELP["secret_key"]
    )


def _scopes(text: str) -> tuple[Scope, ...]:
    return STANDARD_SCOPES + tuple(Scope(name, name) for name in _list(text))


def _without_slash(issuer: str) -> str:
    return issuer.rstrip("/")


def _as_scopes(values: Iterable[Scope]) -> tuple[Scope, ...]:
    return tuple(values)


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
        converter=_as_secret,
        metadata={
            "doc": "Master secret, 32 bytes or more, equal on all instances; the variable takes no comma and no blank.",
            "read": str,
            "unfit": _unlistable,
        },
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
        default=STANDARD_SCOPES,
        converter=_as_scopes,
        metadata={"doc": "Scopes of the server; the variable names those besides the standard ones.", "read": _scopes},
    )
    default_scopes: tuple[str, ...] = _words(("openid",), "Scopes of a request that names none.")
    require_state: bool = _flag(False, "Refuse authorization requests without `state`.")
    allow_public_pkce_only: bool = _flag(False, "Let confidential clients leave PKCE out.")
    allow_plain_pkce: bool = _flag(False, "Accept the `plain` challenge method.")
    interaction_ttl: int = _integer(1800, 60, 7200, "Time a person has for sign-in and consent, seconds.")
    consent_ttl_days: int = _integer(0, 0, 3650, "End of remembered consent, days; 0 is none.")
    client_secret_overlap: int = _integer(86400, 0, 31_536_000, "Life of the old secret after rotation, seconds.")
    key_publish_lead: int = _integer(7200, 0, 2_592_000, "Time a new key is published before it signs, seconds.")
    client_cache_ttl: int = _integer(
        0, 0, 3600, "How long a process may act on what it knew of a client; 0 reads it with every request. Seconds."
    )
    jwks_cache_ttl: int = _integer(3600, 0, 86400, "`max-age` of metadata and JWKS, seconds.")
    clock_skew: int = _integer(30, 0, 60, "Leeway on inbound times, seconds.")

    # sessions
    session_key: str = _text(
        "session_id", "Name of the session cookie, one for each server of a host; https puts `__Host-` before it."
    )
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
        faults = faults_of(self)
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

    @cached_property  # asked for with every token
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
        values, faults = read_environment(attrs.fields(cls), os.environ if environ is None else environ, set(overrides))
        values |= overrides
        faults += [f"{PREFIX}{name.upper()} is not set: {HELP[name]}" for name in HELP if name not in values]
        if faults:
            try:  # what was given is judged too, so that every fault shows at once
                cls(**{"issuer": "https://unset.invalid", "secret_key": "-" * 32, **values})
            except ConfigurationError as error:
                faults.extend(error.faults)
            raise ConfigurationError(faults)
        return cls(**values)
