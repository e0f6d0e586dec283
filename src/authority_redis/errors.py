"""What a client's error means to the core: storage is not there.

No message repeats what a URL said, and of what Redis said only the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from redis import exceptions as e

from authority_core.kernel.changes import StorageUnavailable

_CODE = re.compile(r"(?:^|: -)([A-Z]{3,20}) ")
"""The word by which Redis begins an error, such as `MISCONF`; Redis 6 puts where the script was before it."""

_IN_SCRIPT = re.compile("ACL failure|user executing the script can't")
"""How Redis 7 and 6 refuse a user a command within a script; redis-py has no name for it."""


def translated(error: Exception) -> StorageUnavailable:
    """Return what *error*, raised by redis-py or a socket, means."""
    if isinstance(error, e.RedisClusterException):
        error = next(filter(_refused, _behind(error)), error)
    kind = type(error).__name__
    refused = _refused(error)
    if refused or _IN_SCRIPT.search(str(error)):
        return StorageUnavailable(f"Redis refuses this user ({kind}): see the password and the user's rights.")
    if isinstance(error, e.TimeoutError | TimeoutError):
        return StorageUnavailable("Redis did not answer in time.")
    found = _CODE.search(str(error))
    code = found[1] if found else None
    if isinstance(error, e.OutOfMemoryError) or code == "OOM":
        return StorageUnavailable("Redis has reached its maxmemory and takes no more writes.")
    if isinstance(error, e.ReadOnlyError) or code == "READONLY":
        return StorageUnavailable("This Redis is a replica and takes no writes.")
    if code == "NOREPLICAS":
        return StorageUnavailable("Redis hears of too few replicas and takes no writes.")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return StorageUnavailable("The certificate of Redis is not trusted, or bears another name.")
    if "DB index is out of range" in str(error):
        return StorageUnavailable(
            "Redis has no database of the number in its URL: take a smaller one, such as 0, or raise its `databases`."
        )
    if "unknown command" in str(error):
        return StorageUnavailable("Redis lacks a command: perhaps it is no Sentinel, or a proxy stands before it.")
    if isinstance(error, e.RedisClusterException):
        return StorageUnavailable("Redis is no cluster, as several hosts in its URL say, or none of its nodes answers.")
    if isinstance(error, e.ConnectionError | OSError | EOFError):
        return StorageUnavailable(f"Redis cannot be reached or broke off ({kind}).")
    return StorageUnavailable(f"Redis failed ({kind}{', ' + code if code else ''}).")


def _refused(error: BaseException) -> bool:
    return isinstance(error, e.AuthenticationError | e.NoPermissionError | e.AuthorizationError)


def _behind(error: Exception) -> Iterator[Exception]:
    """Yield what *error* came of: that no node of a cluster can be used is the sum of what became of each."""
    found: BaseException | None = error
    while isinstance(found, Exception):
        yield found
        found = found.__cause__ or found.__context__


def worth_another_try(error: Exception) -> bool:
    """Tell whether a read may be sent again at once: the connection was gone, for instance with a restarted server."""
    broken = e.ConnectionError | ConnectionError | EOFError
    return isinstance(error, broken) and not isinstance(error, e.AuthenticationError | e.MaxConnectionsError)
