"""Scope: what was asked, what may be had (RFC 6749 §3.3)."""

from __future__ import annotations

import re
from functools import lru_cache

from ...kernel.problems import Problem
from ...kernel.values import split_words

LONGEST = 4096
"""Characters of a `scope` parameter that are looked at."""

_SCOPE = re.compile(r"[\x20\x21\x23-\x5B\x5D-\x7E]*\Z")


@lru_cache(maxsize=256)  # the same few scopes come with every request
def parse_scope(text: str | None) -> frozenset[str] | None:
    """Return the set of scopes in *text*, or `None` when it is absent. Raises `Problem` (`invalid_scope`)."""
    if text is None:
        return None
    if len(text) > LONGEST or not _SCOPE.match(text):
        raise Problem("invalid_scope", "The scope is malformed.")
    return split_words(text)


def allowed_scope(
    asked: frozenset[str] | None, *, default: frozenset[str], allowed: frozenset[str]
) -> frozenset[str]:
    """Return what is *asked*, or the *default*, all of it *allowed*.

    Raises `Problem` (`invalid_scope`) when something is unknown or not allowed, or nothing is left.
    """
    scope = default & allowed if asked is None else asked
    if not scope:
        raise Problem("invalid_scope", "A scope is required: the request names none and there is no default.")
    if not scope <= allowed:
        raise Problem("invalid_scope", "The scope is unknown or not allowed to this client.")
    return scope


def narrowed_scope(asked: frozenset[str] | None, granted: frozenset[str]) -> frozenset[str]:
    """Return the part of *granted* that is *asked* for; never more (RFC 6749 §6)."""
    if asked is None:
        return granted
    if not asked or not asked <= granted:
        raise Problem("invalid_scope", "The scope goes beyond what was granted.")
    return asked
