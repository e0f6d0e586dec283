"""`authority create-admin`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..environment import administration, variable
from ..output import Output, database_option, json_option

if TYPE_CHECKING:
    from authority_core.kernel.records import Role


@click.command("create-admin")
@click.option("--email", metavar="ADDRESS", help="E-mail address. [AUTHORITY_ADMIN_EMAIL]")
@click.option("--username", metavar="NAME", help="User name. [AUTHORITY_ADMIN_USERNAME]")
@click.option("--name", metavar="TEXT", help="Full name. [AUTHORITY_ADMIN_NAME]")
@click.option("--super", "is_super", is_flag=True, help="May also administer administrators.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--generate-password", is_flag=True, help="Make a random password and print it once.")
@database_option
@json_option
def create_admin(
    email: str | None,
    username: str | None,
    name: str | None,
    is_super: bool,
    password_stdin: bool,
    generate_password: bool,
    database: str | None,
    as_json: bool,
) -> None:
    """Create an administrator; the password has at least 16 characters.

    It is taken from AUTHORITY_ADMIN_PASSWORD, from standard input, made up, or asked for.
    """
    if password_stdin and generate_password:
        raise click.UsageError("Choose one of --password-stdin and --generate-password.")
    username, email = username or variable("ADMIN_USERNAME"), email or variable("ADMIN_EMAIL")
    if username is None and email is None:
        raise click.UsageError("Give --email or --username.")

    from authority_core.admin.users import Users
    from authority_core.kernel.sync import run

    from ..people import asked, generated, new_administrator, piped

    with administration(database) as admin:
        password = piped() if password_stdin else generated() if generate_password else asked()
        role: Role = "super_admin" if is_super else "admin"
        new = new_administrator(username, email, name or variable("ADMIN_NAME"), role, password)
        user = run(Users(admin.authority.shell, admin.authority.passwords).create(new))
    value = {
        "user_id": user.user_id,
        "username": user.username,
        "email": user.email,
        "role": user.role,
        "password": password.shown,
    }
    lines = [f"The administrator {user.username or user.email} was created ({user.role})."]
    if password.shown:
        lines.append(f"Password, shown this once and to be changed at first sign-in: {password.shown}")
    Output(as_json).show(value, *lines)
