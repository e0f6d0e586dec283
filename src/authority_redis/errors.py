"""What a client's error means to the core: storage is not there. No message repeats what Redis or a URL said."""

from __future__ import annotations

from redis import exceptions as e

from authority_core.kernel.changes import StorageUnavailable


def translated(error: Exception) -> StorageUnavailable:
    """Return what *error*, raised by redis-py or a socket, means."""
    kind = type(error).__name__
    if isinstance(error, e.AuthenticationError | e.NoPermissionError | e.AuthorizationError):
        return StorageUnavailable(f"Redis refuses this user ({kind}): see the password and the user's rights.")
    if isinstance(error, e.TimeoutError | TimeoutError):
        return StorageUnavailable("Redis did not answer in time.")
    if isinstance(error, e.OutOfMemoryError):
        return StorageUnavailable("Redis has reached its maxmemory and takes no more writes.")
    if isinstance(error, e.ReadOnlyError):
        return StorageUnavailable("This Redis is a replica and takes no writes.")
    if str(error).startswith("NOREPLICAS"):
        return StorageUnavailable("Redis hears of too few replicas and takes no writes.")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return StorageUnavailable("The certificate of Redis is not trusted, or bears another name.")
    if isinstance(error, e.ConnectionError | OSError | EOFError):
        return StorageUnavailable(f"Redis cannot be reached or broke off ({kind}).")
    return StorageUnavailable(f"Redis failed ({kind}).")


def worth_another_try(error: Exception) -> bool:
    """Tell whether a read may be sent again at once: the connection was gone, for instance with a restarted server."""
    broken = e.ConnectionError | ConnectionError | EOFError
    return isinstance(error, broken) and not isinstance(error, e.AuthenticationError | e.MaxConnectionsError)
