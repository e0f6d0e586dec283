"""A grant of the host's own enters by the same door as the built-in ones."""

from __future__ import annotations

import json

from attrs import frozen

from authority_core import built_in_grants
from authority_core.kernel.changes import Decision
from authority_core.kernel.problems import refuse
from authority_core.oauth.mint.access import mint_access_token
from authority_core.oauth.mint.tokens import Tokens
from support.checks import is_refusal
from support.relying_party import RelyingParty, claims_of, json_of
from support.server import make_server


@frozen
class Passphrase:
    """`urn:example:passphrase`: a token for whoever knows the word."""

    name = "urn:example:passphrase"

    def parse(self, form, client):
        return client, form.require("word")

    async def load(self, request, reads):
        return await reads.client(request[0].client_id)

    def decide(self, request, facts, policy, moment):
        if facts is None or request[1] != "open sesame":
            return Decision(refuse("invalid_grant", "The word is wrong."))
        access = mint_access_token(
            policy,
            request[0],
            subject="cave",
            grant=None,
            scope=frozenset({"read"}),
            audience=("https://cave.example",),
            moment=moment,
        )
        return Decision(Tokens(access=access), access.changes)


@frozen
class Impatient(Passphrase):
    """The same for whoever needs to look nothing up."""

    name = "urn:example:impatient"

    def load(self, request, reads):
        return None

    def decide(self, request, facts, policy, moment):
        assert facts is None
        return super().decide(request, "none were needed", policy, moment)


def test_a_grant_that_loads_nothing():
    """`load` may be a plain function that returns `None`."""
    server = make_server(parts={"grants": (*built_in_grants(), Impatient())})
    server.change_client("web", grant_types=frozenset({Impatient.name}))
    party = RelyingParty(server)

    answer = party.post("/token", {"grant_type": Impatient.name, "word": "open sesame"})

    assert claims_of(json_of(answer)["access_token"])["sub"] == "cave"


def test_a_custom_grant():
    """It answers, refuses, is registered per client and listed in the metadata."""
    server = make_server(parts={"grants": (*built_in_grants(), Passphrase())})
    party = RelyingParty(server)
    form = {"grant_type": Passphrase.name, "word": "open sesame"}
    is_refusal(party.post("/token", form), 400, "unauthorized_client")
    server.change_client("web", grant_types=frozenset({Passphrase.name}))

    assert claims_of(json_of(party.post("/token", form))["access_token"])["sub"] == "cave"
    is_refusal(party.post("/token", {**form, "word": "x"}), 400, "invalid_grant")
    is_refusal(party.post("/token", {"grant_type": Passphrase.name}), 400, "invalid_request")
    document = json.loads(server.browser().get("/.well-known/openid-configuration").body)
    assert Passphrase.name in document["grant_types_supported"]
