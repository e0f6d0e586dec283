"""The key ring: signing keys as data, pending, active or retired, loaded once and looked at again by the clock.

Private keys are decrypted and imported when a ring is loaded, never per request. The ring reads storage at most every
few seconds, so that rotation and compromise reach every process. It knows nothing of what is signed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import define, field, frozen

from ...kernel.changes import Decision
from ...kernel.encoding import Json, decode_json_object, encode_json
from ...kernel.encrypted import SIGNING_KEYS, context
from ...kernel.jose import PrivateKey, PublicKey, generate_private_jwk, public_jwk
from ...kernel.moment import Moment, instant
from ...kernel.ports import Offload, Origin
from ...kernel.records import SigningKey
from ...kernel.shell import Shell
from ...kernel.vault import Vault
from . import key_lifecycle

LOOK_AGAIN = timedelta(seconds=5)

Turn = Callable[[Sequence[SigningKey], Moment], Decision[tuple[SigningKey, ...]]]


class NoSuchKey(Exception):
    """No key has this id."""


@frozen
class _Ring:
    loaded_at: datetime
    stale_at: datetime
    records: tuple[SigningKey, ...]
    signing: Mapping[str, PrivateKey]
    verifying: tuple[PublicKey, ...]
    jwks: Json


@define(eq=False)
class KeyRing:
    """Signs with the active key of each algorithm; publishes and rotates.

    Implements the `Signer` port. *algorithms* are those the server signs with; each gets a key at first use.
    """

    _shell: Shell
    _vault: Vault = field(repr=False)
    _offload: Offload
    _algorithms: tuple[str, ...]
    _ring: _Ring | None = field(default=None, init=False, repr=False)
    _imported: dict[str, PrivateKey] = field(factory=dict, init=False, repr=False)

    def sign(self, algorithm: str, typ: str, claims: Mapping[str, object]) -> str | Awaitable[str]:
        """Return *claims* signed with the active key for *algorithm*; at once unless storage must be looked at."""
        ring = self._fresh()
        if ring is None:
            return self._load_and_sign(algorithm, typ, claims)
        return ring.signing[algorithm].sign(typ, claims)

    async def _load_and_sign(self, algorithm: str, typ: str, claims: Mapping[str, object]) -> str:
        ring = await self._load(self._shell.moment())
        return ring.signing[algorithm].sign(typ, claims)

    async def verifying_keys(self) -> tuple[PublicKey, ...]:
        """Return the published keys, ready to verify our own tokens."""
        return (await self._current()).verifying

    async def jwks(self) -> Json:
        """Return the JWK Set to publish: public members only (RFC 7517 §5)."""
        return (await self._current()).jwks

    async def records(self) -> Sequence[SigningKey]:
        """Return every key's record, oldest first."""
        return (await self._load(self._shell.moment())).records

    async def start(self) -> None:
        """Create the keys that are missing, so that the first request need not wait for it."""
        await self._load(self._shell.moment())

    async def open_stored(self) -> None:
        """Open the stored keys that sign, or will, as the first request does; nothing is made, turned or written.

        Raises:
            CannotDecrypt: One of them does not open, so that a server would not start, or not sign for long.
            StorageUnavailable: Storage cannot be reached.
        """
        records = await self._shell.storage.signing_keys()
        for record in key_lifecycle.in_use(records, self._shell.settings, self._shell.moment().now):
            self._open(record)

    async def rotate(self, algorithm: str | None = None, *, at_once: bool = False) -> Sequence[SigningKey]:
        """Make a successor for each active key (of one *algorithm*); it signs after `key_publish_lead`, or *at_once*.

        Returns the new keys. A pending successor that exists is taken instead of making another.
        """
        wanted = self._algorithms if algorithm is None else (algorithm,)
        fresh = {name: await self._generate(name) for name in wanted}
        settings = self._shell.settings
        made = await self._turn(
            lambda records, moment: key_lifecycle.rotate(records, fresh, settings, moment, at_once=at_once)
        )
        self._ring = None
        return made

    async def compromise(self, kid: str) -> None:
        """Take the key out of the JWK Set at once; its tokens are dead and a new key signs. Raises `NoSuchKey`."""
        found = [record for record in await self._shell.storage.signing_keys() if record.kid == kid]
        if not found:
            raise NoSuchKey(kid)
        fresh = await self._generate(found[0].alg)
        settings = self._shell.settings
        await self._turn(lambda records, moment: key_lifecycle.compromise(records, kid, fresh, settings, moment))
        self._ring = None

    async def _current(self) -> _Ring:
        return self._fresh() or await self._load(self._shell.moment())

    def _fresh(self) -> _Ring | None:
        """Return the ring that was loaded unless storage should be looked at again."""
        ring = self._ring
        if ring is not None and ring.loaded_at <= instant(self._shell.moment) < ring.stale_at:
            return ring
        return None

    async def _load(self, moment: Moment) -> _Ring:
        records = tuple(await self._shell.storage.signing_keys())
        missing = [name for name in self._algorithms if not key_lifecycle.signing_key(records, name)]
        if missing:
            fresh = [await self._generate(name) for name in missing]
            await self._turn(lambda records, moment: key_lifecycle.first(records, fresh, moment))
        settings = self._shell.settings
        if key_lifecycle.due(records, settings, moment.now):
            await self._turn(lambda records, moment: key_lifecycle.advance(records, settings, moment))
        elif not missing:
            return self._keep(records, moment.now)
        return self._keep(tuple(await self._shell.storage.signing_keys()), moment.now)

    async def _turn(self, turn: Turn) -> tuple[SigningKey, ...]:
        async def attempt(moment: Moment) -> Decision[tuple[SigningKey, ...]]:
            return turn(await self._shell.storage.signing_keys(), moment)

        return await self._shell.act(Origin(), attempt)

    async def _generate(self, algorithm: str) -> SigningKey:
        private = await self._offload(lambda: generate_private_jwk(algorithm))
        public = public_jwk(private, algorithm)
        kid = str(public["kid"])
        return SigningKey(
            kid=kid,
            alg=algorithm,
            public_jwk=public,
            private_jwk=self._vault.seal(encode_json(private).encode("utf-8"), context(SIGNING_KEYS, kid)),
            state="pending",
            created_at=self._shell.moment().now,
        )

    def _keep(self, records: tuple[SigningKey, ...], now: datetime) -> _Ring:
        published = [record for record in records if record.state != "compromised"]
        signing = {record.alg: self._import(record) for record in published if record.state == "active"}
        verifying = tuple(PublicKey.from_jwk(record.public_jwk) for record in published)
        jwks: Json = {"keys": [dict(record.public_jwk) for record in published]}
        self._ring = ring = _Ring(now, now + LOOK_AGAIN, records, signing, verifying, jwks)
        return ring

    def _import(self, record: SigningKey) -> PrivateKey:
        key = self._imported.get(record.kid)
        if key is None:
            key = self._imported[record.kid] = self._open(record)
        return key

    def _open(self, record: SigningKey) -> PrivateKey:
        jwk = decode_json_object(self._vault.open(record.private_jwk, context(SIGNING_KEYS, record.kid)))
        return PrivateKey.from_jwk(jwk, record.alg, record.kid)
