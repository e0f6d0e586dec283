"""What `authority config check` finds: every setting with its source, every fault, and what is worth a thought."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from attrs import frozen

from .environment import (
    ADAPTERS,
    PREFIX,
    check_asynchronous,
    check_keys,
    check_migrated,
    is_number,
    masked,
    refuse_memory,
    refuse_missing_file,
    variable,
)
from .storages import (
    CHOSEN,
    DEFAULT_PREFIX,
    KEY_PREFIX,
    REDIS_KINDS,
    REDIS_URL,
    check_awaited,
    check_redis,
    read_beside,
    shown_redis,
)
from .troubles import Trouble, sentence

if TYPE_CHECKING:
    from authority_core import Settings

MASK = "***"


@frozen
class Row:
    """One setting: its variable's *name*, its *value* as it may be shown, and where it comes from."""

    name: str
    value: str
    source: str


@frozen
class Examination:
    """What was found."""

    rows: list[Row]
    faults: list[str]
    warnings: list[str]
    replays_refused: bool = False
    """Whether Redis is to hold marks of replays and takes none; one of the warnings says why."""


def examine(database: str | None) -> Examination:
    """Look at the environment and at the *database* it names."""
    from authority_core import ConfigurationError, Settings

    settings: Settings | None = None
    faults: list[str] = []
    try:
        settings = Settings.from_env()
    except ConfigurationError as error:
        faults += error.faults
    faults += _deployment_faults()
    faults += _database_faults(database, settings)
    redis_faults, refused = _redis_faults()
    faults += redis_faults
    warnings = [] if settings is None else _warnings(settings)
    return Examination(_rows(settings, database), faults, [*warnings, *filter(None, [refused])], refused is not None)


def _rows(settings: Settings | None, database: str | None) -> list[Row]:
    from authority_core import Settings as Known

    rows = []
    for attribute in attrs.fields(Known):
        name = PREFIX + attribute.name.upper()
        source = _source(name)
        if "Secret" in str(attribute.type):
            value = MASK if source != "default" else "-"
        elif settings is not None:
            value = _shown(getattr(settings, attribute.name))
        else:
            value = os.environ.get(name) or ("-" if attribute.default is attrs.NOTHING else _shown(attribute.default))
        rows.append(Row(name, value, source))
    url = database or os.environ.get(PREFIX + "DATABASE_URL")
    place = "flag" if database else _source(PREFIX + "DATABASE_URL")
    rows.append(Row(PREFIX + "DATABASE_URL", masked(url) if url else "-" if place == "default" else MASK, place))
    redis = os.environ.get(PREFIX + REDIS_URL)
    place = _source(PREFIX + REDIS_URL)
    shown = MASK if place == "file" else shown_redis(redis) if redis else "-"
    rows.append(Row(PREFIX + REDIS_URL, shown, place))
    in_redis = (" ".join(CHOSEN), DEFAULT_PREFIX) if place != "default" else ("-", "-")
    defaults = (
        *zip((REDIS_KINDS, KEY_PREFIX), in_redis, strict=True),
        ("HOST", "127.0.0.1"),
        ("PORT", "4000"),
        ("WORKERS", "1"),
        ("ADAPTER", "starlette"),
    )
    for name, default in defaults:
        rows.append(Row(PREFIX + name, os.environ.get(PREFIX + name) or default, _source(PREFIX + name)))
    return rows


def _source(name: str) -> str:
    if os.environ.get(name + "_FILE"):
        return "file"
    return "environment" if os.environ.get(name) else "default"


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return " ".join(str(getattr(one, "name", one)) for one in value) or "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _deployment_faults() -> list[str]:
    from authority_core.kernel.settings_faults import short, whole_number

    faults = []
    for name, low, high in (("PORT", 1, 65535), ("WORKERS", 1, 512)):
        text = os.environ.get(PREFIX + name)
        if text and not is_number(text, low, high):
            faults.append(f"{PREFIX}{name} {whole_number(low, high, text)}")
    adapter = os.environ.get(PREFIX + "ADAPTER")
    if adapter and adapter not in ADAPTERS:
        faults.append(f"{PREFIX}ADAPTER must be one of {', '.join(ADAPTERS)}, not {short(adapter)}.")
    return faults


def _database_faults(database: str | None, settings: Settings | None) -> list[str]:
    awaited = (os.environ.get(PREFIX + "ADAPTER") or ADAPTERS[0]) == "starlette"
    try:
        url = database or variable("DATABASE_URL")
    except Trouble as trouble:
        return [trouble.message]
    if url is None:
        return [f"{PREFIX}DATABASE_URL is not set: give the database, such as sqlite:///authority.db."]

    def there() -> None:
        if awaited:
            check_asynchronous(url)
        refuse_memory(url)
        refuse_missing_file(url)
        check_migrated(url)

    if faults := _tried(there):
        return faults
    faults = _tried(lambda: check_awaited(url)) if awaited else []
    return faults if settings is None else faults + _tried(lambda: check_keys(url, settings))


def _tried(check: Callable[[], None]) -> list[str]:
    try:
        check()
    except Trouble as trouble:
        return [trouble.message]
    except Exception as error:  # noqa: BLE001 - a fault is reported among the others
        return [sentence(error)]
    return []


def _redis_faults() -> tuple[list[str], str | None]:
    """Return every fault of Redis, and why it refuses all replays that it is to hold, if it does."""
    redis, faults = read_beside()
    refused = None
    if redis is not None:
        try:
            refused = check_redis(redis)
        except Trouble as trouble:
            faults.append(trouble.message)
    return faults, refused


def _warnings(settings: Settings) -> list[str]:
    weak_hash = settings.argon2_memory_kib * settings.argon2_time < 7168 * 5
    url = os.environ.get(PREFIX + "DATABASE_URL", "")
    checks = (
        (settings.env != "production", "AUTHORITY_ENV is not production: what only development may do is allowed."),
        (not settings.secure, "The issuer is plain http: cookies and tokens travel unprotected."),
        (settings.allow_plain_pkce, "AUTHORITY_ALLOW_PLAIN_PKCE weakens PKCE (RFC 9700 §2.1.1)."),
        (settings.allow_public_pkce_only, "AUTHORITY_ALLOW_PUBLIC_PKCE_ONLY lets confidential clients leave PKCE out."),
        (weak_hash, "The argon2 settings are weaker than 7 MiB with 5 passes, the least that is recommended."),
        (settings.secure and not settings.trusted_proxies,
         "AUTHORITY_TRUSTED_PROXIES is empty: behind a proxy, every request seems to come from it."),
        (bool(settings.secret_key_previous), "AUTHORITY_SECRET_KEY_PREVIOUS is set: take it out after re-encryption."),
        (url.startswith("sqlite") and (variable("WORKERS") or "1") != "1",
         "SQLite lets one process write at a time: with several workers PostgreSQL serves better."),
        (_readable_by_others(), "AUTHORITY_SECRET_KEY_FILE can be read by others: chmod 600."),
    )  # fmt: skip
    return [text for wrong, text in checks if wrong]


def _readable_by_others() -> bool:
    path = os.environ.get(PREFIX + "SECRET_KEY_FILE")
    if not path or os.name != "posix":
        return False
    try:
        return bool(Path(path).stat().st_mode & 0o077)
    except OSError:
        return False
