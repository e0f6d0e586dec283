"""Resource indicators (RFC 8707): which audience a token is for."""

from __future__ import annotations

from urllib.parse import urlsplit

from ...kernel.problems import Problem

MOST = 10


def allowed_audience(asked: tuple[str, ...], *, default: str, allowed: frozenset[str]) -> tuple[str, ...]:
    """Return the audience for the resources *asked* for, or the *default* one.

    Raises `Problem` (`invalid_target`) unless each is an absolute URI without a fragment and *allowed*.
    """
    if not asked:
        return (default,)
    _check_form(asked)
    if not set(asked) <= allowed | {default}:
        raise Problem("invalid_target", "The resource is unknown or not allowed to this client.")
    return tuple(sorted(set(asked)))


def narrowed_audience(asked: tuple[str, ...], granted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the part of *granted* that is *asked* for; never more (RFC 8707 §2.2)."""
    if not asked:
        return granted
    _check_form(asked)
    if not set(asked) <= set(granted):
        raise Problem("invalid_target", "The resource goes beyond what was granted.")
    return tuple(sorted(set(asked)))


def _check_form(asked: tuple[str, ...]) -> None:
    if len(asked) > MOST:
        raise Problem("invalid_target", "Too many resources are asked for.")
    for uri in asked:
        try:
            parts = urlsplit(uri)
        except ValueError:
            parts = urlsplit("")
        if not parts.scheme or "#" in uri or len(uri) > 2048:
            raise Problem("invalid_target", "A resource must be an absolute URI without a fragment.")
