"""Clients are registered, changed, given new secrets and deleted; what is wrong is said all at once."""

from __future__ import annotations

import attrs
import pytest

from authority_core.admin.client_metadata import ClientMetadata, metadata_faults
from authority_core.admin.refusals import Invalid, Unknown
from authority_core.kernel.client_secrets import KIND
from authority_core.kernel.encoding import digest
from authority_core.kernel.moment import expired
from authority_core.kernel.settings import Settings
from authority_core.kernel.sync import run
from authority_core.kernel.values import Secret

GRANTS = frozenset({"authorization_code", "refresh_token", "client_credentials"})
GOOD = ClientMetadata(name="Shop", redirect_uris=("https://shop.example/cb",), scopes=frozenset({"openid"}))
SERVICE = ClientMetadata(name="Service", grant_types=frozenset({"client_credentials"}))
DEVELOPMENT = Settings(issuer="http://localhost:4000", secret_key="k" * 32)
PRODUCTION = Settings(issuer="https://id.example.com", secret_key="0123456789abcdef0123456789abcdef", env="production")


def live(client, now):
    return [one for one in client.secrets if one.expires_at is None or not expired(one.expires_at, now)]


def test_a_client_gets_an_id_and_a_secret_that_is_stored_as_a_digest(desk):
    """Register: 22 characters of id, 256 bits of secret, and storage never sees the secret."""
    issued = run(desk.clients.register(GOOD))
    stored = desk.storage.client(issued.client.client_id)

    assert len(issued.client.client_id) == 22
    assert len(issued.secret.reveal()) == 43
    assert [one.digest for one in stored.secrets] == [digest(KIND, issued.secret.reveal())]
    assert issued.secret.reveal() not in repr(stored)
    assert [line.event for line in desk.storage.audit()] == ["client.created"]


def test_a_public_client_has_no_secret(desk):
    """A client that cannot keep a secret gets none."""
    issued = run(desk.clients.register(attrs.evolve(GOOD, token_endpoint_auth_method="none")))

    assert issued.secret is None
    assert issued.client.secrets == ()


def test_every_fault_is_told_at_once_and_nothing_is_stored(desk):
    """One refusal lists all that is wrong."""
    bad = ClientMetadata(
        name="Sh\u202eop",
        token_endpoint_auth_method="none",
        redirect_uris=("https://*.example/cb", "http://evil.example/"),
        grant_types=frozenset({"client_credentials", "magic"}),
        scopes=frozenset({"nope"}),
        default_scopes=frozenset({"openid"}),
        id_token_signed_response_alg="none",
        logo_uri="javascript:alert(1)",
        contacts=("nobody",),
    )

    with pytest.raises(Invalid) as refused:
        run(desk.clients.register(bad, client_id="no spaces"))

    assert len(refused.value.faults) == 11
    assert desk.storage.clients() == []
    assert desk.storage.audit() == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": " Shop"},
        {"name": "S" * 101},
        {"name": "Sh\u200bop"},
        {"name": "Shop\x07"},
        {"name": "\u3164"},
        {"redirect_uris": ()},
        {"redirect_uris": ("https://shop.example/cb", "https://shop.example/cb")},
        {"redirect_uris": tuple(f"https://shop.example/{n}" for n in range(51))},
        {"redirect_uris": ("https://shop.example/cb#x",)},
        {"redirect_uris": ("https://shop.example/../cb",)},
        {"redirect_uris": ("javascript:alert(1)",)},
        {"redirect_uris": ("com.example.app:/cb",)},
        {"post_logout_redirect_uris": ("http://shop.example/",)},
        {"grant_types": frozenset()},
        {"grant_types": frozenset({"refresh_token"})},
        {"grant_types": frozenset({"password"})},
        {"audiences": frozenset({"reports"})},
        {"protects": frozenset({"https://api.example/#x"})},
        {"access_token_format": "macaroon"},
        {"token_endpoint_auth_method": "tls"},
        {"application_type": "desktop"},
        {"client_uri": "http://shop.example/"},
        {"client_uri": "https://user@shop.example/"},
        {"contacts": tuple(f"a{n}@example.com" for n in range(11))},
    ],
)
def test_what_is_refused_on_create_is_refused_on_update(desk, change):
    """One validator: no fault gets in by the other door."""
    issued = run(desk.clients.register(GOOD))
    bad = attrs.evolve(GOOD, **change)

    with pytest.raises(Invalid) as on_create:
        run(desk.clients.register(bad))
    with pytest.raises(Invalid) as on_update:
        run(desk.clients.update(issued.client.client_id, bad))

    assert on_create.value.faults == on_update.value.faults
    assert desk.storage.client(issued.client.client_id).name == "Shop"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Café 日本 🛒"},
        {"redirect_uris": ("http://127.0.0.1:3000/cb",)},
        {"redirect_uris": ("com.example.app:/cb",), "application_type": "native", "token_endpoint_auth_method": "none"},
        {"grant_types": frozenset(), "protects": frozenset({"https://api.example/"})},
        {"grant_types": GRANTS, "audiences": frozenset({"urn:example:reports"})},
        {"client_uri": "https://shop.example/", "logo_uri": "https://shop.example/logo.png"},
    ],
)
def test_what_is_right_is_accepted(change):
    """The control: the rules let through what they should."""
    assert metadata_faults(attrs.evolve(GOOD, **change), DEVELOPMENT, GRANTS) == ()


