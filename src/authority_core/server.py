"""Composition: settings, storage and ports become routes as data. No logic of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from .accounts.accounts import Accounts
from .admin.clients import Clients
from .admin.consents import Consents
from .admin.housekeeping import BATCH, cleanup
from .admin.users import Users
from .dispatch import Dispatch
from .kernel.abilities import is_async, misses, tells_holders
from .kernel.addresses import client_address, networks, trusts
from .kernel.browser import Browsers
from .kernel.moment import MomentSource, entropy, system_moment
from .kernel.passwords import Passwords
from .kernel.ports import ClaimsSource, Listener, Offload, Pages, Signer, SignIn
from .kernel.problems import ConfigurationError
from .kernel.requests import HttpRequest
from .kernel.responses import HttpResponse
from .kernel.routes import Route
from .kernel.settings import Settings
from .kernel.shell import Shell
from .kernel.show import Screen
from .kernel.sync import coat
from .kernel.vault import Vault
from .landing import LandingEndpoint
from .oauth.client_auth.slow_secrets import SlowSecrets
from .oauth.context import OAuth, by_claims
from .oauth.grants.authorization_code import AuthorizationCodeGrant
from .oauth.grants.base import AnyGrant
from .oauth.grants.client_credentials import ClientCredentials
from .oauth.grants.refresh_token import RefreshTokenGrant
from .oauth.mint.checked_signer import CheckedSigner
from .oauth.mint.keys import KeyRing
from .oauth.routes import oauth_routes
from .static import PREFIX, StaticFiles

T = TypeVar("T")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


class _WhereSlowWorkRuns:
    """The `Offload` port until an adapter says where slow work belongs: in place."""

    def __init__(self) -> None:
        self.offload: Offload | None = None

    async def __call__(self, work: Callable[[], T]) -> T:
        return work() if self.offload is None else await self.offload(work)


def built_in_grants() -> tuple[AnyGrant, ...]:
    """Return the grants a server has unless told otherwise."""
    return (AuthorizationCodeGrant(), RefreshTokenGrant(), ClientCredentials())


class Authority:
    """An authorization server and OpenID provider for one issuer, ready for an adapter.

    Args:
        settings: How it behaves.
        storage: Where it keeps things: anything that implements the protocols of `authority_core.kernel.ports`, all
            methods synchronous or all asynchronous. Without *sign_in* it needs all of `Storage`, with it
            `OAuthStorage` is enough.
        sign_in: Who is signed in, for an application with users of its own; our accounts when absent.
        claims: Claims about people; needed together with *sign_in*.
        pages: Renders pages; the installed `authority.pages` entry point (JinjaPages) when absent.
        grants: The grants to offer, built-in and your own; `built_in_grants()` when absent.
        signer: Signs tokens instead of the keys in storage, such as a KMS.
        listeners: Hear of every event after it is committed.
        moment: Source of time and chance; leave it alone outside tests.

    Attributes:
        clients: Registers, changes, lists and deletes clients.
        users: Creates and changes accounts.
        consents: Forgets what people allowed clients.
        keys: Rotates signing keys.

    Raises:
        ConfigurationError: Parts that do not fit together, every one at once.
    """

    def __init__(
        self,
        settings: Settings,
        storage: object,
        *,
        sign_in: SignIn | None = None,
        claims: ClaimsSource | None = None,
        pages: Pages | None = None,
        grants: Iterable[AnyGrant] | None = None,
        signer: Signer | None = None,
        listeners: Sequence[Listener] = (),
        moment: MomentSource = system_moment,
    ) -> None:
        _check_parts(storage, sign_in, claims)
        self.settings = settings
        self.storage = storage
        self._slow = _WhereSlowWorkRuns()
        self.shell = Shell(settings, coat(storage), moment, tuple(listeners))
        self.browsers = Browsers.from_settings(settings)
        self.passwords = Passwords(settings, self._slow)
        self._pages = pages
        self.screen = Screen.from_settings(settings, self._renderer)
        self.keys = KeyRing(self.shell, Vault.from_settings(settings), self._slow, settings.signing_algorithms)
        self.accounts = None if sign_in else Accounts(
            self.shell, self.passwords, self.screen, self.browsers, tells_holders(storage)
        )
        people = sign_in or self.accounts
        source = claims or self.accounts
        if people is None or source is None:
            raise ConfigurationError(["sign_in needs claims: who is there, and what is known of them."])
        self.users = Users(self.shell, self.passwords)
        self.consents = Consents(self.shell)
        may_act = self.accounts.may_act if self.accounts else by_claims(source)
        signs = self.keys if signer is None else CheckedSigner(signer)
        slow_secrets = SlowSecrets(self.shell, self.passwords, self._slow)
        self.oauth = OAuth(self.shell, slow_secrets, self.keys, signs, _by_name(grants), source, may_act)
        self.clients = Clients(self.shell, frozenset(self.oauth.grants))
        routes = oauth_routes(self.oauth, people, self.screen, self.browsers)
        routes += (Route("/", ("GET",), LandingEndpoint(self.screen, people, self.accounts is not None), page=True),)
        if self.accounts is not None:
            routes += self.accounts.routes()
        self.routes: tuple[Route, ...] = routes
        self._paths = frozenset(route.path for route in routes)
        self._trusted = networks(settings.trusted_proxies)
        self._dispatch = Dispatch(routes, StaticFiles(self.screen), self.screen)

    @property
    def asynchronous(self) -> bool:
        """Whether the storage is asynchronous."""
        return is_async(self.storage)

    def handle(self, request: HttpRequest) -> Coroutine[Any, Any, HttpResponse]:
        """Answer *request* when awaited; never raises for what a request or storage does."""
        return self._dispatch(request)

    def receive(
        self,
        method: str,
        path: str,
        query: bytes,
        headers: Mapping[str, str],
        body: bytes,
        peer: str | None,
        native: object = None,
    ) -> HttpRequest:
        """Return the request that an adapter has read, with its client's address and its id.

        *headers* have lower-case names; *path* is relative to the mount; *peer* is the socket's address; *native* the
        framework's own request. Adapters read
        at most one byte more of the body than `max_request_bytes`; longer ones are refused by `handle`.
        """
        address, request_id = peer, None
        if self._trusted:
            address = client_address(peer, headers.get("x-forwarded-for"), self._trusted)
            if trusts(peer, self._trusted):
                request_id = headers.get("x-request-id")
        if request_id is None or not _REQUEST_ID.match(request_id):
            request_id = entropy(8).hex()
        return HttpRequest(method, path, query, headers, body, address, request_id, native)

    def serves(self, path: str) -> bool:
        """Tell whether *path* is one of ours, for hosts that put us beside routes of their own."""
        if path in self._paths:
            return True
        return path.startswith(PREFIX) and self.screen.asset(path[len(PREFIX) :]) is not None

    async def start(self) -> None:
        """Make sure that signing keys exist, so that the first request need not wait for them."""
        await self.keys.start()

    async def cleanup(self, *, batch: int = BATCH, limit: int | None = None) -> int:
        """Forget what may be forgotten now, *batch* records a transaction, *limit* in all; return how many went.

        Nothing depends on it but the size of the database. Call it every few minutes, or hours: `authority cleanup`
        does, and `authority_starlette.cleanup_forever`. Storage that forgets by itself needs none of it.

        Raises:
            StorageUnavailable: Storage cannot be reached.
        """
        return await cleanup(self.shell.storage, self.shell.moment, batch=batch, limit=limit)

    def run_slow_work_in(self, offload: Offload) -> None:
        """Say where password hashing and key generation run; adapters call this once."""
        self._slow.offload = offload

    def _renderer(self) -> Pages:
        if self._pages is None:
            self._pages = _installed_pages()
        return self._pages


def _installed_pages() -> Pages:
    """Return the renderer that is installed beside the core; the core names none of its neighbours."""
    from importlib.metadata import entry_points  # 20 ms, and only who shows pages needs it

    for found in entry_points(group="authority.pages", name="default"):
        try:
            pages: Pages = found.load()()
        except ImportError:
            break
        return pages
    raise ConfigurationError(
        ["Pages need the extra: pip install 'authority-idp[pages]', or give Authority(pages=…) your own."]
    )


def _by_name(grants: Iterable[AnyGrant] | None) -> Mapping[str, AnyGrant]:
    chosen = built_in_grants() if grants is None else tuple(grants)
    names = [grant.name for grant in chosen]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError([f"Two grants have the name {name!r}." for name in twice])
    return dict(zip(names, chosen, strict=True))


def _check_parts(storage: object, sign_in: SignIn | None, claims: ClaimsSource | None) -> None:
    faults = []
    missing = misses(storage, accounts=sign_in is None)
    if missing:
        faults.append(f"{type(storage).__name__} lacks {', '.join(missing)}: see authority_core.kernel.ports.")
    if (sign_in is None) != (claims is None):
        faults.append("Give sign_in and claims together: who is there, and what is known of them.")
    if faults:
        raise ConfigurationError(faults)
