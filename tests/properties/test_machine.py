"""A server under any mix of requests, impatience, theft, sign-out and time, against what must always hold."""

from __future__ import annotations

import json
from datetime import datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from authority_core.kernel.encoding import digest
from authority_core.kernel.records import RefreshToken
from support.browser import answer_of
from support.relying_party import RelyingParty, claims_of
from support.server import Server, make_server

ALL = "openid offline_access read"


class Tokens(RuleBasedStateMachine):
    """One person, two clients; a thief who holds everything the client ever held."""

    codes = Bundle("codes")
    refresh_tokens = Bundle("refresh_tokens")

    def __init__(self) -> None:
        super().__init__()
        # Sessions do not go idle here: an idle session ends without ending its grants, unlike sign-out.
        self.server: Server = make_server(idle_timeout_minutes=0)
        self.mine, self.other = RelyingParty(self.server), RelyingParty(self.server, "other")
        self.browser = self.server.browser()
        self.browser.sign_in("alice")
        self.mine.code(self.browser, scope=ALL)
        self.redeemed: set[str] = set()
        self.used: dict[str, datetime] = {}
        self.successor: dict[str, str] = {}
        self.granted: dict[str, set[str]] = {}
        self.dead: set[str] = set()

    # --- what a client does ------------------------------------------------------------------------------------------

    @rule(target=codes, scope=st.sampled_from([ALL, "offline_access", "openid offline_access"]))
    def authorize(self, scope):
        return self.authorize_now(scope)

    def authorize_now(self, scope):
        return answer_of(self.browser.go_through(self.mine.url(scope=scope)))["code"], frozenset(scope.split())

    @rule(target=refresh_tokens, code=codes)
    def redeem(self, code):
        return self.redeem_now(*code)

    def redeem_now(self, text, scope):
        response = self.mine.redeem(text)
        assert response.status in (200, 400)
        if response.status != 200:
            return multiple()
        assert text not in self.redeemed, "a code was honoured twice"
        self.redeemed.add(text)
        return self.issued(json.loads(response.body), scope)

    @rule(code=codes, verifier=st.sampled_from([None, "w" * 43, "v" * 44]))
    def redeem_without_proof(self, code, verifier):
        before = self.server.snapshot()
        assert self.mine.redeem(code[0], code_verifier=verifier).status == 400
        if code[0] not in self.redeemed:
            assert self.server.snapshot() == before, "who cannot prove the verifier burned a code"

    @rule(code=codes)
    def redeem_as_another(self, code):
        before = self.server.snapshot()
        assert self.other.redeem(code[0]).status == 400
        assert self.server.snapshot() == before

    @initialize(target=refresh_tokens)
    def start(self):
        return self.redeem_now(*self.authorize_now(ALL))

    @rule(target=refresh_tokens)
    def begin(self):
        return self.redeem_now(*self.authorize_now(ALL))

    @rule(
        target=refresh_tokens, token=refresh_tokens, scope=st.sampled_from([None, None, "read", "write", "openid read"])
    )
    def refresh(self, token, scope):
        return self.refreshed(token, scope)

    @precondition(lambda self: self.used)
    @rule(target=refresh_tokens, which=st.integers(0, 100), later=st.sampled_from([0, 9, 10, 60]))
    def present_a_used_one(self, which, later):
        self.server.clock.wind(seconds=later)
        return self.refreshed(sorted(self.used)[which % len(self.used)], None)

    def refreshed(self, token, scope):
        now, grant_id = self.server.clock.now, self.grant_of(token)
        response = self.mine.refresh(token, scope=scope)
        assert response.status in (200, 400)
        if response.status != 200:
            if token in self.used and b"invalid_grant" in response.body:
                self.dead.add(grant_id)
            return multiple()
        body = json.loads(response.body)
        assert grant_id not in self.dead, "a grant came back"
        if token in self.used:
            assert (now - self.used[token]).total_seconds() < 10, "a spent token was honoured late"
            assert body["refresh_token"] == self.successor[token], "a repeat forked the family"
            assert body["refresh_token"] not in self.used, "a repeat was honoured though its successor was used"
        self.used.setdefault(token, now)
        self.successor[token] = body["refresh_token"]
        return self.issued(body, frozenset(self.granted[grant_id]))

    @rule(token=refresh_tokens)
    def refresh_as_another(self, token):
        before = self.server.snapshot()
        assert self.other.refresh(token).status == 400
        assert self.server.snapshot() == before, "a stranger changed something"

    @rule(token=consumes(refresh_tokens))
    def revoke(self, token):
        assert self.mine.revoke(token).status == 200
        self.dead.add(self.grant_of(token))

    # --- what happens around -----------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 9, 10, 61, 600]))
    def wait(self, seconds):
        self.server.clock.wind(seconds=seconds)

    @rule()
    def sign_out(self):
        live = {grant.grant_id for grant in self.grants() if grant.revoked_at is None}
        self.browser.sign_out()
        self.dead |= live
        self.browser.sign_in("alice")

    @rule(scopes=st.sampled_from([ALL, "offline_access read", "openid"]))
    def change_the_client(self, scopes):
        self.server.change_client("web", scopes=frozenset(scopes.split()))
        if scopes != ALL:
            self.server.change_client("web", scopes=frozenset(ALL.split()))

    # --- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def one_live_refresh_token_for_a_grant(self):
        live: dict[str, int] = {}
        for record in self.server.storage._all(RefreshToken):
            if self.server.storage.spent(record.key) is None:
                live[record.grant_id] = live.get(record.grant_id, 0) + 1
        assert all(count == 1 for count in live.values())

    @invariant()
    def what_died_stays_dead(self):
        for grant_id in self.dead:
            grant = self.server.storage.grant(grant_id)
            assert grant is not None
            assert grant.revoked_at is not None or grant.expires_at <= self.server.clock.now

    # --- helpers -----------------------------------------------------------------------------------------------------

    def issued(self, body, scope) -> str:
        claims = claims_of(body["access_token"])
        self.granted.setdefault(claims["gid"], set(scope))
        assert set(body["scope"].split()) <= self.granted[claims["gid"]], "scope grew"
        return body["refresh_token"]

    def grant_of(self, token: str) -> str:
        stored = self.server.storage.refresh_token(digest("refresh_token", token))
        assert stored is not None
        return stored.record.grant_id

    def grants(self):
        from authority_core.kernel.records import Grant

        storage = self.server.storage
        return [storage.grant(grant.grant_id) for grant in storage._all(Grant)]


Tokens.TestCase.settings = settings(max_examples=settings().max_examples * 2, stateful_step_count=40, deadline=None)
TestTokens = Tokens.TestCase