def test_production_wants_https_even_on_loopback():
    """What development may do, production may not."""
    loopback = attrs.evolve(GOOD, redirect_uris=("http://localhost:3000/cb",))

    assert metadata_faults(loopback, DEVELOPMENT, GRANTS) == ()
    assert metadata_faults(loopback, PRODUCTION, GRANTS) != ()


def test_two_secrets_live_during_rotation_and_never_three(desk):
    """The one before works until the overlap ends; a second rotation drops the oldest at once."""
    first = run(desk.clients.register(SERVICE))
    client_id = first.client.client_id
    desk.clock.wind(seconds=10)
    second = run(desk.clients.rotate_secret(client_id))
    desk.clock.wind(seconds=10)
    third = run(desk.clients.rotate_secret(client_id))
    stored = desk.storage.client(client_id)

    assert {one.digest for one in second.client.secrets} == {
        digest(KIND, issued.secret.reveal()) for issued in (first, second)
    }
    assert {one.digest for one in stored.secrets} == {
        digest(KIND, issued.secret.reveal()) for issued in (second, third)
    }
    assert len(live(stored, desk.clock.now)) == 2
    desk.clock.wind(days=1)
    assert [one.digest for one in live(stored, desk.clock.now)] == [digest(KIND, third.secret.reveal())]


def test_a_rotation_never_makes_an_ending_secret_live_longer(desk):
    """The end that was promised is kept."""
    client_id = run(desk.clients.register(SERVICE)).client.client_id
    first = run(desk.clients.rotate_secret(client_id)).client
    ends = max(one.expires_at for one in first.secrets if one.expires_at)
    stored = desk.storage.client(client_id)

    assert all(one.expires_at is None or one.expires_at <= ends for one in stored.secrets)


def test_without_overlap_the_old_secret_ends_at_once():
    """`client_secret_overlap=0` leaves one secret."""
    from admin.conftest import desk_with

    desk = desk_with(client_secret_overlap=0)
    client_id = run(desk.clients.register(SERVICE)).client.client_id
    rotated = run(desk.clients.rotate_secret(client_id))

    assert len(rotated.client.secrets) == 1


def test_a_public_client_has_nothing_to_rotate(desk):
    """Refused, not given a secret in passing."""
    public = attrs.evolve(GOOD, token_endpoint_auth_method="none")
    client_id = run(desk.clients.register(public)).client.client_id

    with pytest.raises(Invalid):
        run(desk.clients.rotate_secret(client_id))


def test_a_client_that_becomes_public_loses_its_secrets(desk):
    """No forgotten secret works later."""
    client_id = run(desk.clients.register(GOOD)).client.client_id
    changed = run(desk.clients.update(client_id, attrs.evolve(GOOD, token_endpoint_auth_method="none")))

    assert changed.secrets == ()


def test_an_update_without_a_difference_writes_nothing(desk):
    """Saying the same again is not an event."""
    client_id = run(desk.clients.register(GOOD)).client.client_id
    version = desk.storage.client(client_id).version
    run(desk.clients.update(client_id, GOOD))

    assert desk.storage.client(client_id).version == version
    assert [line.event for line in desk.storage.audit()] == ["client.created"]


def test_a_deleted_client_is_gone_and_its_id_starts_afresh(desk):
    """A chosen id that is used again revives nothing issued before."""
    run(desk.clients.register(SERVICE, client_id="svc"))
    desk.clock.wind(hours=1)
    run(desk.clients.delete("svc"))
    again = run(desk.clients.register(SERVICE, client_id="svc"))

    assert again.client.tokens_valid_after > desk.clock.now.replace(minute=0, hour=desk.clock.now.hour - 1)
    assert again.client.tokens_valid_after < desk.clock.now


def test_a_taken_id_is_refused(desk):
    """No registration takes over a client."""
    run(desk.clients.register(SERVICE, client_id="svc"))

    with pytest.raises(Invalid):
        run(desk.clients.register(GOOD, client_id="svc"))

    assert desk.storage.client("svc").name == "Service"


def test_a_weak_secret_from_outside_is_refused(desk):
    """Secrets from outside carry 256 bits or do not come in."""
    with pytest.raises(Invalid):
        run(desk.clients.register(SERVICE, secret=Secret("hunter2")))

    assert run(desk.clients.register(SERVICE, secret=Secret("x" * 43))).secret == Secret("x" * 43)


@pytest.mark.parametrize("operation", ["client", "metadata", "rotate_secret", "delete"])
def test_an_unknown_client_is_named(desk, operation):
    """The administrator learns which one is missing."""
    with pytest.raises(Unknown, match="nobody"):
        run(getattr(desk.clients, operation)("nobody"))


def test_all_reads_every_page(desk):
    """The list does not stop at a page's end."""
    for number in range(205):
        run(desk.clients.register(SERVICE, client_id=f"c{number:03}"))

    assert [one.client_id for one in run(desk.clients.all())] == [f"c{number:03}" for number in range(205)]
    assert run(desk.clients.metadata("c000")) == SERVICE
