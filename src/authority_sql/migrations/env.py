"""What Alembic runs to apply our revisions: on the connection that `authority_sql.migrate` holds, or as SQL text."""

from __future__ import annotations

from alembic import context

where = context.config.attributes["where"]

if context.is_offline_mode():
    dialect = context.config.attributes["dialect"]
    context.configure(dialect_name=dialect, literal_binds=True, transactional_ddl=True, **where)
    with context.begin_transaction():
        if opening := context.config.attributes["opening"]:
            context.execute(opening)
        context.run_migrations()
else:
    # The caller's transaction holds everything; Alembic begins and ends none.
    context.configure(connection=context.config.attributes["connection"], transactional_ddl=False, **where)
    context.run_migrations()
