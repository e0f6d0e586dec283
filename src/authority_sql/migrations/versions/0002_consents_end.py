"""Let consents that have ended be forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEPT = 30 * 24 * 3600 * 1_000_000
LAST = 253_402_300_799_999_999 - KEPT
"""Nothing that ends later, near the end of the year 9999, has a time after which it may be forgotten."""


def upgrade() -> None:
    """Add the column, fill it for what has an end, and make its index."""
    options = op.get_context().opts
    prefix, schema = options["table_prefix"], options["table_schema"]
    name = f"{prefix}authorizations"
    op.add_column(name, sa.Column("keep_until", sa.BigInteger(), nullable=True), schema=schema)
    columns = (sa.column(one, sa.BigInteger()) for one in ("expires_at", "revoked_at", "keep_until"))
    table = sa.table(name, *columns, schema=schema)
    expires, revoked = table.c.expires_at, table.c.revoked_at
    end = sa.case((sa.or_(revoked.is_(None), expires < revoked), expires), else_=revoked)
    op.execute(table.update().where(end <= LAST).values(keep_until=end + KEPT))
    op.create_index(f"ix_{name}_keep_until", name, ["keep_until"], schema=schema)
