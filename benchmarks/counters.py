"""What is counted and not timed: reads, commits, key imports and password hashes of one request.

A spy stands between the core and memory storage; `import_key` and argon2's two functions are counted where the core
calls them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import argon2
import joserfc.jwk

from authority_core import Authority
from authority_core.kernel import jose
from authority_core.kernel.abilities import METHODS
from authority_core.kernel.changes import Change, Put
from authority_core.kernel.records import AuditRecord
from authority_core.kernel.sync import run

from . import scene
from .goals import Goal
from .inprocess import request

Function = Callable[..., Any]


class Spy:
    """Storage that counts what is asked of another."""

    tells_holders = True

    def __init__(self, storage: object) -> None:
        self.reads: Counter[str] = Counter()
        self.commits: list[Sequence[Change]] = []
        self._counted = {name: self._counting(name, getattr(storage, name)) for name in METHODS}

    def __getattr__(self, name: str) -> Function:
        if name not in METHODS:
            raise AttributeError(name)
        return self._counted[name]

    def _counting(self, name: str, method: Function) -> Function:
        def counting(*arguments: object, **options: object) -> object:
            if name == "commit":
                self.commits.append(arguments[0])  # type: ignore[arg-type]  # commit(changes) has one argument
            else:
                self.reads[name] += 1
            return method(*arguments, **options)

        return counting

    def reset(self) -> None:
        """Start counting again."""
        self.reads.clear()
        self.commits.clear()


@contextmanager
def counted(owner: Any, name: str, calls: Counter[str]) -> Iterator[None]:
    """Count the calls of *owner*'s function *name* meanwhile."""
    original = getattr(owner, name)

    def counting(*arguments: object, **options: object) -> object:
        calls[name] += 1
        return original(*arguments, **options)

    setattr(owner, name, counting)
    try:
        yield
    finally:
        setattr(owner, name, original)


def measure() -> list[Goal]:
    """Return the goals for one request of each kind."""
    spy = Spy(scene.furnished(codes=2, chains=2))
    authority = scene.authority(spy)
    goals: list[Goal] = []
    costly: Counter[str] = Counter()
    with (
        counted(joserfc.jwk, "import_key", costly),
        counted(argon2.PasswordHasher, "hash", costly),
        counted(argon2.PasswordHasher, "verify", costly),
    ):
        _control(costly)
        for name, template, reads in (
            ("client_credentials", scene.CLIENT_CREDENTIALS, 1),
            ("code redemption", scene.CODE.replace("%s", "{}").format(scene.code_named(0)), 2),
            ("refresh", scene.REFRESH.replace("%s", "{}").format(scene.chain_named(0)), 2),
        ):
            spy.reset()
            _ask(authority, template.encode())
            done = sum(spy.reads.values())
            goals.append(Goal(f"{name}, storage reads", done, reads, "", note=_spelled(spy.reads)))
            goals.append(Goal(f"{name}, commits", len(spy.commits), 1, ""))
            if name == "client_credentials":
                goals.append(Goal(f"{name}, changes beyond the audit trail", _beyond_audit(spy.commits), 0, ""))
    goals.append(Goal("key imports and password hashes on the token path", sum(costly.values()), 0, ""))
    return goals


def _ask(authority: Authority, body: bytes) -> None:
    answer = run(authority.handle(request(body)))
    if answer.status != 200:
        raise RuntimeError(f"the benchmark was refused: {answer.body!r}")


def _beyond_audit(commits: Sequence[Sequence[Change]]) -> int:
    changes = [change for commit in commits for change in commit]
    return sum(not (isinstance(change, Put) and isinstance(change.record, AuditRecord)) for change in changes)


def _control(costly: Counter[str]) -> None:
    """The control: the counters see an import and a hash when there is one."""
    jose.PrivateKey.from_jwk(jose.generate_private_jwk("ES256"), "ES256", "k")
    argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("password")
    if costly["import_key"] != 1 or costly["hash"] != 1:
        raise RuntimeError("the counters count nothing")
    costly.clear()


def _spelled(reads: Counter[str]) -> str:
    return " + ".join(sorted(reads.elements()))
