"""`authority export` and `authority import`: clients, people and consents as lines of JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
from attrs import define, field

from ..environment import Administration, administration, database_url, masked, place_of
from ..output import Output, database_option, json_option
from ..progress import Steps, progress
from ..resuming import AFRESH, Place
from ..troubles import Trouble

if TYPE_CHECKING:
    from authority_core.admin.imports import Import, Report
    from authority_core.admin.transfer_lines import Readable

_WARNING = (
    "It holds password hashes and digests of client secrets: keep it where you would keep the database, "
    "and delete it when it has served."
)


@click.command("export")
@click.argument("file", metavar="FILE|-")
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@database_option
@json_option
def export(file: str, overwrite: bool, database: str | None, as_json: bool) -> None:
    """Write every client, account and consent to a file.

    A dash is standard output. Sessions, tokens, signing keys and the audit trail stay behind. The file can be read by
    you alone.
    """
    if file == "-" and as_json:
        raise click.UsageError("--json prints on standard output, where the export goes: name a file.")
    output = Output(as_json)
    with administration(database) as admin, _target(file, overwrite=overwrite) as stream:
        counts = _exported(admin, stream)
    line = "Exported " + ", ".join(_counted(count, name) for name, count in counts.items()) + "."
    output.note(_WARNING)
    if file == "-":
        output.note(line)
    else:
        output.show({"file": file, **counts}, line)


def _counted(count: int, names: str) -> str:
    return f"{count} {names.removesuffix('s') if count == 1 else names}"


def _exported(admin: Administration, stream: IO[bytes]) -> dict[str, int]:
    from authority_core.admin.exports import Export
    from authority_core.kernel.sync import run

    source = Export(admin.authority.shell.storage)
    with progress("Exporting", "records") as steps:
        while lines := run(source.next_lines()):
            stream.writelines(lines)
            count = sum(source.counts.values())
            steps.at(count, count)
    return source.counts


@contextmanager
def _target(file: str, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Open what an export is written to; a file has its name only when it is whole."""
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(file)
    if path.is_dir():
        raise Trouble(f"{file} is a folder: name a file in it.")
    if path.exists() and not overwrite:
        raise Trouble(f"{file} exists already: name another file, or add --overwrite.")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
    except FileNotFoundError:
        raise Trouble(f"There is no folder {path.parent}: make it, or name a file elsewhere.") from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, file) from None  # not the name that it has until it is whole
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@click.command("import")
@click.argument("file", metavar="FILE|-")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would happen.")
@click.option("--update", is_flag=True, help="Replace what is there and differs.")
@click.option("--resume", is_flag=True, help="Go on where a run that broke off had come to.")
@database_option
@json_option
def import_(file: str, dry_run: bool, update: bool, resume: bool, database: str | None, as_json: bool) -> None:
    """Read clients, accounts and consents from a file.

    A dash is standard input. Each line is written whole or not at all, and faulty ones are listed with all their
    faults. Running it again is harmless: what is there already is passed over. Exit code 1 when a line was refused or
    in conflict, or when the file is an export that was cut off.
    """
    if resume and dry_run:
        raise click.UsageError("--resume does not go with --dry-run, which always begins at the first line.")
    if resume and file == "-":
        raise click.UsageError("--resume needs a file: what was read of standard input cannot be read again.")

    from authority_core.admin.imports import Import
    from authority_core.admin.transfer_extent import Extent

    with administration(database) as admin, _source(file) as (stream, size):
        url = database_url(database)
        place = None if file == "-" or dry_run or size is None else Place(Path(file), place_of(url), stream)
        if resume:
            _recall(place, file)
        if place is not None and resume:
            _refuse_another(place, admin, masked(url))
        taker = Import(
            admin.authority.shell,
            frozenset(admin.authority.oauth.grants),
            update=update,
            dry_run=dry_run,
            header_read=place is not None and place.number > 0,
            extent=(place.extent if place is not None else None) or Extent(),
        )
        tally = _Tally(place, dry_run, left_before=place.left if place is not None else 0)
        with progress("Checking" if dry_run else "Importing", "lines", size) as steps:
            tally.take(taker, place or stream, steps)
    _conclude(tally, Output(as_json), dry_run=dry_run)


def _recall(place: Place | None, file: str) -> None:
    """Go to where the run before stopped; say so where nothing tells."""
    if place is None:
        raise Trouble(f"{file} is no plain file, of which a part could be passed over: {AFRESH}")
    place.recall()
    if not place.number:
        click.echo(f"There is no note of a run that broke off, {place.note}: beginning at the first line.", err=True)


