"""A host application that keeps our tables in a migration history of its own."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

ENVIRONMENT = """
from alembic import context
from sqlalchemy import Column, Integer, MetaData, Table, create_engine
from authority_sql import include_name, metadata_for

own = MetaData()
Table("own_things", own, Column("id", Integer, primary_key=True))
engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=[own, metadata_for({prefix!r}, {schema!r})],
                      include_name=include_name, include_schemas=bool({schema!r}))
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""
SCRIPT = '''"""${message}"""
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''


def migrate_as_host(folder: Path, url: str, prefix: str, schema: str | None = None) -> None:
    """Let Alembic write the host's first revision and take it, then find that nothing is left to do."""
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENVIRONMENT.format(prefix=prefix, schema=schema), encoding="utf-8")
    (folder / "script.py.mako").write_text(SCRIPT, encoding="utf-8")
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    command.revision(config, "first", autogenerate=True)
    command.upgrade(config, "head")
    command.check(config)
