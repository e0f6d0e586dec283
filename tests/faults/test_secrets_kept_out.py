"""No secret reaches storage in the clear: every flow is played, and what people and clients hold is looked for."""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, urlsplit

import pytest
from attrs import evolve

from authority_core import HttpResponse
from authority_core.accounts import pending, sessions
from authority_core.kernel import browser, encoding
from authority_core.kernel.changes import Change
from authority_core.kernel.encoding import Digest, base64url
from authority_core.oauth.grants import authorization_code
from authority_core.oauth.mint import access, refresh
from authority_core.testing.invariants import contents
from authority_core.testing.memory import MemoryStorage
from faults.flows import FLOWS
from faults.house import furnished
from support.transports import CoreTransport, Pairs

HELD = {
    *("code", "transaction", "ticket", "access_token", "refresh_token", "token"),
    *("password", "client_secret", "code_verifier"),
}
"""Members of requests and answers that are secrets of people or clients."""
KINDS = (authorization_code.KIND, refresh.KIND, access.KIND, sessions.KIND, pending.KIND, browser.INTERACTION)
"""Kinds of secrets by which something stored is found."""
LONG = 12
"""Characters below which a value is too short to be looked for."""


class Overheard(CoreTransport):
    """Takes down every secret that passes, in requests and in answers."""

    secrets: set[str]

    def send(self, method: str, target: str, headers: Pairs = (), body: bytes = b"") -> HttpResponse:
        answer = super().send(method, target, headers, body)
        query = urlsplit(answer.header("location") or "").query
        pairs = [*parse_qsl(body.decode()), *parse_qsl(urlsplit(target).query), *parse_qsl(query)]
        pairs += re.findall(r'"([a-z_]+)": ?"([^"]+)"', answer.body.decode("utf-8", "replace"))
        cookies = [value.partition(";")[0].partition("=")[2] for name, value in answer.headers if name == "set-cookie"]
        self.secrets |= {value for name, value in pairs if name in HELD} | set(cookies)
        return answer


class Keeping(MemoryStorage):
    """Keeps all that it was ever given, in the clear if it came in the clear."""

    def __init__(self) -> None:
        super().__init__()
        self.given = bytearray()

    def commit(self, changes: Sequence[Change]) -> None:
        self.given += pickle.dumps(list(changes))
        super().commit(changes)


def found_in_storage(token_format: str) -> tuple[int, set[str]]:
    """Play every flow; return how many secrets passed, and those that storage was given in any spelling."""
    storage = Keeping()
    house = furnished(storage, storage.commit, lambda: contents(storage), access_token_format=token_format)
    transport = Overheard(house.authority)
    transport.secrets = set()
    house = evolve(house, transport=transport)
    for flow in FLOWS:
        request = flow.prepare(house)
        request()
        request()
    secrets = {secret for secret in transport.secrets if len(secret) >= LONG}
    given = bytes(storage.given)
    return len(secrets), {secret for secret in secrets if any(spelling in given for spelling in spelled(secret))}


def spelled(secret: str) -> list[bytes]:
    """Return *secret* as it is, shortened to the length of a key, and encoded."""
    raw = secret.encode()
    return [raw, raw[:32], raw.hex().encode(), base64url(raw).encode()]


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
def test_storage_is_given_no_secret(token_format):
    """Codes, tokens, cookies, passwords and verifiers of every flow reach storage as digests and hashes only."""
    passed, found = found_in_storage(token_format)

    assert passed > 50
    assert found == set()


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_makes_no_digest_is_found_out(kind, monkeypatch):
    """The control: what a server gives to its storage as it is, of whatever kind, is found there."""
    right: Callable[[str, str], Digest] = encoding.digest

    def plain(what: str, secret: str) -> Digest:
        return Digest(f"{secret:.32}".encode().ljust(32)) if what == kind else right(what, secret)

    for module in list(sys.modules.values()):
        if getattr(module, "digest", None) is right:
            monkeypatch.setattr(module, "digest", plain)

    assert found_in_storage("opaque")[1] != set()
