"""What databases, drivers and encoders do to the values of one field, and storages that have it done to them."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, get_args, get_type_hints

from attrs import evolve, has

from authority_core.kernel.changes import Change, Put, Replace
from authority_core.testing.memory import MemoryStorage

Corruption = Callable[[Any], Any]
Setting = Callable[[Any, Corruption], Any]
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
IN_2038 = EPOCH + timedelta(seconds=2**31 - 1)
IN_2262 = EPOCH + timedelta(microseconds=2**63 // 1000)
IN_9999 = datetime(9999, 1, 1, tzinfo=timezone.utc)
SECOND_TIME = datetime(2025, 10, 26, 1, tzinfo=timezone.utc)
"""When clocks in Central Europe begin an hour for the second time."""
LAST = 253_402_300_799.0
"""The last second that Python knows, since 1970."""


def of(kind: type, corrupt: Corruption) -> Corruption:
    """Return *corrupt* for values of exactly this *kind*; all others stay."""
    return lambda value: corrupt(value) if type(value) is kind else value


def of_texts(corrupt: Callable[[str], str]) -> Corruption:
    """Return *corrupt* for texts and for every text in lists, sets and objects."""

    def within(value: Any) -> Any:
        if isinstance(value, str):
            return corrupt(value)
        if isinstance(value, Mapping):
            return {corrupt(name): within(one) for name, one in value.items()}
        return type(value)(map(within, value)) if isinstance(value, tuple | list | frozenset) else value

    return within


def of_members(corrupt: Corruption) -> Corruption:
    """Return *corrupt* for all that objects hold; what is none stays."""

    def within(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: within(one) for name, one in value.items()}
        return list(map(within, value)) if isinstance(value, list) else corrupt(value)

    return of(dict, within)


TEXTS: dict[str, Corruption] = {
    "stripped": of_texts(str.strip),
    "without trailing spaces": of_texts(lambda text: text.rstrip(" ")),
    "without leading spaces": of_texts(lambda text: text.lstrip(" ")),
    "small letters": of_texts(str.lower),
    "NFC": of_texts(lambda text: unicodedata.normalize("NFC", text)),
    "NFD": of_texts(lambda text: unicodedata.normalize("NFD", text)),
    "255 bytes": of_texts(lambda text: text.encode()[:255].decode(errors="ignore")),
    "three bytes a character": of_texts(lambda text: "".join(one if one < "\U00010000" else "?" for one in text)),
    "Latin-1": of_texts(lambda text: text.encode("latin-1", "replace").decode("latin-1")),
    "line ends": of_texts(lambda text: text.replace("\r\n", "\n")),
    "byte order mark": of_texts(lambda text: text.removeprefix("\ufeff")),
    "unescaped": of_texts(html.unescape),
}
LONG: dict[str, Corruption] = {
    "255 characters": of_texts(lambda text: text[:255]),
    "4000 characters": of_texts(lambda text: text[:4000]),
}
"""What happens to texts other than names."""
TIMES: dict[str, Corruption] = {
    "seconds": of(datetime, lambda at: at.replace(microsecond=0)),
    "milliseconds": of(datetime, lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)),
    "floating point": of(datetime, lambda at: EPOCH + timedelta(seconds=min((at - EPOCH).total_seconds(), LAST))),
    "until 2038": of(datetime, lambda at: min(at, IN_2038)),
    "until 2262": of(datetime, lambda at: min(at, IN_2262)),
    "another zone": of(datetime, lambda at: at.astimezone(timezone(timedelta(hours=1))) if at < IN_9999 else at),
    "no zone": of(datetime, lambda at: at.replace(tzinfo=None)),
}
PAST: dict[str, Corruption] = {
    "from 1970": of(datetime, lambda at: max(at, EPOCH)),
    "local time": of(datetime, lambda at: at - timedelta(hours=at.replace(minute=0) == SECOND_TIME)),
}
"""What does not happen to the end of what is kept."""
OTHERS: dict[str, Corruption] = {
    "none for empty": lambda value: None if value == "" else value,
    "empty for none": lambda value: "" if value is None else value,
    "zero for none": lambda value: EPOCH if value is None else value,
    "lost": lambda value: None,
    "numbers of 32 bits": of(int, lambda number: min(number, 2**31 - 1)),
    "numbers with a point": of(int, float),
    "truth as numbers": of(bool, int),
    "turned": of(bool, lambda value: not value),
    "sorted": of(tuple, lambda value: tuple(sorted(value, key=repr))),
    "reversed": of(tuple, lambda value: value[::-1]),
    "without repetitions": of(tuple, lambda value: tuple(dict.fromkeys(value))),
    "lists": of(tuple, list),
    "none for nothing": lambda value: None if value in ((), frozenset(), {}) else value,
    "joined": of(frozenset, lambda value: frozenset(" ".join(sorted(value)).split())),
    "one of a set": of(frozenset, lambda value: frozenset(sorted(value)[:1])),
    "members with a point": of_members(of(int, float)),
    "members as numbers": of_members(of(bool, int)),
    "members rounded": of_members(of(float, lambda number: round(number, 6))),
    "without empty members": of(dict, lambda value: {name: one for name, one in value.items() if name}),
    "32 bytes": of(bytes, lambda value: value[:32]),
    "until zero": of(bytes, lambda value: value.partition(b"\0")[0]),
    "without trailing zeros": of(bytes, lambda value: value.rstrip(b"\0")),
    "bytes as text": of(bytes, lambda value: value.decode(errors="replace").encode()),
    "buffers": of(bytes, memoryview),
}
CORRUPTIONS = {**TEXTS, **LONG, **TIMES, **PAST, **OTHERS}


def places(kind: type) -> Iterator[tuple[str, Any, Setting]]:
    """Return the name and the type of each field of *kind* and of what it holds, and how to corrupt it alone."""
    for name, hint in get_type_hints(kind).items():
        inner = next((one for one in (hint, *get_args(hint)) if has(one)), None)
        if inner is None:
            yield name, hint, _setting(name)
            continue
        for deeper, its_hint, setting in places(inner):
            yield f"{name}.{deeper}", its_hint, _setting_within(name, setting)


def _setting(name: str) -> Setting:
    return lambda record, corrupt: evolve(record, **{name: corrupt(getattr(record, name))})


def _setting_within(name: str, setting: Setting) -> Setting:
    def within(value: Any, corrupt: Corruption) -> Any:
        return tuple(setting(one, corrupt) for one in value) if isinstance(value, tuple) else setting(value, corrupt)

    return lambda record, corrupt: evolve(record, **{name: within(getattr(record, name), corrupt)})


def corrupted(kind: type, corrupt: Corruption) -> type[MemoryStorage]:
    """Return a storage in memory that has *corrupt* done to every record of *kind*."""

    class Corrupting(MemoryStorage):
        def commit(self, changes: Sequence[Change]) -> None:
            super().commit([_corrupted(change) for change in changes])

    def _corrupted(change: Change) -> Change:
        if isinstance(change, Put | Replace) and type(change.record) is kind:
            return type(change)(corrupt(change.record))
        return corrupt(change) if type(change) is kind else change

    return Corrupting
