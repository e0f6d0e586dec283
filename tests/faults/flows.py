"""Every flow of the server as one request, ready to be sent, and to be sent again."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from datetime import timedelta
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from authority_core import HttpResponse
from authority_core.admin.client_metadata import ClientMetadata
from authority_core.admin.exports import Export
from authority_core.admin.imports import Import
from authority_core.admin.refusals import Invalid, Unknown
from authority_core.admin.secret_rotation import SecretRotation
from authority_core.admin.transfer_lines import Entry
from authority_core.admin.users import NewUser
from authority_core.kernel.changes import Remove, Replace, StorageUnavailable
from authority_core.kernel.encrypted import SIGNING_KEYS, context
from authority_core.kernel.sync import coat
from authority_core.kernel.values import Secret
from authority_core.kernel.vault import Vault
from faults.house import House
from support.browser import answer_of
from transfer.lines import SECRET

UNAVAILABLE = "503"
PASSWORD = Secret("Correct-Horse-1")
NEWER = Secret("a newer master secret, 32 or more")
SERVICE = ClientMetadata(name="Service", grant_types=frozenset({"client_credentials"}))
_number = count(1)

Request = Callable[[], str]


def word(response: HttpResponse) -> str:
    """Return what *response* says, in one word; a 503 must say nothing else."""
    location = response.header("location")
    if response.status == 503:
        cookies = [value for name, value in response.headers if name == "set-cookie" and value.startswith("session_id")]

        assert (location, cookies) == (None, [])
        assert response.header("retry-after") == "5"
        if response.header("content-type") == "application/json":
            assert set(json.loads(response.body)) == {"error", "error_description"}
        return UNAVAILABLE
    if location is not None:
        answer = answer_of(response)
        return "code" if "code" in answer else answer.get("error") or urlsplit(location).path
    if not (response.header("content-type") or "").startswith("application/json"):
        return f"page {response.status}" if response.body else f"{response.status}"
    body = json.loads(response.body)
    if "error" in body:
        return str(body["error"])
    if "access_token" in body:
        return "tokens"
    return "active" if body.get("active") else "claims" if "sub" in body else "inactive"


def asked(house: House, work: Callable[[], Coroutine[Any, Any, object]]) -> str:
    """Return in one word what the administrator's *work* came to."""
    try:
        house.finish(work())
    except StorageUnavailable:
        return UNAVAILABLE
    except (Invalid, Unknown) as refusal:
        return type(refusal).__name__
    return "done"


@frozen
class Flow:
    """One flow.

    *prepare* does all that comes before and returns the request; *answer* is what it gets; *again* is what the very
    same request gets after its answer was lost; *commits* is how often it writes.
    """

    prepare: Callable[[House], Request]
    answer: str
    again: str
    commits: int = 1
    between: dict[str, int] = field(factory=dict)
    """What is stored between its commits, when there are two."""
    gives_back: bool = False
    """Whether a process that lives on takes back what it wrote first, when it fails afterwards."""

    @property
    def name(self) -> str:
        return self.prepare.__name__


# --- clients ---------------------------------------------------------------------------------------------------------


def client_credentials(house: House) -> Request:
    party = house.party("service")
    return lambda: word(party.credentials(scope="read"))


def code_redemption(house: House) -> Request:
    party = house.party()
    code = party.code()
    return lambda: word(party.redeem(code))


def public_code_redemption(house: House) -> Request:
    party = house.party("spa")
    code = party.code()
    return lambda: word(party.redeem(code))


def replayed_code(house: House) -> Request:
    party = house.party()
    code = party.code()
    party.redeem(code)
    return lambda: word(party.redeem(code, code_verifier="w" * 43))


def refresh(house: House) -> Request:
    party = house.party()
    token = party.tokens()["refresh_token"]
    return lambda: word(party.refresh(token))


def replayed_refresh_token(house: House) -> Request:
    party = house.party()
    token = party.tokens()["refresh_token"]
    party.refresh(token)
    house.server.clock.wind(seconds=60)
    return lambda: word(party.refresh(token))


def revocation_of_a_refresh_token(house: House) -> Request:
    party = house.party()
    token = party.tokens()["refresh_token"]
    return lambda: word(party.revoke(token))


def revocation_of_an_access_token(house: House) -> Request:
    party = house.party()
    token = party.tokens()["access_token"]
    return lambda: word(party.revoke(token))


def introspection(house: House) -> Request:
    party = house.party()
    token = party.tokens()["access_token"]
    return lambda: word(party.post("/token/introspect", {"token": token}))


def userinfo(house: House) -> Request:
    party = house.party()
    token = party.tokens()["access_token"]
    return lambda: word(party.userinfo(token))


# --- people ----------------------------------------------------------------------------------------------------------


def authorization_of_a_stranger(house: House) -> Request:
    browser, party = house.browser(), house.party()
    return lambda: word(browser.get(party.url()))


