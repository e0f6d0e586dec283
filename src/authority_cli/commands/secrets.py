"""`authority secret`: the master secret."""

from __future__ import annotations

import click

from ..environment import administration
from ..output import Output, database_option, json_option
from ..progress import progress
from ..troubles import Trouble


@click.group()
def secret() -> None:
    """Rotate the master secret."""


@secret.command("rotate")
@database_option
@json_option
def rotate(database: str | None, as_json: bool) -> None:
    """Encrypt anew, under AUTHORITY_SECRET_KEY, what an earlier secret encrypted.

    First give every server the new secret as AUTHORITY_SECRET_KEY and the old one in AUTHORITY_SECRET_KEY_PREVIOUS;
    then run this. It may be stopped and run again, and servers go on working. Every encrypted record is opened, also
    what is not encrypted anew; exit code 1 when one does not open.
    """
    from authority_core.admin.secret_rotation import SecretRotation
    from authority_core.kernel.sync import run
    from authority_core.kernel.vault import Vault

    counts = {"moved": 0, "current": 0, "unreadable": 0}
    missing = damaged = 0
    with administration(database) as admin:
        rotation = SecretRotation(admin.authority.shell, Vault.from_settings(admin.settings))
        with progress("Encrypting", "records", run(rotation.total())) as steps:
            while (one := run(rotation.next_record())) is not None:
                counts[one.outcome] += 1
                if one.fault:
                    missing, damaged = missing + (not one.damaged), damaged + one.damaged
                    steps.say(one.fault)
                done = sum(counts.values())
                steps.at(done, done)
        previous = bool(admin.settings.secret_key_previous)
    if counts["unreadable"]:
        raise Trouble(f"{counts['moved']} records were moved, but {_left(missing, damaged)}")
    lines = [f"{counts['moved']} records were moved; {counts['current']} were under AUTHORITY_SECRET_KEY already."]
    if previous:
        lines.append("AUTHORITY_SECRET_KEY_PREVIOUS may be emptied as soon as every server runs with the new secret.")
    Output(as_json).show({**counts, "previous_may_be_emptied": previous}, *lines)


def _left(missing: int, damaged: int) -> str:
    """Return what to do about the records that do not open: *missing* their secret, or *damaged*."""
    advice = []
    if missing:
        advice.append(
            f"{missing} open under no secret that was given and were left: add the secret they were encrypted with to "
            "AUTHORITY_SECRET_KEY_PREVIOUS."
        )
    if damaged:
        advice.append(
            f"{damaged} are damaged or were moved from another record and were left: restore them from a backup, for "
            "no secret opens them."
        )
    return " ".join((*advice, "Then run it again; take no secret out before."))
