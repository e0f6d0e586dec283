"""Records as JSON text and back, derived from the annotations of their fields.

Goes by types, whatever the record: a field of a type it does not know is an error at import, so nothing is lost
quietly. Text is ASCII, so no character can trouble anybody. What reads compute (`revoked_at` of grants and sessions) is
not written.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from types import UnionType
from typing import Any, Generic, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen

from authority_core.kernel import records as r
from authority_core.kernel.encoding import Digest

R = TypeVar("R")
_Way = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FIRST = datetime(1, 1, 1, tzinfo=timezone.utc)
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode
_COMPUTED = {r.Grant: "revoked_at", r.Session: "revoked_at"}


def _micros(moment: datetime, since: datetime = _EPOCH) -> int:
    span = moment - since
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _moment(value: int) -> datetime:
    return _EPOCH + timedelta(0, 0, value)


def stamp(moment: datetime) -> str:
    """Return *moment*, which must be aware, as 18 digits that sort as instants do: microseconds since the year 1."""
    return f"{_micros(moment, _FIRST):018d}"


def unstamp(text: bytes) -> datetime:
    """Return the instant of a `stamp`."""
    return _FIRST + timedelta(0, 0, int(text))


def milliseconds(moment: datetime) -> str:
    """Return *moment* as milliseconds since the epoch, rounded up: Redis never forgets too early by rounding."""
    return str(-(-_micros(moment) // 1000))


@frozen
class _Field:
    name: str
    write: _Way | None
    read: _Way | None


class Codec(Generic[R]):
    """One kind of record, both ways."""

    def __init__(self, record: type[R]) -> None:
        self._record = record
        hints = get_type_hints(record)
        written = attrs.fields_dict(cast(type[attrs.AttrsInstance], record))
        names = [name for name in written if name != _COMPUTED.get(record)]
        ways = {name: _ways(hints[name]) for name in names}
        self._fields = [_Field(name, *way) for name, way in ways.items()]
        self._known = frozenset(names)
        self._readers = {field.name: field.read for field in self._fields if field.read is not None}

    def values(self, record: R) -> dict[str, Any]:
        """Return the fields of *record* as JSON knows them."""
        found = {}
        for field in self._fields:
            value = getattr(record, field.name)
            found[field.name] = value if field.write is None or value is None else field.write(value)
        return found

    def made(self, values: Mapping[str, Any], **computed: object) -> R:
        """Return the record of *values*; names that a newer version may have added are passed over."""
        fields = {name: value for name, value in values.items() if name in self._known}
        for name, read in self._readers.items():
            if fields.get(name) is not None:
                fields[name] = read(fields[name])
        return self._record(**fields, **computed)

    def encode(self, record: R) -> str:
        """Return *record* as JSON text in ASCII."""
        return _encode(self.values(record))

    def decode(self, text: bytes, **computed: object) -> R:
        """Return the record of *text*, with what the read has *computed*."""
        return self.made(json.loads(text), **computed)


def _mapping(value: Mapping[str, object]) -> dict[str, object]:
    return dict(value)


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _pairs(value: list[list[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(pair) for pair in value)


def _digest(text: str) -> Digest:
    return Digest(bytes.fromhex(text))


_PLAIN: dict[object, tuple[_Way | None, _Way | None]] = {
    str: (None, None),
    int: (None, None),
    bool: (None, None),
    datetime: (_micros, _moment),
    Digest: (bytes.hex, _digest),
    bytes: (lambda value: base64.b64encode(value).decode("ascii"), _bytes),
    frozenset[str]: (sorted, frozenset),
    tuple[str, ...]: (list, tuple),
    tuple[tuple[str, str], ...]: (list, _pairs),
    Mapping[str, object]: (_mapping, None),
}


def _ways(hint: Any) -> tuple[_Way | None, _Way | None]:
    """Return how a value of type *hint* is written and read; `None` for as it is."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal and all(isinstance(argument, str) for argument in arguments):
        return None, None
    if origin in (UnionType, Union) and len(arguments) == 2 and type(None) in arguments:
        return _ways(next(argument for argument in arguments if argument is not type(None)))
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis and attrs.has(arguments[0]):
        inner = Codec(arguments[0])
        return (
            lambda value: [inner.values(one) for one in value],
            lambda value: tuple(inner.made(one) for one in value),
        )
    if attrs.has(hint):
        nested = Codec(hint)
        return nested.values, nested.made
    raise TypeError(f"no way to store {hint!r}")


CLIENT = Codec(r.Client)
GRANT = Codec(r.Grant)
CODE = Codec(r.AuthorizationCode)
REFRESH = Codec(r.RefreshToken)
ACCESS = Codec(r.AccessToken)
INTERACTION = Codec(r.Interaction)
CONSENT = Codec(r.Consent)
SIGNING_KEY = Codec(r.SigningKey)
USER = Codec(r.User)
SESSION = Codec(r.Session)
AUDIT = Codec(r.AuditRecord)

_BY_TYPE: dict[type, Codec[Any]] = {
    r.Client: CLIENT,
    r.Grant: GRANT,
    r.AuthorizationCode: CODE,
    r.RefreshToken: REFRESH,
    r.AccessToken: ACCESS,
    r.Interaction: INTERACTION,
    r.Consent: CONSENT,
    r.SigningKey: SIGNING_KEY,
    r.User: USER,
    r.Session: SESSION,
    r.AuditRecord: AUDIT,
}


def encoded(record: r.Insertable | r.Mutable) -> str:
    """Return *record* as JSON text."""
    return _BY_TYPE[type(record)].encode(record)
