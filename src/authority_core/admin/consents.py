"""Operations on consents: take away what nobody will ask for again."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from ..kernel.changes import Decision, Remove
from ..kernel.moment import Moment
from ..kernel.ports import Origin
from ..kernel.records import Client, Consent
from ..kernel.shell import Shell

_PAGE = 200
_MOST_REMEMBERED = 10_000


@frozen(eq=False)
class Consents:
    """Administers what people allowed clients."""

    shell: Shell
    origin: Origin = field(factory=Origin)

    async def forget(self, subject: str) -> int:
        """Take away all that *subject* allowed, as when the account is deleted; return how much it was.

        Tokens are not touched: end those with `CutOff`.
        """

        async def attempt(_: Moment) -> Decision[int]:
            found = (await self.shell.storage.consents(subject))[:_PAGE]
            return _removed(found)

        gone = went = await self.shell.act(self.origin, attempt)
        while went == _PAGE:
            went = await self.shell.act(self.origin, attempt)
            gone += went
        return gone

    async def forget_gone_clients(self) -> int:
        """Take away what was allowed to clients that are gone, and to earlier owners of a client's id; return how much.

        None of it counts (`kernel.consents.holds`). Every consent is read, a page at a time; a page is written over in
        one commit. It may be stopped and begun again.
        """
        there: dict[str, Client] = {}
        after: tuple[str, str] | None = None
        gone, more = 0, True

        async def attempt(_: Moment) -> Decision[tuple[Sequence[Consent], int]]:
            # The page is read before its clients: whose client is not there then was given to one that is gone, even
            # if another takes the id at this moment.
            page = await self.shell.storage.all_consents(after, _PAGE)
            await self._look_up(page, there)
            removed = _removed([one for one in page if _dead(one, there.get(one.client_id))])
            return Decision((page, removed.answer), removed.changes)

        while more:
            page, went = await self.shell.act(self.origin, attempt)
            more, gone = len(page) == _PAGE, gone + went
            after = (page[-1].subject, page[-1].client_id) if page else None
        return gone

    async def _look_up(self, page: Sequence[Consent], there: dict[str, Client]) -> None:
        """Read the clients of *page* that are not *there*; those that are gone are asked for every time."""
        if len(there) > _MOST_REMEMBERED:
            there.clear()
        for client_id in {consent.client_id for consent in page} - set(there):
            client = await self.shell.storage.client(client_id)
            if client is not None:
                there[client_id] = client


def _dead(consent: Consent, client: Client | None) -> bool:
    return client is None or consent.granted_at < client.begins


def _removed(found: Sequence[Consent]) -> Decision[int]:
    return Decision(len(found), tuple(map(Remove, found)))
