"""Client secrets that other systems made and that are kept as slow hashes: proved off the event loop, once a process.

Clients prove themselves with every request, and a slow hash takes a tenth of a second. So who has proved a secret once
is known again by a keyed digest in the memory of the process, and only the first request waits. Each look at a secret
is counted before it is made, for its client and network, and given back when it was right, or when nobody had time for
it: guessing is as slow as it is hopeless. The work itself goes where passwords are checked, which is bounded.

A hash is replaced as soon as its secret is known: by the digest of one that turns out to be random, otherwise by
argon2id with today's parameters.
"""

from __future__ import annotations

import logging
from collections import deque
from datetime import datetime, timedelta
from functools import partial

from attrs import define, evolve, field

from ...kernel.addresses import neighbourhood
from ...kernel.changes import Replace, StorageUnavailable
from ...kernel.client_secrets import KIND, live, random_looking
from ...kernel.encoding import Digest, digest, keyed_digest
from ...kernel.foreign_hashes import verify, whole
from ...kernel.moment import entropy
from ...kernel.passwords import Passwords
from ...kernel.ports import Busy, Offload
from ...kernel.records import Client, ClientSecret
from ...kernel.shell import Shell

MOST_PROVED = 1000
"""Secrets that are known again at least; when twice as many are, the older half is forgotten."""
MOST_WRONG = 10
WITHIN = timedelta(minutes=1)
"""Wrong secrets of one client from one network, and the time in which no more are looked at."""
_MOST_NETWORKS = 10_000

logger = logging.getLogger("authority")


@define(eq=False)
class _Looks:
    """How many more secrets are looked at, since when: one item each, for taking one is a single step."""

    since: datetime
    left: deque[None] = field(factory=lambda: deque([None] * MOST_WRONG))


@define(eq=False)
class SlowSecrets:
    """Proves clients by their slow hashes; safe to share between threads."""

    shell: Shell = field(repr=False)
    _passwords: Passwords = field(repr=False)
    _offload: Offload = field(repr=False)
    _key: bytes = field(factory=lambda: entropy(32), init=False, repr=False)
    _proved: dict[Digest, None] = field(factory=dict, init=False, repr=False)
    _proved_before: dict[Digest, None] = field(factory=dict, init=False, repr=False)
    _looks: dict[tuple[str, str | None], _Looks] = field(factory=dict, init=False, repr=False)

    async def prove(self, client: Client, presented: str, address: str | None, now: datetime) -> bool:
        """Tell whether *presented*, of bounded length, is a secret of *client* that is kept as a slow hash.

        Raises:
            Busy: Too many wrong ones came from around *address*, or too much slow work is waiting.
        """
        kept = [(one, one.secret_hash) for one in client.secrets if one.secret_hash is not None and live(one, now)]
        if not kept:
            return False
        if any(self._known(self._proof(client, known, presented)) for _, known in kept):
            return True
        looks = self._looks_of((client.client_id, neighbourhood(address)), now)
        try:
            looks.left.pop()
        except IndexError:
            raise Busy(f"too many wrong secrets of the client {client.client_id[:80]!a}") from None
        proved = await self._first(client, kept, presented, looks)
        if proved is None:
            return False
        looks.left.append(None)
        try:
            await self._improve(client, *proved, presented)
        except (Busy, StorageUnavailable) as error:
            logger.warning("the client %a keeps a slow hash for now: %s", client.client_id[:80], error)
        return True

    async def _first(
        self, client: Client, kept: list[tuple[ClientSecret, str]], presented: str, looks: _Looks
    ) -> tuple[ClientSecret, str] | None:
        """Return the one of *kept* that *presented* is; give the look back only where nobody has looked at anything."""
        for at, (one, known) in enumerate(kept):
            try:
                fits = await self._offload(partial(self._fits, self._proof(client, known, presented), known, presented))
            except Busy:
                if at == 0:
                    looks.left.append(None)
                raise
            if fits:
                return one, known
        return None

    def _fits(self, proof: Digest, known: str, presented: str) -> bool:
        """Do the slow work, unless somebody has done it while this waited for its turn."""
        if not self._known(proof):
            if not verify(known, presented):
                return False
            self._remember(proof)
        return True

    async def _improve(self, client: Client, one: ClientSecret, known: str, presented: str) -> None:
        """Write a better hash of *presented* into the client as it is by now, if that still has this one.

        A hash that was made of a part of it is kept: what else belongs to the secret, nobody has proved.
        """
        if not whole(known, presented):
            return
        if random_looking(presented):
            better = evolve(one, digest=digest(KIND, presented), secret_hash=None)
        elif self._passwords.outdated(known):
            hashed = await self._passwords.hash(presented)
            self._remember(self._proof(client, hashed, presented))
            better = evolve(one, secret_hash=hashed)
        else:
            return
        today = await self.shell.storage.client(client.client_id)
        if today is not None and one in today.secrets:
            secrets = tuple(better if other == one else other for other in today.secrets)
            await self.shell.write(Replace(evolve(today, secrets=secrets)))

    def _looks_of(self, who: tuple[str, str | None], now: datetime) -> _Looks:
        found = self._looks.get(who)
        if found is not None and now - found.since < WITHIN:
            return found
        if len(self._looks) >= _MOST_NETWORKS:
            young = {one: looks for one, looks in self._looks.copy().items() if now - looks.since < WITHIN}
            self._looks = young if len(young) < _MOST_NETWORKS else {}
        if found is not None:
            self._looks.pop(who, None)
        return self._looks.setdefault(who, _Looks(now))

    def _proof(self, client: Client, known: str, presented: str) -> Digest:
        return keyed_digest(self._key, KIND, f"{client.client_id}\0{known}\0{presented}")

    def _known(self, proof: Digest) -> bool:
        if proof in self._proved:
            return True
        if proof in self._proved_before:
            self._remember(proof)
            return True
        return False

    def _remember(self, proof: Digest) -> None:
        if len(self._proved) >= MOST_PROVED:
            self._proved, self._proved_before = {}, self._proved
        self._proved[proof] = None
