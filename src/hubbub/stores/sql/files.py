"""A SQLite file that belongs to this process: its transactions, and what their failures mean."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from hubbub.domain.errors import ChatError, Internal
from hubbub.stores.sql import epochs, schema, sqlite
from hubbub.stores.sql.databases import DEFECTS, prepare
from hubbub.stores.sql.errors import UnusableDatabase
from hubbub.stores.sql.owner import Owner
from hubbub.stores.sql.troubles import DAMAGED, FULL, Trouble, Troubles

T = TypeVar("T")

LOCKED = Trouble("another process has locked the database: end it; writes are refused until then")
READ_ONLY = Trouble("the database has become read-only: look at its file system; writes are refused until then")
BROKEN = Trouble("the disk can't be read or written: look at the system's log; writes are refused until it works")
REPLACED = Trouble(
    "the database file was replaced or removed: stop the server, and put the right file back; writes are refused",
    logging.CRITICAL,
)
OTHER = Trouble("the database can't be used")

# By SQLite's own words: the standard library tells its codes only since Python 3.11.
_WORDS = (
    ("malformed", DAMAGED),
    ("not a database", DAMAGED),
    ("is full", FULL),
    ("locked", LOCKED),
    ("readonly", READ_ONLY),
    ("I/O error", BROKEN),
)


class DatabaseFile:
    """A `Database` in a file, which nobody else may write. `open` takes possession of it."""

    writers = 1
    lookups = 0

    def __init__(self, path: Path, owner: Owner, writer: Engine, readers: int) -> None:
        self.readers = readers
        self.warnings = sqlite.warnings(path)
        self.troubles = Troubles(str(path))
        self.writer = writer
        self.reader = sqlite.reader_engine(path, readers + 1)  # one more for the lookups
        self._mine = threading.local()
        self._kept: list[Connection] = []  # of all threads that have read
        self._path, self._owner = path, owner
        self._file = self._identity()

    @classmethod
    def open(cls, url: str, *, readers: int) -> "DatabaseFile":
        """Raise UnusableDatabase when it can't be used, DatabaseBusy when another process has it."""
        path = sqlite.path_of(url)
        owner = Owner(path)
        try:
            writer = sqlite.writer_engine(path)
            prepare(writer, str(path), _begin)
        except BaseException:
            owner.release()
            raise
        return cls(path, owner, writer, readers)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        try:
            connection = self._connection()
            with connection.begin():
                yield connection
        except DEFECTS:
            raise
        except (DBAPIError, UnusableDatabase) as error:
            if "readonly database" in _words(error):
                raise Internal("nothing can be written in a read transaction") from error
            raise self.failed(_words(error), writing=False) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        self._require_file()
        try:
            with self.writer.begin() as connection:
                before = _changes(connection)
                yield connection
                changed = _changes(connection) > before
        except DEFECTS:
            raise
        except (DBAPIError, UnusableDatabase) as error:
            raise self.failed(_words(error), writing=True) from error
        self._require_file()  # it may have lost its name meanwhile, and what was committed with it
        if changed:  # otherwise nothing was asked of the disk
            self.troubles.wrote()

    def trouble(self) -> str | None:
        with suppress(ChatError):
            self._require_file()
        return self.troubles.present

    def probe(self) -> None:
        with self.writing() as connection:
            _rewrite_version(connection)
        self.troubles.wrote()

    def close(self) -> None:
        for connection in self._kept:
            connection.close()
        self.reader.dispose()
        self.writer.dispose()  # the last connection: SQLite moves the WAL into the file
        self._owner.release()

    def failed(self, words: str, *, writing: bool) -> ChatError:
        """Note what SQLite said; what to tell a client instead."""
        trouble = next((trouble for word, trouble in _WORDS if word in words), OTHER)
        return self.troubles.failed(trouble, words, lasting=writing)

    def _connection(self) -> Connection:
        """The connection that this thread reads by, and keeps: the pool takes three times as long as a point read."""
        connection: Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = self.reader.connect()
            self._kept.append(connection)
        return connection

    def _require_file(self) -> None:
        """Raise Unavailable when the file has lost its name: what is written to it is gone once it is closed."""
        if self._identity() != self._file:
            raise self.troubles.failed(REPLACED, None, lasting=True)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def upgrade(url: str) -> None:
    """Bring the schema up to date. Raise DatabaseBusy while a server has it: starting one upgrades it."""
    _own(sqlite.path_of(url), schema.upgrade_to_head)


def renew_epoch(url: str) -> str:
    """Raise DatabaseBusy while a server has it."""
    path = sqlite.path_of(url)
    if not path.exists():
        raise UnusableDatabase(f"{path} does not exist")
    return _own(path, epochs.renew)


def revision(url: str) -> str | None:
    """None = there is no database yet."""
    path = sqlite.path_of(url)
    if not path.exists() or path.stat().st_size == 0:
        return None
    engine = sqlite.reader_engine(path, 1)
    try:
        with engine.begin() as connection:
            return schema.revision_of(connection)
    except DBAPIError as error:
        raise UnusableDatabase(f"{path} can't be read: {error.orig}") from error
    finally:
        engine.dispose()


def _begin(connection: Connection) -> None:
    schema.upgrade_to_head(connection)
    epochs.begin(connection)


def _own(path: Path, step: Callable[[Connection], T]) -> T:
    owner = Owner(path)
    try:
        writer = sqlite.writer_engine(path)
        done = prepare(writer, str(path), step)
        writer.dispose()
    finally:
        owner.release()
    return done


def _rewrite_version(connection: Connection) -> None:
    """The least that can be written: a number of which hubbub makes no use, as it is."""
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA user_version = {version}")


def _changes(connection: Connection) -> int:
    """How many rows this connection has changed since it was opened."""
    driver_connection: Any = connection.connection.driver_connection
    changes: int = driver_connection.total_changes
    return changes


def _words(error: DBAPIError | UnusableDatabase) -> str:
    """What SQLite said, without the statement."""
    return str(error.orig if isinstance(error, DBAPIError) else error)
