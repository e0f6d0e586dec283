"""The values that databases, drivers and encoders get wrong, for whoever tries a storage with all of them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from ..kernel.moment import system_moment

HOSTILE = (
    "",
    " ",
    " between  spaces ",
    "\u00a0\tother spaces\n",
    "NULL",
    "null",
    "None",
    "true",
    "0",
    "007",
    "1e3",
    "1970-01-01T00:00:00Z",
    '{"a": [1]}',
    "'; DROP TABLE users; --",
    'a"b\\c`d',
    "a+b%20c&amp;<d>",
    "%s %(key)s $1 ? :key {0} {key}",
    "line\r\nbreak\ttab\x1b\x7f\x85\u2028",
    "\ufeffbyte order mark",
    "e\u0301 \u00e9 \u212b \ufb01",
    "\u202eright to left",
    "İıßſΣς",
    "日本語 🦊👩‍👩‍👧‍👦🏳️‍🌈",
    "\U0010ffff\uffff",
    "x" * 10_000,
    "é" * 10_000,
)
"""Texts without NUL, which PostgreSQL cannot hold, and without lone surrogates, which are no text."""

NAMES = tuple(text[:200] for text in HOSTILE if text)
"""Texts that serve as keys: not empty, of a length that an index of any database takes."""

INSTANTS = (
    datetime.min.replace(tzinfo=timezone.utc),
    datetime(1582, 10, 10, 12, 0, 0, 1, tzinfo=timezone.utc),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
    datetime(1970, 1, 1, tzinfo=timezone.utc),
    datetime(2024, 2, 29, 1, 30, 0, 123_456, tzinfo=timezone.utc),
    datetime(2025, 10, 26, 0, 30, tzinfo=timezone.utc),
    datetime(2025, 10, 26, 1, 30, tzinfo=timezone.utc),
    datetime(2038, 1, 19, 3, 14, 8, 1, tzinfo=timezone.utc),
    datetime(2106, 2, 7, 6, 28, 16, 1, tzinfo=timezone.utc),
    datetime(2262, 4, 11, 23, 47, 16, 854_777, tzinfo=timezone.utc),
    datetime.max.replace(tzinfo=timezone.utc),
)
"""Instants at the limits of calendars and numbers, with microseconds, and two that are one hour of Central Europe."""

TOMORROW = system_moment().now + timedelta(days=1)
ENDS = (TOMORROW.replace(microsecond=999_999), *(at for at in INSTANTS if at > TOMORROW))
"""Instants until which something is kept: none before tomorrow, for databases may forget by their clock."""

WHOLE = (0, 1, 2**31 - 1, 2**31, 2**40)
"""Whole numbers that are not below zero."""

BYTES = (b"", b"\x00", b"\x01\x00", b" \xff\n", bytes(range(192, 256)), bytes(range(256)) * 12)
"""Bytes that are no text."""

SALTS = tuple(one for one in BYTES if len(one) <= 64)
"""Bytes of the length that a salt may have."""

MEMBERS: tuple[object, ...] = (
    *(None, True, False),
    *(0, 1, -1, 2**53 + 1, -(2**60)),
    *(0.5, 0.1, 1e300, -5e-324),
    *("", [], {}, [[]], {"": {}}),
)
"""Values of JSON, apart from texts."""
