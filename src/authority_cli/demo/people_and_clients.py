"""Who and what the demo has: one person with every standard claim, and three clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from .credentials import EMAIL, USERNAME, Credentials

if TYPE_CHECKING:
    from authority_core import Authority
    from authority_core.admin.client_metadata import ClientMetadata
    from authority_core.admin.clients import Clients
    from authority_core.kernel.settings import Scope

CALLBACKS = ("http://localhost:3000/callback", "http://127.0.0.1:3000/callback")
API_SCOPES = ("reports:read", "reports:write")
PERSON_SCOPES = ("openid", "profile", "email", "address", "phone", "offline_access")

CLAIMS: dict[str, object] = {
    "name": "Robin Alex Example",
    "given_name": "Robin",
    "family_name": "Example",
    "middle_name": "Alex",
    "nickname": "Rob",
    "profile": "https://example.com/people/robin",
    "picture": "https://example.com/people/robin.png",
    "website": "https://robin.example.com",
    "gender": "nonbinary",
    "birthdate": "1990-04-12",
    "zoneinfo": "Europe/Paris",
    "locale": "en-GB",
    "address": {
        "formatted": "1 Demo Street\n75001 Paris\nFrance",
        "street_address": "1 Demo Street",
        "locality": "Paris",
        "region": "Île-de-France",
        "postal_code": "75001",
        "country": "France",
    },
    "phone_number": "+33 1 23 45 67 89",
    "phone_number_verified": True,
}


@frozen(kw_only=True)
class DemoClient:
    """A client of the demo as it is printed; *client_secret* is `None` for the public one."""

    client_id: str
    client_secret: str | None
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    token_endpoint_auth_method: str


def scopes() -> tuple[Scope, ...]:
    """Return the demo's scopes: the standard ones and two of an API."""
    from authority_core.kernel.settings import STANDARD_SCOPES, Scope

    return (
        *STANDARD_SCOPES,
        Scope("reports:read", "Read your reports", "See the reports that the demo API keeps"),
        Scope("reports:write", "Change your reports", "Create, edit and delete reports in the demo API"),
    )


def client_metadata(issuer: str) -> dict[str, ClientMetadata]:
    """Return what is said about the three clients of the demo at *issuer*, by client id."""
    from authority_core.admin.client_metadata import ClientMetadata

    person = frozenset((*PERSON_SCOPES, *API_SCOPES))
    person_grants = frozenset({"authorization_code", "refresh_token"})
    return {
        "demo-web": ClientMetadata(
            name="Demo Web Application",
            redirect_uris=CALLBACKS,
            grant_types=person_grants,
            scopes=person,
            default_scopes=frozenset({"openid"}),
        ),
        "demo-spa": ClientMetadata(
            name="Demo Single-Page Application",
            token_endpoint_auth_method="none",
            redirect_uris=(*CALLBACKS, f"{issuer}/demo"),
            grant_types=person_grants,
            scopes=person,
            default_scopes=frozenset({"openid"}),
        ),
        "demo-service": ClientMetadata(
            name="Demo Service",
            grant_types=frozenset({"client_credentials"}),
            scopes=frozenset(API_SCOPES),
            default_scopes=frozenset({"reports:read"}),
        ),
    }


async def provide(authority: Authority, credentials: Credentials) -> tuple[DemoClient, ...]:
    """Make sure that signing keys, person and clients exist with these *credentials*; return the clients."""
    from authority_core.admin.clients import Clients

    await authority.start()
    await _provide_person(authority, credentials)
    clients = Clients(authority.shell, frozenset(authority.oauth.grants))
    return tuple(
        [
            await _provide_client(clients, client_id, metadata, credentials)
            for client_id, metadata in client_metadata(authority.settings.issuer).items()
        ]
    )


async def _provide_person(authority: Authority, credentials: Credentials) -> None:
    from authority_core.admin.users import NewUser, Users
    from authority_core.kernel.changes import Conflict, Replace
    from authority_core.kernel.values import Secret

    users = Users(authority.shell, authority.passwords)
    user = await users.find(USERNAME)
    password = Secret(credentials.password)
    if user is None:
        await users.create(
            NewUser(username=USERNAME, email=EMAIL, password=password, email_verified=True, claims=CLAIMS)
        )
        return
    if not await authority.passwords.verify(credentials.password, user.password_hash):
        user = await users.set_password(user.user_id, password)
    wanted = evolve(user, active=True, locked_at=None, unlock_at=None, password_must_change=False)
    if wanted != user:
        try:
            await authority.shell.storage.commit([Replace(wanted)])
        except Conflict:
            return


async def _provide_client(
    clients: Clients, client_id: str, metadata: ClientMetadata, credentials: Credentials
) -> DemoClient:
    from authority_core.kernel.client_secrets import KIND
    from authority_core.kernel.encoding import digest, equal
    from authority_core.kernel.values import Secret

    text = credentials.client_secret(client_id) if metadata.confidential else None
    secret = None if text is None else Secret(text)
    found = await clients.shell.storage.client(client_id)
    if found is None:
        await clients.register(metadata, client_id=client_id, secret=secret)
    else:
        await clients.update(client_id, metadata)
        key = None if text is None else digest(KIND, text)
        lasting = [one for one in found.secrets if one.expires_at is None]
        if key is not None and not any(one.digest is not None and equal(one.digest, key) for one in lasting):
            await clients.rotate_secret(client_id, secret=secret)
    return DemoClient(
        client_id=client_id,
        client_secret=text,
        redirect_uris=metadata.redirect_uris,
        grant_types=tuple(sorted(metadata.grant_types)),
        token_endpoint_auth_method=metadata.token_endpoint_auth_method,
    )
