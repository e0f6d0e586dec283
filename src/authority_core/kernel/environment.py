"""Reading settings from environment variables: every fault is collected, none stops the reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import Attribute

from .settings_faults import short, whole_number

PREFIX = "AUTHORITY_"

# Variables of the command line and of the deployment, which are not settings of the issuer.
OUTSIDE = frozenset(
    PREFIX + name
    for name in ("BASE_URL", "DATABASE_URL", "REDIS_URL", "REDIS_KINDS", "CACHE_KEY_PREFIX", "HOST", "PORT", "WORKERS",
                 "LOG_LEVEL", "ADMIN_EMAIL", "ADMIN_USERNAME", "ADMIN_PASSWORD", "ADMIN_NAME", "ADAPTER")
)  # fmt: skip


def _variable(environ: Mapping[str, str], name: str, faults: list[str]) -> str | None:
    path = environ.get(name + "_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            faults.append(f"{name}_FILE: the file it names cannot be read ({error.strerror}).")
        except UnicodeDecodeError:
            faults.append(f"{name}_FILE: the file it names is not text in UTF-8; write a random key as hexadecimal.")
    return environ.get(name)


def _fit(_: str) -> None:
    return None


def _unknown(environ: Mapping[str, str], known: set[str]) -> list[str]:
    import difflib

    faults = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in known or name in OUTSIDE:
            continue
        if name.removesuffix("_FILE") in known | OUTSIDE:
            continue
        close = difflib.get_close_matches(name, known | OUTSIDE, 1)
        hint = f" Did you mean {close[0]}?" if close else " Take it away, or look for its name in the list of settings."
        faults.append(f"{name} is not a setting.{hint}")
    return faults


def read_environment(
    fields: Iterable[Attribute[Any]], environ: Mapping[str, str], given: set[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the values that *environ* has for *fields*, and every fault; names in *given* are left alone.

    Each field's metadata says how to `read` its text, and may say why a variable cannot hold it (`unfit`). A variable
    `NAME_FILE` names a file that holds the value.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    known = set()
    for attribute in fields:
        name = PREFIX + attribute.name.upper()
        known.add(name)
        text = None if attribute.name in given else _variable(environ, name, faults)
        if text is None and attribute.name == "issuer" and "issuer" not in given:
            text = _variable(environ, PREFIX + "BASE_URL", faults)
        if text:
            rule = attribute.metadata
            if unfit := rule.get("unfit", _fit)(text):
                faults.append(f"{name} {unfit}")
            try:
                values[attribute.name] = rule.get("read", str)(text)
            except ValueError as error:
                if "low" in rule:
                    faults.append(f"{name} {whole_number(rule['low'], rule['high'], text)}")
                else:
                    faults.append(f"{name} {error}, not {short(text)}.")
    faults.extend(_unknown(environ, known))
    return values, faults
