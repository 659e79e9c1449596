"""Which revision of the schema a database has, and how it gets the newest."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from hubbub.stores.sql.errors import UnusableDatabase


def head() -> str:
    """The revision that this release of hubbub works with."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise AssertionError("the migrations are missing from this installation")
    return revision


def revision_of(connection: Connection) -> str | None:
    """The revision of a database; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def is_current(connection: Connection) -> bool:
    """Is there nothing for `upgrade_to_head` to do?"""
    return revision_of(connection) == head()


def require_known(revision: str | None) -> None:
    """Raise UnusableDatabase when a later release than this one made the tables."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise UnusableDatabase(
            f"the database has schema revision {revision}, which this release of hubbub does not know: a later one "
            "made it. Run that one, or restore the backup from before the upgrade"
        )


def upgrade_to_head(connection: Connection) -> None:
    """Run what is missing, inside the transaction of this connection: all of it, or nothing."""
    revision = revision_of(connection)
    require_known(revision)
    if revision != head():
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "hubbub.stores.sql:migrations")
    return config
