"""Client secrets that other systems made and that are kept as slow hashes: proved off the event loop, once a process.

Clients prove themselves with every request, and a slow hash takes a tenth of a second. So who has proved a secret once
is known again by a keyed digest in the memory of the process, and only the first request waits. Wrong secrets are
counted, for each client and address, so that guessing is as slow as it is hopeless; the work itself goes where
passwords are checked, which is bounded.

A hash is replaced as soon as its secret is known: by the digest of one that turns out to be generated, otherwise by
argon2id with today's parameters.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from attrs import define, evolve, field

from ...kernel.changes import Replace
from ...kernel.client_secrets import KIND, generated, live
from ...kernel.encoding import Digest, digest, keyed_digest
from ...kernel.moment import entropy
from ...kernel.passwords import Passwords, matches
from ...kernel.ports import Busy, Offload
from ...kernel.records import Client, ClientSecret
from ...kernel.shell import Shell

MOST_PROVED = 1000
"""Secrets that are known again; one more, and the oldest is forgotten."""
MOST_WRONG = 10
WITHIN = timedelta(minutes=1)
"""Wrong secrets of one client from one address, and the time in which no more are looked at."""
_MOST_ADDRESSES = 10_000


@define(eq=False)
class SlowSecrets:
    """Proves clients by their slow hashes; safe to share between threads, where a count may miss one of two at once."""

    shell: Shell
    _passwords: Passwords
    _offload: Offload
    _key: bytes = field(factory=lambda: entropy(32), init=False, repr=False)
    _proved: dict[Digest, None] = field(factory=dict, init=False, repr=False)
    _wrong: dict[tuple[str, str | None], tuple[datetime, int]] = field(factory=dict, init=False, repr=False)

    async def prove(self, client: Client, presented: str, address: str | None, now: datetime) -> bool:
        """Tell whether *presented*, of bounded length, is a secret of *client* that is kept as a slow hash.

        Raises:
            Busy: Too many wrong ones came from *address*, or too much slow work is waiting.
            StorageUnavailable: A better hash could not be written.
        """
        kept = [(one, one.secret_hash) for one in client.secrets if one.secret_hash is not None and live(one, now)]
        if not kept:
            return False
        if any(self._proof(client, known, presented) in self._proved for _, known in kept):
            return True
        who = client.client_id, address
        since, wrong = self._wrong.get(who, (now, 0))
        if now - since >= WITHIN:
            since, wrong = now, 0
        elif wrong >= MOST_WRONG:
            raise Busy(f"too many wrong secrets of the client {client.client_id[:80]!a}")
        for one, known in kept:
            if await self._offload(partial(self._fits, self._proof(client, known, presented), known, presented)):
                await self._improve(client, one, known, presented)
                return True
        if len(self._wrong) >= _MOST_ADDRESSES:
            self._wrong.clear()
        self._wrong[who] = since, wrong + 1
        return False

    def _fits(self, proof: Digest, known: str, presented: str) -> bool:
        """Do the slow work, unless somebody has done it while this waited for its turn."""
        if proof not in self._proved:
            if not matches(known, presented):
                return False
            self._remember(proof)
        return True

    async def _improve(self, client: Client, one: ClientSecret, known: str, presented: str) -> None:
        """Write a better hash of *presented*; when somebody else writes the client just now, the next process will."""
        if generated(presented):
            better = evolve(one, digest=digest(KIND, presented), secret_hash=None)
        elif self._passwords.outdated(known):
            hashed = await self._passwords.hash(presented)
            self._remember(self._proof(client, hashed, presented))
            better = evolve(one, secret_hash=hashed)
        else:
            return
        secrets = tuple(better if other is one else other for other in client.secrets)
        await self.shell.write(Replace(evolve(client, secrets=secrets)))

    def _proof(self, client: Client, known: str, presented: str) -> Digest:
        return keyed_digest(self._key, KIND, f"{client.client_id}\0{known}\0{presented}")

    def _remember(self, proof: Digest) -> None:
        if len(self._proved) >= MOST_PROVED:
            self._proved.pop(next(iter(self._proved)), None)
        self._proved[proof] = None
