"""The Alembic environment of our tables; `authority_sql.migrate` runs it."""

HEAD = "0002"
"""The newest revision; a test holds it against the folder."""
