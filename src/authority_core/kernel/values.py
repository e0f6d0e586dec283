"""Small values that carry a proof or hide a secret, and ways to speak of values."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

import attrs

from .encoding import equal

__all__ = ["Secret", "Soon", "join_words", "split_words", "transient"]

T = TypeVar("T")
Soon: TypeAlias = T | Awaitable[T]
"""What a port gives that need not always wait: the value itself, or something to await for it.

Whoever asks looks at the type of the value, in place: a helper would be one coroutine more where it matters.
"""

if TYPE_CHECKING:
    from attrs import frozen as transient
else:

    def transient(*classes: type, **options: Any) -> Any:
        """Make a class that is `attrs.frozen` to type checkers, and merely never changed at run time.

        For values that live for one request and are made on the hot path: enforcing what the checkers have proved
        would double the price of making one. So are the records that a token request makes: grants, codes, tokens,
        marks and lines of the audit trail. Clients, accounts, sessions, consents, keys and interactions stay frozen.
        None can be referred to weakly, as no record can (`kernel.records`).
        """
        if options.get("eq", True):
            options["unsafe_hash"] = True
        options.setdefault("weakref_slot", False)
        return attrs.define(*classes, **options)


class Secret:
    """A text that never shows itself: `repr`, `str`, `format` and pickling give nothing away.

    Read it with `reveal()`, at the one place that needs it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the hidden text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return equal(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")


@lru_cache(maxsize=256)  # the same few scopes come with every request
def split_words(text: str | None) -> frozenset[str]:
    """Return the set of space-separated words of *text*, as `scope` and `prompt` are written (RFC 6749 §3.3)."""
    return frozenset(text.split(" ")) - {""} if text else frozenset()


@lru_cache(maxsize=256)
def join_words(words: frozenset[str]) -> str:
    """Return *words* sorted and separated by single spaces, so that equal sets have equal texts."""
    return " ".join(sorted(words))
