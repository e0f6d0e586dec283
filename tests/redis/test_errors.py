"""What servers of several versions say when they refuse a script, and what an operator reads of it."""

from __future__ import annotations

import pytest
from redis import exceptions as e

from authority_redis.errors import translated

WITHIN = "Error running script (call to f_0a9f75e9): @user_script:1: @user_script: 1: -"
"""How Redis 6 begins an error within a script, whose kind redis-py cannot know then."""


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (e.OutOfMemoryError("command not allowed when used memory > 'maxmemory'. script: 0a9f"), "maxmemory"),
        (e.ResponseError(f"{WITHIN}OOM command not allowed when used memory > 'maxmemory'."), "maxmemory"),
        (e.ReadOnlyError("You can't write against a read only replica. script: 0a9f"), "is a replica"),
        (e.ResponseError(f"{WITHIN}READONLY You can't write against a read only replica."), "is a replica"),
        (e.ResponseError("NOREPLICAS Not enough good replicas to write. script: 0a9f"), "too few replicas"),
        (e.ResponseError(f"{WITHIN}NOREPLICAS Not enough good replicas to write."), "too few replicas"),
        (e.ResponseError(f"{WITHIN}MISCONF Redis is configured to save RDB snapshots"), "(ResponseError, MISCONF)"),
        (e.ResponseError("MISCONF Redis is configured to save RDB snapshots"), "(ResponseError, MISCONF)"),
        (e.ResponseError("whatever it says of a SECRET value"), "Redis failed (ResponseError)."),
    ],
)
def test_a_refusal_is_told_in_every_dialect(error: Exception, sentence: str):
    """The sentence names the cause, and of the server's own words at most the code."""
    assert sentence in str(translated(error))
