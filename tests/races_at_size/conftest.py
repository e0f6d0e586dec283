"""Without PostgreSQL this folder fails in one line; it never skips."""

from support.postgres import demand

demand()
