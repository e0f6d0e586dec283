"""SQLite's connections for synchronous applications, kept at hand. Nothing here ever suspends."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from attrs import define, field
from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

from .columns import Row
from .engines import WRITER_PATIENCE
from .errors import conflict, crowded
from .plan import Step
from .prepared import Values
from .processes import OfProcess

T = TypeVar("T")
Execute = Callable[..., Any]


class _Link:
    """One connection, with the one cursor that it needs: every statement is at its end when the next one comes."""

    __slots__ = ("autocommit", "driver", "execute", "proxy")

    def __init__(self, proxy: PoolProxiedConnection) -> None:
        driver: Any = proxy.driver_connection
        self.proxy = proxy
        self.driver = driver
        self.execute: Execute = driver.cursor().execute
        self.autocommit = driver.isolation_level is None

    def fetch(self, sql: str, values: Values) -> list[Row]:
        """Return the rows of a SELECT."""
        rows: list[Row] = self.execute(sql, values).fetchall()
        return rows

    def write(self, steps: Sequence[Step]) -> int:
        """Run *steps*, all or none; return how many rows they touched."""
        execute = self.execute
        transaction = len(steps) > 1 or not self.autocommit
        if transaction:
            execute("BEGIN IMMEDIATE")
        touched = 0
        for step in steps:
            rows: int = execute(step.sql, step.values).rowcount
            if rows == 0 and step.must_change:
                raise conflict()
            touched += rows
        if transaction:
            execute("COMMIT")
        return touched

    def undo(self) -> bool:
        """Roll back; tell whether the connection may be used again."""
        try:
            self.driver.rollback()
        except Exception:  # noqa: BLE001 - whatever it is, the connection is not trusted again
            return False
        return True


@define(eq=False)
class _Connections:
    idle: deque[_Link] = field(factory=deque)
    writer: threading.RLock = field(factory=threading.RLock)
    at_work: bool = False
    """Whether the owner of the lock is between the beginning and the end of its work."""


class KeepingConnector:
    """Keeps SQLite's connections at hand, and lets one writer of this process in at a time.

    A queue of our own is fair and immediate, where SQLite's busy handler polls; the busy handler remains for writers
    of other processes. With *shared*, there is one connection (an in-memory database), and reads queue too.
    An engine that is not ours gets its connections back after each piece of work: *keep* is false.
    """

    def __init__(self, engine: Engine, keep: bool, shared: bool = False) -> None:
        self._engine = engine
        self._keep = keep
        self._shared = shared
        self._process = OfProcess(_Connections, forked=lambda: engine.dispose(close=False))

    def fetch(self, sql: str, values: Values) -> list[Row]:
        """Return the rows of a SELECT."""
        mine = self._process.mine()
        if self._shared:
            return self._in_turn(mine, _Link.fetch, sql, values)
        try:
            link = mine.idle.pop()
        except IndexError:
            return self._lent(mine, _Link.fetch, sql, values)
        try:  # as `_lent` does it, with no call in between: what reads are made of
            rows: list[Row] = link.execute(sql, values).fetchall()
        except BaseException:
            self._failed(mine, link)
            raise
        mine.idle.append(link)
        return rows

    async def write(self, steps: Sequence[Step]) -> int:
        """Run *steps*, all or none; return how many rows they touched."""
        return self._in_turn(self._process.mine(), _Link.write, steps)

    def _in_turn(self, mine: _Connections, work: Callable[..., T], *arguments: Any) -> T:
        """Do *work* when nobody else of this process does any that queues.

        The handler of a signal may raise right after the lock was taken, before anybody has noted it. The lock knows
        its owner: it is released where this thread has it. Who is at work already, and comes again from such a
        handler, is refused.
        """
        try:
            if not mine.writer.acquire(timeout=WRITER_PATIENCE) or mine.at_work:
                raise crowded()
            mine.at_work = True
            try:
                return self._lent(mine, work, *arguments)
            finally:
                mine.at_work = False
        finally:
            try:  # noqa: SIM105 - suppress() is a call, after which another handler may raise
                mine.writer.release()
            except RuntimeError:
                pass

    def _lent(self, mine: _Connections, work: Callable[..., T], *arguments: Any) -> T:
        """Do *work* on an idle connection or a new one, and keep it; one that cannot be rolled back is closed."""
        try:
            link = mine.idle.pop()
        except IndexError:
            link = _Link(self._engine.raw_connection())
        try:
            done = work(link, *arguments)
        except BaseException:
            self._failed(mine, link)
            raise
        if self._keep:
            mine.idle.append(link)
        else:
            link.proxy.close()
        return done

    def _failed(self, mine: _Connections, link: _Link) -> None:
        """Roll back, and keep *link* if that went well; it is not trusted again otherwise."""
        sound = link.undo()
        if sound and self._keep:
            mine.idle.append(link)
            return
        if not sound:
            link.proxy.invalidate()
        link.proxy.close()

    def close(self) -> None:
        """Close every idle connection; those at work close when they come back to a pool that is gone."""
        idle = self._process.mine().idle
        with contextlib.suppress(IndexError):
            while True:
                idle.pop().proxy.close()
