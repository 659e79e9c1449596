"""Accounts that are disabled, and a quick way to those that administer the server."""

from alembic import op

revision = "0003"
down_revision = "0002"

ADMINISTRATORS = "CREATE INDEX users_administrators ON users (is_admin, id) WHERE is_admin = 1"

SQLITE = ("ALTER TABLE users ADD COLUMN disabled_at INTEGER", ADMINISTRATORS)

POSTGRESQL = ("ALTER TABLE users ADD COLUMN disabled_at BIGINT", ADMINISTRATORS)


def upgrade() -> None:
    """Add the column; it is empty: nobody is disabled."""
    connection = op.get_bind()
    for statement in SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL:
        connection.exec_driver_sql(statement)
