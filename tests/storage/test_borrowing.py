"""A connection that turns out to be dead before anything was sent on it costs nobody a request."""

from __future__ import annotations

import asyncpg
import pytest

from authority_core.kernel.sync import run
from authority_sql.awaiting_links import AsyncpgLink
from authority_sql.borrowing import Borrowing
from authority_sql.plan import Step

UNSENT = asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress")
SENT = ConnectionResetError("reset")
STEP = Step("INSERT", ())


class Link:
    """A connection whose statements raise *errors*, one after the other, and then work."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors, self.ran = [*errors], 0

    lost = ended = False

    def unsent(self, error: BaseException) -> bool:
        return AsyncpgLink.unsent(self, error)  # type: ignore[arg-type]  # it looks at the error alone

    async def change(self, sql: str, values: tuple[object, ...]) -> int:
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        self.ran += 1
        return 1

    change_alone = change

    async def fetch(self, sql: str, values: tuple[object, ...]) -> list[tuple[int]]:
        return [(await self.change(sql, values),)]

    async def begin(self) -> None:
        await self.change("BEGIN", ())

    async def commit(self) -> None:
        pass


class Lender:
    """Lends *links* in turn, and notes what became of them."""

    def __init__(self, *links: Link) -> None:
        self.links, self.discarded, self.forgotten = [*links], 0, 0

    async def acquire(self, writing: bool) -> Link:
        return self.links.pop(0)

    async def release(self, link: Link, writing: bool) -> None:
        pass

    async def discard(self, link: Link, writing: bool, error: BaseException) -> None:
        self.discarded += 1

    async def stale(self) -> None:
        self.forgotten += 1


WORK = {
    "a read": lambda on: on.fetch("SELECT", ()),
    "a commit of one statement": lambda on: on.write([STEP]),
    "the beginning of a transaction": lambda on: on.write([STEP, STEP]),
}


@pytest.mark.parametrize("work", WORK.values(), ids=list(WORK))
def test_what_was_never_sent_is_sent_on_a_fresh_connection(work):
    """Once, after all idle connections were forgotten."""
    dead, fresh = Link(UNSENT), Link()
    lender = Lender(dead, fresh)

    assert run(work(Borrowing(lender)))
    assert (dead.ran, lender.discarded, lender.forgotten) == (0, 1, 1)
    assert fresh.ran > 0


@pytest.mark.parametrize("work", WORK.values(), ids=list(WORK))
def test_what_may_have_been_sent_is_not_repeated(work):
    """Nobody can say what became of it."""
    lender = Lender(Link(SENT), Link())

    with pytest.raises(ConnectionResetError):
        run(work(Borrowing(lender)))
    assert (lender.discarded, lender.forgotten) == (1, 0)


def test_a_transaction_that_has_begun_is_not_repeated():
    """Whatever the error says: what came before it was sent."""
    lender = Lender(Link(None, UNSENT), Link())

    with pytest.raises(asyncpg.InternalClientError):
        run(Borrowing(lender).write([STEP, STEP]))
    assert lender.forgotten == 0
