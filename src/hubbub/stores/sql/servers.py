"""A database on a PostgreSQL server, for any number of processes: transactions, and what their failures mean."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from hubbub.domain.errors import ChatError, Internal
from hubbub.stores.sql import epochs, postgres, schema
from hubbub.stores.sql.databases import DEFECTS, prepare
from hubbub.stores.sql.errors import DatabaseUnreachable, UnusableDatabase
from hubbub.stores.sql.log import SqlLog
from hubbub.stores.sql.troubles import DAMAGED, FULL, Trouble, Troubles

T = TypeVar("T")

GONE = Trouble("no database server that takes writes can be reached: start it, or look at the network")
REFUSED = Trouble("the database server refuses this user or database: look at the URL, and at pg_hba.conf")
CROWDED = Trouble("the database server takes no more connections: raise max_connections, or use fewer threads")
OTHER = Trouble("the database can't be used")
SLOW = Trouble("a statement or a lock took too long: look at pg_stat_activity", logging.WARNING)
RACE = Trouble("transactions stood in each other's way, and one of them was given up", logging.WARNING)

# By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html): the longest beginning that fits.
_STATES = {
    "08": GONE,
    "57P": GONE,
    "25P": SLOW,  # idle in a transaction for too long
    "28": REFUSED,
    "3D": REFUSED,
    "53300": CROWDED,
    "53100": FULL,
    "57014": SLOW,
    "55P03": SLOW,
    "40": RACE,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}
# Of a connection that is refused no SQLSTATE is told. Where the words are of another language it is GONE.
_REFUSALS = ("authentication failed", "does not exist", "pg_hba.conf", "invalid connection option", "is bad: invalid")
_PASSING = (SLOW, RACE)  # they say nothing about the next transaction
_READ_ONLY = "25006"

_MIGRATIONS = 0x6875626275  # the advisory lock of who changes the schema


class DatabaseServer:
    """A `Database` on a server. `open` connects to it."""

    lookups = 2

    def __init__(self, url: str, *, readers: int, writers: int, timeout: float) -> None:
        """`timeout` is in seconds, for each statement; 0 = no limit. Nothing is connected yet."""
        address = postgres.url_of(url)
        self.readers, self.writers = readers, writers
        self.warnings: tuple[str, ...] = ()
        self.troubles = Troubles(postgres.shown(address))
        self.writer = postgres.writer_engine(address, writers, timeout)
        self.reader = postgres.reader_engine(address, readers + self.lookups, timeout)

    @classmethod
    def open(cls, url: str, *, readers: int, writers: int, timeout: float) -> "DatabaseServer":
        """Bring its schema up to date. Raise UnusableDatabase when it can't be used."""
        database = cls(url, readers=readers, writers=writers, timeout=timeout)
        database.warnings = _prepare(database.writer, _begin)
        return database

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        try:
            with postgres.begun(self.reader) as connection, connection.get_transaction():  # type: ignore[union-attr]
                yield connection
        except DEFECTS:
            raise
        except DBAPIError as error:
            if _state(error) == _READ_ONLY:
                raise Internal("nothing can be written in a read transaction") from error
            raise self._failed(error) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        try:
            with postgres.begun(self.writer) as connection, connection.get_transaction():  # type: ignore[union-attr]
                yield connection
        except DEFECTS:
            raise
        except DBAPIError as error:
            raise self._failed(error) from error
        self.troubles.wrote()

    def trouble(self) -> str | None:
        return self.troubles.present

    def probe(self) -> None:
        with self.writing() as connection:
            connection.exec_driver_sql("SELECT pg_current_xact_id()")  # the least whose commit is written

    def close(self) -> None:
        self.reader.dispose()
        self.writer.dispose()

    def _failed(self, error: DBAPIError) -> ChatError:
        trouble = _trouble(error)
        return self.troubles.failed(trouble, str(error.orig).strip(), lasting=trouble not in _PASSING)


def is_server(url: str) -> bool:
    """Is this the URL of a database on a server?"""
    return url.startswith("postgres")


def shown(url: str) -> str:
    """Where it is, without a secret."""
    return postgres.shown(postgres.url_of(url))


def unreachable(error: DBAPIError) -> bool:
    """Does it say nothing about the database, because that can't be asked?"""
    return _trouble(error) in (GONE, REFUSED, CROWDED)


def upgrade(url: str) -> None:
    """Bring the schema up to date, once, however many processes want to at a time."""
    _connect(url, _upgrade)


def renew_epoch(url: str) -> str:
    """Servers may be running: they notice."""
    return _connect(url, _renew_epoch)


def revision(url: str) -> str | None:
    """None = the database is empty."""
    return _connect(url, schema.revision_of)


def _begin(connection: Connection) -> tuple[str, ...]:
    _upgrade(connection)
    return postgres.warnings(connection)


def _upgrade(connection: Connection) -> None:
    postgres.require_usable(connection)
    if schema.is_current(connection):
        return
    with postgres.unlimited(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATIONS})")  # another process may be at it
        schema.upgrade_to_head(connection)


def _renew_epoch(connection: Connection) -> str:
    epochs.renew(connection)
    return SqlLog(connection).epoch()


def _connect(url: str, step: Callable[[Connection], T]) -> T:
    engine = postgres.writer_engine(postgres.url_of(url), 1, timeout=30.0)
    done = _prepare(engine, step)
    engine.dispose()
    return done


def _prepare(engine: Engine, step: Callable[[Connection], T]) -> T:
    def refusal(error: DBAPIError) -> type[UnusableDatabase]:
        return DatabaseUnreachable if _trouble(error) in (GONE, CROWDED) else UnusableDatabase

    return prepare(engine, postgres.shown(engine.url), step, refusal)


def _trouble(error: DBAPIError) -> Trouble:
    state = _state(error)
    if state is None:  # the driver could not connect, or was cut off
        return REFUSED if any(words in str(error.orig) for words in _REFUSALS) else GONE
    fitting = [beginning for beginning in _STATES if state.startswith(beginning)]
    return _STATES[max(fitting, key=len)] if fitting else OTHER


def _state(error: DBAPIError) -> str | None:
    state: str | None = getattr(error.orig, "sqlstate", None)
    return state
