"""The reference page names every command, option and variable there is."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from authority_cli.program import authority
from authority_core.kernel.settings import OUTSIDE

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


def every_command(group: click.Group = authority, path: str = ""):
    for name, one in sorted(group.commands.items()):
        yield f"{path} {name}".strip(), one
        if isinstance(one, click.Group):
            yield from every_command(one, f"{path} {name}".strip())


@pytest.mark.parametrize(
    ("name", "command"), [*every_command()], ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_page_names_the_command_and_its_options(name, command):
    """Nobody has to read the source to know what there is."""
    options = {option for one in command.params for option in one.opts if option.startswith("--")}

    assert re.search(rf"`(authority )?{name}\b", PAGE)
    assert [option for option in sorted(options) if option not in PAGE] == []


def test_the_page_names_the_variables():
    """Those that are no settings of the issuer."""
    assert [name for name in sorted(OUTSIDE - {"AUTHORITY_BASE_URL"}) if name not in PAGE] == []


def test_every_option_on_the_page_exists():
    """The control: nothing is promised that is not there."""
    known = {option for _, one in every_command() for parameter in one.params for option in parameter.opts}

    assert set(re.findall(r"`(--[a-z-]+)", PAGE)) - {"--help"} <= known
