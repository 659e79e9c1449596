"""How often somebody has tried, for all nodes together."""

from alembic import op

revision = "0002"
down_revision = "0001"

SQLITE = (
    """
CREATE TABLE rate_limits (
    key BLOB PRIMARY KEY,  -- a hash of what is limited and of who tries
    full_at INTEGER NOT NULL  -- when all attempts will be there again; afterwards the row means nothing
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX rate_limits_full_at ON rate_limits (full_at)",
)

# Unlogged: a crash of the database gives everybody their attempts back, and saves it all the work for standbys.
POSTGRESQL = (
    "CREATE UNLOGGED TABLE rate_limits (key BYTEA PRIMARY KEY, full_at BIGINT NOT NULL)",
    "CREATE INDEX rate_limits_full_at ON rate_limits (full_at)",
)


def upgrade() -> None:
    """Make the table."""
    connection = op.get_bind()
    for statement in SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL:
        connection.exec_driver_sql(statement)