def authorization_with_remembered_consent(house: House) -> Request:
    browser, party = house.browser(), house.party()
    party.code(browser)
    return lambda: word(browser.get(party.url()))


def sign_in(house: House) -> Request:
    browser = house.browser()
    page = browser.follow(browser.get(house.party().url()))
    return lambda: word(browser.sign_in("alice", page=page))


def wrong_password(house: House) -> Request:
    browser, name = house.browser(), f"nobody-{next(_number)}"
    page = browser.get("/signin")
    return lambda: word(browser.sign_in(name, "wrong", page=page))


def _newcomer(house: House) -> str:
    """Return the name of somebody whose password must be changed."""
    name = f"robin{next(_number)}"
    house.finish(house.authority.users.create(NewUser(username=name, password=PASSWORD, password_must_change=True)))
    return name


def sign_in_of_a_newcomer(house: House) -> Request:
    name, browser = _newcomer(house), house.browser()
    page = browser.follow(browser.get(house.party().url()))
    return lambda: word(browser.sign_in(name, page=page))


def chosen_password(house: House) -> Request:
    name, browser = _newcomer(house), house.browser()
    page = browser.follow(browser.sign_in(name, page=browser.follow(browser.get(house.party().url()))))
    return lambda: word(browser.choose(page, "Another-Horse-22"))


def approval(house: House) -> Request:
    browser, party = house.browser(), house.party("other")
    storage = coat(house.server.storage)
    if (known := house.finish(storage.consent("u2", "other"))) is not None:
        house.finish(storage.commit([Remove(known)]))
    browser.sign_in("bob")
    page = browser.follow(browser.get(party.url(prompt="consent")))
    return lambda: word(browser.approve(page))


def denial(house: House) -> Request:
    browser, party = house.browser(), house.party("other")
    browser.sign_in("bob")
    page = browser.follow(browser.get(party.url(prompt="consent")))
    return lambda: word(browser.deny(page))


def sign_out(house: House) -> Request:
    browser = house.browser()
    house.party().code(browser)
    page = browser.get("/signout")
    return lambda: word(browser.submit(page))


# --- administration --------------------------------------------------------------------------------------------------


def key_rotation(house: House) -> Request:
    return lambda: asked(house, lambda: house.authority.keys.rotate("ES256", at_once=True))


def key_compromise(house: House) -> Request:
    house.finish(house.authority.keys.rotate("ES256", at_once=True))
    records = house.finish(house.authority.keys.records())
    (active,) = (one for one in records if one.alg == "ES256" and one.state == "active")
    return lambda: asked(house, lambda: house.authority.keys.compromise(active.kid))


def client_registration(house: House) -> Request:
    name = f"client-{next(_number)}"
    return lambda: asked(house, lambda: house.authority.clients.register(SERVICE, client_id=name))


def client_update(house: House) -> Request:
    name = f"client-{next(_number)}"
    house.finish(house.authority.clients.register(SERVICE, client_id=name))
    changed = evolve(SERVICE, name="Renamed")
    return lambda: asked(house, lambda: house.authority.clients.update(name, changed))


def client_secret_rotation(house: House) -> Request:
    name = f"client-{next(_number)}"
    house.finish(house.authority.clients.register(SERVICE, client_id=name))
    return lambda: asked(house, lambda: house.authority.clients.rotate_secret(name))


def client_deletion(house: House) -> Request:
    name = f"client-{next(_number)}"
    house.finish(house.authority.clients.register(SERVICE, client_id=name))
    return lambda: asked(house, lambda: house.authority.clients.delete(name))


def user_creation(house: House) -> Request:
    new = NewUser(username=f"robin{next(_number)}", password=PASSWORD)
    return lambda: asked(house, lambda: house.authority.users.create(new))


def new_password(house: House) -> Request:
    user = house.finish(house.authority.users.create(NewUser(username=f"robin{next(_number)}", password=PASSWORD)))
    return lambda: asked(house, lambda: house.authority.users.set_password(user.user_id, PASSWORD))


def user_deactivation(house: House) -> Request:
    user = house.finish(house.authority.users.create(NewUser(username=f"robin{next(_number)}", password=PASSWORD)))
    return lambda: asked(house, lambda: house.authority.users.deactivate(user.user_id))


def user_activation(house: House) -> Request:
    user = house.finish(house.authority.users.create(NewUser(username=f"robin{next(_number)}", password=PASSWORD)))
    house.finish(house.authority.users.deactivate(user.user_id))
    return lambda: asked(house, lambda: house.authority.users.activate(user.user_id))


def _imported(house: House, line: dict[str, object]) -> Request:
    importing = Import(house.authority.shell, frozenset(house.authority.oauth.grants), header_read=True)

    def request() -> str:
        try:
            report = house.finish(importing.take(Entry(number=2, value=line, fault=None, end=0)))
        except StorageUnavailable:
            return UNAVAILABLE
        return str(report.outcome)

    return request


def imported_account(house: House) -> Request:
    return _imported(house, {"kind": "user", "username": f"robin{next(_number)}"})


