"""Refreshes that may be repeated."""

from alembic import op

revision = "0004"
down_revision = "0003"

SQLITE = "ALTER TABLE sessions ADD COLUMN attempt BLOB"

POSTGRESQL = "ALTER TABLE sessions ADD COLUMN attempt BYTEA"


def upgrade() -> None:
    """Add the column; it is empty: the last refresh of no session can be repeated."""
    connection = op.get_bind()
    connection.exec_driver_sql(SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL)
