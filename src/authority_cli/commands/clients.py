"""`authority client`: register, list, show, give a new secret, delete."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

import click

from ..environment import Administration, administration
from ..ids import OfOne
from ..output import Output, confirm, database_option, json_option, text, yes_option

if TYPE_CHECKING:
    from authority_core.admin.clients import Clients, Issued
    from authority_core.kernel.records import AuthMethod, Client, TokenFormat

_SHOWN = (
    "client_id", "name", "active", "token_endpoint_auth_method", "application_type", "grant_types", "redirect_uris",
    "post_logout_redirect_uris", "scopes", "default_scopes", "audiences", "protects", "first_party",
    "always_issue_refresh_token", "access_token_format", "id_token_signed_response_alg", "client_uri", "logo_uri",
    "policy_uri", "tos_uri", "contacts", "created_at",
)  # fmt: skip


@click.group()
def client() -> None:
    """Register and administer clients."""


@client.command()
@click.option("--name", required=True, metavar="TEXT", help="What people read on the consent page.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, metavar="URI", help="Where codes go; may be repeated.")
@click.option("--post-logout-redirect-uri", "post_logout", multiple=True, metavar="URI", help="After sign-out.")
@click.option("--grant", "grants", multiple=True, metavar="NAME", help="A grant; may be repeated. [authorization_code]")
@click.option("--scope", "scopes", multiple=True, metavar="WORDS", help="Scopes it may ask for; may be repeated.")
@click.option("--default-scope", "default_scopes", multiple=True, metavar="WORDS", help="Scopes when it names none.")
@click.option("--audience", "audiences", multiple=True, metavar="URI", help="A resource it may ask for (RFC 8707).")
@click.option("--protects", multiple=True, metavar="URI", help="A resource it serves, whose tokens it may introspect.")
@click.option("--public", is_flag=True, help="It cannot keep a secret: a browser or native application.")
@click.option("--secret-in-body", is_flag=True, help="It sends its secret in the body, not by Basic authentication.")
@click.option("--native", is_flag=True, help="It is installed on people's devices.")
@click.option("--first-party", is_flag=True, help="It is yours: people are not asked for consent.")
@click.option("--token-format", type=click.Choice(("jwt", "opaque")), help="Format of its access tokens.")
@click.option("--id-token-alg", metavar="ALG", help="Algorithm of its ID tokens.")
@click.option("--uri", "client_uri", metavar="URL", help="Its home page.")
@click.option("--contact", "contacts", multiple=True, metavar="ADDRESS", help="Who answers for it; may be repeated.")
@click.option("--id", "client_id", metavar="ID", help="A chosen client id; 22 random characters without it.")
@database_option
@json_option
def create(
    name: str,
    redirect_uris: tuple[str, ...],
    post_logout: tuple[str, ...],
    grants: tuple[str, ...],
    scopes: tuple[str, ...],
    default_scopes: tuple[str, ...],
    audiences: tuple[str, ...],
    protects: tuple[str, ...],
    public: bool,
    secret_in_body: bool,
    native: bool,
    first_party: bool,
    token_format: TokenFormat | None,
    id_token_alg: str | None,
    client_uri: str | None,
    contacts: tuple[str, ...],
    client_id: str | None,
    database: str | None,
    as_json: bool,
) -> None:
    """Register a client; its secret is printed once."""
    if public and secret_in_body:
        raise click.UsageError("A public client has no secret: choose one of --public and --secret-in-body.")

    from authority_core.admin.client_metadata import ClientMetadata
    from authority_core.kernel.sync import run

    method: AuthMethod = "none" if public else "client_secret_post" if secret_in_body else "client_secret_basic"
    kind: Literal["web", "native"] = "native" if native else "web"
    metadata = ClientMetadata(
        name=name,
        token_endpoint_auth_method=method,
        redirect_uris=redirect_uris,
        post_logout_redirect_uris=post_logout,
        grant_types=_words(grants) or frozenset({"authorization_code"}),
        scopes=_words(scopes),
        default_scopes=_words(default_scopes),
        audiences=frozenset(audiences),
        protects=frozenset(protects),
        application_type=kind,
        first_party=first_party,
        access_token_format=token_format,
        id_token_signed_response_alg=id_token_alg,
        client_uri=client_uri,
        contacts=contacts,
    )
    with administration(database) as admin:
        issued = run(_clients(admin).register(metadata, client_id=client_id))
    _show_issued(issued, Output(as_json), f"The client {name} is registered.")


@client.command("list")
@database_option
@json_option
def list_clients(database: str | None, as_json: bool) -> None:
    """List the clients."""
    from authority_core.kernel.sync import run

    with administration(database) as admin:
        found = run(_clients(admin).all())
    columns = ("client_id", "name", "token_endpoint_auth_method", "grant_types", "active", "created_at")
    rows = [{column: _shown(getattr(one, column)) for column in columns} for one in found]
    Output(as_json).table("clients", columns, rows, "There are no clients yet: see `authority client create --help`.")


@client.command(cls=OfOne)
@click.argument("client_id")
@database_option
@json_option
def show(client_id: str, database: str | None, as_json: bool) -> None:
    """Show all that is known of a client, without its secrets."""
    from authority_core.kernel.sync import run

    with administration(database) as admin:
        found = run(_clients(admin).client(client_id))
    value = described(found)
    width = max(map(len, value))
    shown = [(name.replace("_", " "), item) for name, item in value.items() if name != "secrets"]
    lines = [f"{name.ljust(width)}  {text(item)}" for name, item in shown]
    for one in found.secrets:
        which = f"…{one.hint}" if one.secret_hash is None else "from another system, kept as a slow hash,"
        lines.append(f"{'secret'.ljust(width)}  {which} since {text(one.created_at)}{_until(one.expires_at)}")
    Output(as_json).show(value, *lines)


@client.command("rotate-secret", cls=OfOne)
@click.argument("client_id")
@database_option
@json_option
def rotate_secret(client_id: str, database: str | None, as_json: bool) -> None:
    """Give a client a new secret, printed once; the old one works for AUTHORITY_CLIENT_SECRET_OVERLAP seconds more."""
    from authority_core.kernel.sync import run

    with administration(database) as admin:
        issued = run(_clients(admin).rotate_secret(client_id))
    ends = [one.expires_at for one in issued.client.secrets if one.expires_at is not None]
    line = f"{client_id} has a new secret" + (f"; the old one works until {text(ends[0])}." if ends else ".")
    _show_issued(issued, Output(as_json), line)


@client.command(cls=OfOne)
@click.argument("client_id")
@yes_option
@database_option
@json_option
def delete(client_id: str, yes: bool, database: str | None, as_json: bool) -> None:
    """Delete a client; everything that was issued to it is dead."""
    from authority_core.kernel.sync import run

    with administration(database) as admin:
        found = run(_clients(admin).client(client_id))
        confirm(f"Delete {found.name} ({client_id})? Everything that was issued to it is dead at once.", yes=yes)
        run(_clients(admin).delete(client_id))
    Output(as_json).show({"deleted": client_id}, f"The client {client_id} is deleted.")


def described(found: Client) -> dict[str, object]:
    """Return *found* as JSON knows it; of secrets only what tells them apart."""
    value = {name: _shown(getattr(found, name)) for name in _SHOWN}
    value["secrets"] = [
        {"secret_id": one.secret_id, "hint": one.hint, "created_at": one.created_at, "expires_at": one.expires_at}
        for one in found.secrets
    ]
    return value


def _clients(admin: Administration) -> Clients:
    from authority_core.admin.clients import Clients

    return Clients(admin.authority.shell, frozenset(admin.authority.oauth.grants))


def _show_issued(issued: Issued, output: Output, line: str) -> None:
    secret = issued.secret.reveal() if issued.secret else None
    value = {**described(issued.client), "client_secret": secret}
    lines = [line, f"client id      {issued.client.client_id}"]
    if secret:
        lines.append(f"client secret  {secret}")
        lines.append("The secret is shown this once; keep it where only the client can read it.")
    output.show(value, *lines)


def _words(values: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word for value in values for word in value.replace(",", " ").split())


def _shown(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value


def _until(ends: datetime | None) -> str:
    return "" if ends is None else f", until {text(ends)}"
