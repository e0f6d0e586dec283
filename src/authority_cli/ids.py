"""Commands about one thing by its id. Ids are drawn from base64url, so one in sixty-four begins with a dash."""

from __future__ import annotations

import re

import click

_DASHED_ID = re.compile(r"-[A-Za-z0-9_-]{21,}")
"""No option of ours is as long as the shortest id."""


class OfOne(click.Command):
    """A command that takes an id which begins with a dash for an id, and not for an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put such ids behind the `--` that people would have to type."""
        ids = [one for one in args if _DASHED_ID.fullmatch(one)]
        if ids and "--" not in args:
            args = [*(one for one in args if one not in ids), "--", *ids]
        return super().parse_args(ctx, args)
