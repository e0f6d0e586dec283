"""`authority keys`: the signing keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..environment import administration
from ..ids import OfOne
from ..output import Output, confirm, database_option, json_option, yes_option

if TYPE_CHECKING:
    from authority_core.kernel.records import SigningKey

_COLUMNS = ("kid", "alg", "state", "created_at", "activated_at", "retired_at")


@click.group()
def keys() -> None:
    """List, rotate and withdraw signing keys."""


@keys.command("list")
@database_option
@json_option
def list_keys(database: str | None, as_json: bool) -> None:
    """List the keys: pending, active, retired, compromised."""
    from authority_core.kernel.sync import run

    with administration(database) as admin:
        records = run(admin.authority.keys.records())
    Output(as_json).table("keys", _COLUMNS, _rows(records), "There are no keys.")


@keys.command()
@click.option("--now", "at_once", is_flag=True, help="Let the new keys sign at once, before caches know them.")
@click.option("--algorithm", metavar="ALG", help="Only keys of this algorithm: RS256, ES256 or Ed25519.")
@database_option
@json_option
def rotate(at_once: bool, algorithm: str | None, database: str | None, as_json: bool) -> None:
    """Publish new keys; they sign after AUTHORITY_KEY_PUBLISH_LEAD seconds."""
    from authority_core.kernel.sync import run

    output = Output(as_json)
    with administration(database) as admin:
        chosen = _algorithm(algorithm, [record.alg for record in run(admin.authority.keys.records())])
        made = run(admin.authority.keys.rotate(chosen, at_once=at_once))
        lead = admin.settings.key_publish_lead
    output.table("keys", _COLUMNS, _rows(made), "No key was made.")
    if not as_json:
        output.note("They sign from now on." if at_once else f"They are published now and sign in {lead} seconds.")


@keys.command(cls=OfOne)
@click.argument("kid")
@yes_option
@database_option
@json_option
def compromise(kid: str, yes: bool, database: str | None, as_json: bool) -> None:
    """Withdraw a key at once: every token it signed is dead, and a new key signs."""
    from authority_core.kernel.sync import run
    from authority_core.kernel.vault import Damaged
    from authority_core.oauth.mint.keys import NoSuchKey

    from ..troubles import Trouble

    confirm(f"Withdraw the key {kid}? Every token that it signed is dead at once.", yes=yes)
    with administration(database) as admin:
        try:
            run(admin.authority.keys.compromise(kid))
        except NoSuchKey as missing:
            raise Trouble(f"There is no key {kid[:80]!a}: see `authority keys list`.") from missing
        try:
            records = run(admin.authority.keys.records())
        except Damaged:  # another one: this one is withdrawn all the same
            records = run(admin.authority.shell.storage.signing_keys())
    Output(as_json).show({"compromised": kid, "keys": _rows(records)}, f"The key {kid} is withdrawn.")


def _algorithm(asked: str | None, known: Sequence[str]) -> str | None:
    if asked is None:
        return None
    name = "EdDSA" if asked == "Ed25519" else asked
    if name not in known:
        choices = ", ".join(sorted(set(known)))
        raise click.UsageError(f"The server has no key for {asked[:20]!a}: choose from {choices}.")
    return name


def _rows(records: Sequence[SigningKey]) -> list[dict[str, object]]:
    return [{column: getattr(record, column) for column in _COLUMNS} for record in records]
