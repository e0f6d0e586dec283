"""The `authority` program: its commands, in groups, and what becomes of every error."""

from __future__ import annotations

import click

from .commands.cleanup import cleanup
from .commands.clients import client
from .commands.configuration import config
from .commands.database import migrate, seed
from .commands.demo import demo
from .commands.keys import keys
from .commands.people import create_admin
from .commands.secrets import secret
from .commands.serve import serve
from .commands.transfer import export, import_
from .troubles import Trouble, sentence

_GROUPS = (
    ("Run", ("demo", "serve")),
    ("Set up", ("migrate", "seed", "create-admin", "config")),
    ("Administer", ("client", "keys", "secret")),
    ("Keep and move", ("cleanup", "export", "import")),
)
HELP = {"help_option_names": ["-h", "--help"]}


class Program(click.Group):
    """Turns every error into a sentence and an exit code, and lists commands by what they are for."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; nothing but click's own exceptions leaves it."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            ctx.exit(0)
        except Exception as error:
            raise Trouble(sentence(error)) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in their groups."""
        for title, names in _GROUPS:
            found = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(title):
                formatter.write_dl([(name, one.get_short_help_str(80)) for name, one in found if one is not None])


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from authority_core import __version__

        click.echo(f"authority {__version__}")
        ctx.exit()


@click.group(cls=Program, context_settings=HELP)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show it.")
def authority() -> None:
    """An OAuth 2.0 authorization server and OpenID Connect provider.

    Look at it with `authority demo`. For real use, set AUTHORITY_ISSUER, AUTHORITY_SECRET_KEY and
    AUTHORITY_DATABASE_URL, then run `authority migrate`, `authority seed` and `authority serve`.

    Exit codes: 0 done, 1 refused or failed, 2 misused.
    """


for _command in (demo, serve, migrate, seed, create_admin, config, client, keys, secret, cleanup, export, import_):
    authority.add_command(_command)
