"""Operations on clients: register, change, rotate the secret, delete, read.

Decisions are functions of the record and a moment; `Clients` lets the shell commit them. Secrets are generated, 256
bit, returned once, and stored as digests.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from attrs import evolve, field, frozen

from ..kernel.changes import Decision, Remove, Replace
from ..kernel.client_secrets import KIND, generated, kept_digest, live
from ..kernel.events import ClientChanged, ClientCreated, ClientDeleted, ClientSecretRotated
from ..kernel.moment import Moment
from ..kernel.ports import Origin
from ..kernel.records import Client
from ..kernel.settings import Settings
from ..kernel.shell import Shell
from ..kernel.values import Secret
from .client_metadata import NAMES, ClientMetadata, client_id_fault, metadata_faults, metadata_of
from .consents import Consents
from .refusals import Invalid, Unknown

_PAGE = 200


@frozen(kw_only=True)
class Issued:
    """A client and its new *secret*, which is shown this once; `None` for a public client."""

    client: Client
    secret: Secret | None = None


def registered(
    metadata: ClientMetadata, moment: Moment, *, client_id: str | None = None, secret: Secret | None = None
) -> Decision[Issued]:
    """Make a client of *metadata*, which is valid."""
    issued = None
    if metadata.confidential:
        issued = secret or Secret(moment.token(KIND))
    client = Client(
        client_id=client_id or moment.identifier("client_id"),
        secrets=() if issued is None else (kept_digest(issued.reveal(), moment),),
        created_at=moment.now,
        # A chosen id may have belonged to a client that was deleted: nothing of that one comes alive again. Whole
        # seconds, because the times inside tokens are.
        tokens_valid_after=moment.now.replace(microsecond=0) - timedelta(microseconds=1) if client_id else None,
        name=metadata.name,
    )
    client = _with(client, metadata)
    event = ClientCreated(client_id=client.client_id)
    return Decision(Issued(client=client, secret=issued), (Replace(client),), (event,))


def changed(client: Client, metadata: ClientMetadata) -> Decision[Client]:
    """Let *client* be as *metadata*, which is valid, says; nothing is written when nothing differs."""
    names = [name for name in NAMES if getattr(client, name) != getattr(metadata, name)]
    if not names:
        return Decision(client)
    updated = _with(client, metadata)
    if not updated.confidential:
        updated = evolve(updated, secrets=())
    event = ClientChanged(client_id=client.client_id, fields=" ".join(names))
    return Decision(updated, (Replace(updated),), (event,))


def rotated(client: Client, settings: Settings, moment: Moment, *, secret: Secret | None = None) -> Decision[Issued]:
    """Give *client*, which is confidential, a new secret; of those before, the newest lives until the overlap ends.

    At most two secrets live at any time.
    """
    issued = secret or Secret(moment.token(KIND))
    fresh = kept_digest(issued.reveal(), moment)
    ends = moment.now + timedelta(seconds=settings.client_secret_overlap)
    alive = sorted((one for one in client.secrets if live(one, moment.now)), key=lambda one: one.created_at)
    before = [evolve(one, expires_at=min(one.expires_at or ends, ends)) for one in alive[-1:]]
    kept = tuple(one for one in before if live(one, moment.now))
    updated = evolve(client, secrets=(fresh, *kept))
    event = ClientSecretRotated(client_id=client.client_id, secret_id=fresh.secret_id)
    return Decision(Issued(client=updated, secret=issued), (Replace(updated),), (event,))


def deleted(client: Client) -> Decision[None]:
    """Take *client* away; without it none of its grants or tokens is honoured."""
    return Decision(None, (Remove(client),), (ClientDeleted(client_id=client.client_id),))


def _with(client: Client, metadata: ClientMetadata) -> Client:
    return evolve(client, **{name: getattr(metadata, name) for name in NAMES})


@frozen(eq=False)
class Clients:
    """Administers clients. *grants* are the names of the grants that the server offers."""

    shell: Shell
    grants: frozenset[str]
    origin: Origin = field(factory=Origin)

    async def register(
        self, metadata: ClientMetadata, *, client_id: str | None = None, secret: Secret | None = None
    ) -> Issued:
        """Store a new client and return it with its secret, which cannot be read again.

        *client_id* may be chosen; otherwise it is 22 random characters. *secret* may come from outside when it
        carries 256 random bits in base64url.

        Raises:
            Invalid: With every fault at once; also for a *client_id* that is taken.
        """
        faults = [*metadata_faults(metadata, self.shell.settings, self.grants), *_given_faults(client_id, secret)]

        async def attempt(moment: Moment) -> Decision[Issued]:
            found = [*faults, *(await self._taken(client_id) if client_id is not None else ())]
            if found:
                raise Invalid(found)
            return registered(metadata, moment, client_id=client_id, secret=secret)

        return await self.shell.act(self.origin, attempt)

    async def _taken(self, client_id: str) -> list[str]:
        storage = self.shell.storage
        if await storage.client(client_id) is not None:
            return ["A client with this id exists already."]
        # Tokens of its own name the client in `sub`, where people are named too (RFC 9068 §5). A host's own people
        # are not in our storage, which then need not know of any.
        if hasattr(storage, "user") and await storage.user(client_id) is not None:
            return ["A person has this id: nobody could tell the client's own tokens from that person's."]
        return []

    async def update(self, client_id: str, metadata: ClientMetadata) -> Client:
        """Replace what is said about the client; a client that becomes public loses its secrets.

        Raises:
            Invalid: With every fault at once.
            Unknown: There is no such client.
        """
        faults = metadata_faults(metadata, self.shell.settings, self.grants)

        async def attempt(moment: Moment) -> Decision[Client]:
            client = await self.client(client_id)
            if faults:
                raise Invalid(faults)
            return changed(client, metadata)

        return await self.shell.act(self.origin, attempt)

    async def rotate_secret(self, client_id: str, *, secret: Secret | None = None) -> Issued:
        """Give the client a new secret; the one before lives for `client_secret_overlap` seconds more.

        Raises:
            Invalid: The client is public and has no secret, or *secret* is not 256 random bits.
            Unknown: There is no such client.
        """

        async def attempt(moment: Moment) -> Decision[Issued]:
            client = await self.client(client_id)
            faults = _given_faults(None, secret)
            if not client.confidential:
                faults.append("A public client has no secret to rotate.")
            if faults:
                raise Invalid(faults)
            return rotated(client, self.shell.settings, moment, secret=secret)

        return await self.shell.act(self.origin, attempt)

    async def delete(self, client_id: str) -> None:
        """Take the client away, and with it everything that was issued to it and allowed it.

        What was issued is dead at once, and what was allowed counts for nothing. Then every consent there is is read,
        which takes seconds where there are a million, and those of clients that are gone are taken away.

        Raises:
            StorageUnavailable: Storage cannot be reached. The client may be gone, and what was allowed it still be
                there: another call, of this id or any, takes it away.
            Unknown: There is no such client. What was allowed to clients that are gone was taken away all the same.
        """

        async def attempt(moment: Moment) -> Decision[None]:
            return deleted(await self.client(client_id))

        consents = Consents(self.shell, self.origin)
        try:
            await self.shell.act(self.origin, attempt)
        except Unknown:  # perhaps since a call that broke off
            await consents.forget_gone_clients()
            raise
        await consents.forget_gone_clients()

    async def client(self, client_id: str) -> Client:
        """Return the client. Raises `Unknown`."""
        client = await self.shell.storage.client(client_id)
        if client is None:
            raise Unknown(f"There is no client {client_id[:80]!a}.")
        return client

    async def metadata(self, client_id: str) -> ClientMetadata:
        """Return what is said about the client, to be changed and given to `update`. Raises `Unknown`."""
        return metadata_of(await self.client(client_id))

    async def all(self) -> Sequence[Client]:
        """Return every client, by id."""
        found: list[Client] = []
        page: Sequence[Client] = await self.shell.storage.clients(None, _PAGE)
        while page:
            found += page
            page = await self.shell.storage.clients(page[-1].client_id, _PAGE) if len(page) == _PAGE else ()
        return found


def _given_faults(client_id: str | None, secret: Secret | None) -> list[str]:
    faults = []
    if client_id is not None:
        fault = client_id_fault(client_id)
        if fault:
            faults.append(fault)
    if secret is not None and not generated(secret.reveal()):
        faults.append("A client secret from outside is at least 43 characters of base64url: 256 random bits.")
    return faults
