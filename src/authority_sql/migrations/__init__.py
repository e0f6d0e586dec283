"""The Alembic environment of our tables; `authority_sql.migrate` runs it."""