def imported_client(house: House) -> Request:
    line = {"kind": "client", "client_id": f"client-{next(_number)}", "name": "Service", "client_secret": SECRET}
    return _imported(house, {**line, "grant_types": ["client_credentials"], "redirect_uris": []})


def imported_consent(house: House) -> Request:
    name = f"client-{next(_number)}"
    asks = evolve(SERVICE, grant_types=frozenset({"authorization_code"}), redirect_uris=("https://app.example/cb",))
    house.finish(house.authority.clients.register(asks, client_id=name))
    return _imported(house, {"kind": "consent", "subject": "u1", "client_id": name, "scope": ["openid"]})


def export(house: House) -> Request:
    house.party().code()

    async def everything(storage: object) -> bytes:
        exporting, data = Export(coat(storage)), b""
        while lines := await exporting.next_lines():
            data += b"".join(lines)
        return data

    def request() -> str:
        try:
            data = house.finish(everything(house.authority.shell.storage))
        except StorageUnavailable:
            return UNAVAILABLE
        return "whole" if data == house.finish(everything(house.server.storage)) else "in part"

    return request


def secret_rotation(house: House) -> Request:
    """One record of it, which is one commit; a run goes on where another broke off."""
    old = house.authority.settings
    vault = Vault.from_settings(evolve(old, secret_key=NEWER, secret_key_previous=(old.secret_key,)))
    known, kid = house.finish(house.authority.keys.records())[0], f"key-{next(_number)}"
    plain = vault.open(known.private_jwk, context(SIGNING_KEYS, known.kid))
    sealed = Vault.from_settings(old).seal(plain, context(SIGNING_KEYS, kid))
    ended = {"retired_at": known.created_at, "keep_until": known.created_at + timedelta(days=9)}
    retired = evolve(known, kid=kid, state="retired", private_jwk=sealed, version=0, **ended)
    house.finish(coat(house.server.storage).commit([Replace(retired)]))

    async def move_one() -> str:
        rotation = SecretRotation(house.authority.shell, vault)
        while (moved := await rotation.next_record()) is not None:
            if moved.outcome != "current":
                return moved.outcome
        return "current"

    def request() -> str:
        try:
            return str(house.finish(move_one()))
        except StorageUnavailable:
            return UNAVAILABLE

    return request


ENDED = {"AuditRecord": 1, "User writes": 1, "cut_off": 1}

FLOWS = (
    Flow(client_credentials, "tokens", "tokens"),
    # The answer with the tokens is lost, and they with it: the code is used up. The person starts again.
    Flow(code_redemption, "tokens", "invalid_grant"),
    Flow(public_code_redemption, "tokens", "invalid_grant"),
    Flow(replayed_code, "invalid_grant", "invalid_grant"),
    # The successor is derived, so the repeat within the reuse interval gets the very same one.
    Flow(refresh, "tokens", "tokens"),
    Flow(replayed_refresh_token, "invalid_grant", "invalid_grant"),
    Flow(revocation_of_a_refresh_token, "200", "200"),
    Flow(revocation_of_an_access_token, "200", "200"),
    Flow(introspection, "active", "active", commits=0),
    Flow(userinfo, "claims", "claims", commits=0),
    Flow(authorization_of_a_stranger, "/signin", "/signin"),
    Flow(authorization_with_remembered_consent, "code", "code"),
    # An attempt is counted before the password is looked at; a right one fails at nothing but our storage.
    Flow(sign_in, "/authorize", "/authorize", commits=2, between={"counted": 1}, gives_back=True),
    Flow(wrong_password, "page 401", "page 401", commits=2, between={"counted": 1}),
    Flow(
        sign_in_of_a_newcomer, "/password/change", "/password/change", commits=2, between={"counted": 1},
        gives_back=True,
    ),
    Flow(chosen_password, "/authorize", "page 400"),
    Flow(approval, "code", "page 400"),
    Flow(denial, "access_denied", "page 400"),
    Flow(sign_out, "/signed-out", "/signed-out"),
    Flow(key_rotation, "done", "done"),
    Flow(key_compromise, "done", "done"),
    Flow(client_registration, "done", "Invalid"),
    Flow(client_update, "done", "done"),
    Flow(client_secret_rotation, "done", "done"),
    Flow(client_deletion, "done", "Unknown"),
    Flow(user_creation, "done", "Invalid"),
    # The first commit ends everything; the second ends it again, for what was being born meanwhile.
    Flow(new_password, "done", "done", commits=2, between=ENDED),
    Flow(user_activation, "done", "done"),
    Flow(imported_account, "created", "unchanged"),
    Flow(imported_client, "created", "unchanged"),
    Flow(imported_consent, "created", "unchanged"),
    Flow(export, "whole", "whole", commits=0),
    Flow(secret_rotation, "moved", "moved"),
    Flow(user_deactivation, "done", "done", commits=2, between=ENDED),
)