def _refuse_another(place: Place, admin: Administration, database: str) -> None:
    """Raise `Trouble` where the line that the run before came to is not in the database: it was made anew, say."""
    from authority_core.admin.imports import Import
    from authority_core.admin.transfer_lines import entries
    from authority_core.kernel.sync import run

    found = place.last_there()
    if found is None:
        return
    number, line = found
    looking = Import(admin.authority.shell, frozenset(admin.authority.oauth.grants), dry_run=True, header_read=True)
    reports = [run(looking.take(entry)) for entry in entries(BytesIO(line), number - 1)]
    if any(report is None or report.outcome not in ("unchanged", "conflict") for report in reports):
        raise Trouble(f"Line {number}, which the run that broke off had done, is not in {database}: {AFRESH}")


@contextmanager
def _source(file: str) -> Iterator[tuple[IO[bytes], int | None]]:
    """Open what an import reads; give its size in bytes when it is a plain file."""
    if file == "-":
        yield sys.stdin.buffer, None
        return
    path = Path(file)
    with path.open("rb") as stream:
        yield stream, path.stat().st_size if path.is_file() else None


@define(eq=False)
class _Tally:
    """Counts what became of the lines of one run."""

    place: Place | None
    dry_run: bool
    left_before: int
    """Lines that did not go in, in the run that this one goes on from."""
    lines: int = 0
    counts: dict[str, dict[str, int]] = field(factory=dict)
    total: dict[str, int] = field(factory=dict)
    missing: str | None = None
    """Why the file is not whole."""

    def take(self, taker: Import, stream: Readable, steps: Steps) -> None:
        """Import the lines of *stream* one by one; where it stops is kept, whatever stops it."""
        from authority_core.admin.imports import NotTransferable
        from authority_core.admin.transfer_lines import entries
        from authority_core.kernel.sync import run

        place = self.place
        number, offset = (place.number, place.offset) if place else (0, 0)
        reached = number
        try:
            for entry in entries(stream, number, offset):
                report = run(taker.take(entry))
                self.lines, reached = self.lines + 1, entry.number
                if report is not None:
                    self._note(report, steps)
                if place is not None:
                    left = report is not None and bool(report.faults)
                    there = report is not None and not left
                    place.move(entry.number, entry.end, taker.extent, left=left, there=there)
                steps.at(entry.end, entry.number)
        except NotTransferable as error:
            raise Trouble(str(error)) from error
        except BaseException:
            if place is not None:
                reached = place.number  # it is what --resume goes by; a signal may come in between the two
            if reached and not self.dry_run:
                steps.say(f"It stopped behind line {reached}: {_how_to_go_on(place)}")
            raise
        if not self.lines and not number:
            raise Trouble("The file is empty.")
        self.missing = taker.extent.missing
        if place is not None:
            place.forget()

    def _note(self, report: Report, steps: Steps) -> None:
        of_kind = self.counts.setdefault(report.kind or "unknown", {})
        for counts in (of_kind, self.total):
            counts[report.outcome] = counts.get(report.outcome, 0) + 1
        if report.faults:
            subject = " ".join(filter(None, (report.kind, report.name)))
            steps.say(f"line {report.number}: {subject + ': ' if subject else ''}{' '.join(report.faults)}")


def _how_to_go_on(place: Place | None) -> str:
    if place is not None and place.number and place.keep():
        return "run it again with --resume to go on from there."
    return "run it again from the beginning, which passes over what is there."


def _conclude(tally: _Tally, output: Output, *, dry_run: bool) -> None:
    from authority_core.admin.imports import OUTCOMES

    def counted(counts: dict[str, int]) -> dict[str, int]:
        return {outcome: counts.get(outcome, 0) for outcome in OUTCOMES}

    kinds = {kind: counted(counts) for kind, counts in tally.counts.items()}
    value = {"dry_run": dry_run, "lines": tally.lines, **counted(tally.total), "kinds": kinds}
    value |= {"left_before": tally.left_before, "whole": tally.missing is None}
    names = {"conflict": "in conflict"}
    said = ", ".join(f"{count} {names.get(name, name)}" for name, count in counted(tally.total).items())
    lines = [f"{'Nothing was written; it would be: ' if dry_run else ''}{said}."]
    if tally.total.get("conflict"):
        lines.append("What is in conflict is there already and was left as it is: add --update to replace it.")
    if tally.total.get("refused"):
        lines.append("What was refused is listed above by line: correct it and run the same command again.")
    if tally.left_before:
        lines.append(
            f"Before it stopped, the run that this one goes on from left {tally.left_before} "
            f"line{'' if tally.left_before == 1 else 's'} out: run it without --resume to see which."
        )
    if tally.missing:
        output.note(tally.missing)
        lines.append("The file is not whole, as is said above: what it lacks is not in.")
    output.show(value, *lines)
    if tally.missing or tally.total.get("refused") or tally.total.get("conflict") or tally.left_before:
        click.get_current_context().exit(1)
