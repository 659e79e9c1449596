"""Transactions over a database file: which thread runs them, when they commit, and what their failures mean."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from hubbub.domain.errors import ChatError, Internal, Unavailable
from hubbub.services.ports import Tx
from hubbub.stores.sql import epochs, schema, sqlite
from hubbub.stores.sql.errors import UnusableDatabase
from hubbub.stores.sql.log import SqlLog
from hubbub.stores.sql.members import SqlMembers
from hubbub.stores.sql.messages import SqlMessages
from hubbub.stores.sql.owner import Owner
from hubbub.stores.sql.rate_limits import SqlRateLimits
from hubbub.stores.sql.reads import SqlReads
from hubbub.stores.sql.rooms import SqlRooms
from hubbub.stores.sql.sessions import SqlSessions
from hubbub.stores.sql.troubles import Troubles
from hubbub.stores.sql.users import SqlUsers

F = TypeVar("F")
T = TypeVar("T")

# A defect of a statement, not of the database: repeating it would not help.
_DEFECTS = (IntegrityError, DataError, ProgrammingError, NotSupportedError)


class SqlTx:
    """The repositories over the connection of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.users = SqlUsers(connection)
        self.sessions = SqlSessions(connection)
        self.rooms = SqlRooms(connection)
        self.members = SqlMembers(connection)
        self.log = SqlLog(connection)
        self.messages = SqlMessages(connection)
        self.reads = SqlReads(connection)
        self.rate_limits = SqlRateLimits(connection)


class SqlStore:
    """A `Store` in a SQLite file. `open` makes one; `warnings` are for the operator, and empty when all is well.

    One thread writes. A transaction whose caller is cancelled while it waits for its turn does not happen; one that has
    begun runs to its end.
    """

    def __init__(self, owner: Owner, path: Path, writer: Engine, readers: Engine, reader_threads: int) -> None:
        self.warnings = sqlite.warnings(path)
        self._owner = owner
        self._troubles = Troubles(path)
        self._writer, self._readers = writer, readers
        self._writer_thread = ThreadPoolExecutor(1, "hubbub-writer")
        self._reader_threads = ThreadPoolExecutor(reader_threads, "hubbub-reader")
        self._closing = threading.Lock()
        self._open = True
        self._released = False

    @classmethod
    def open(cls, url: str, *, reader_threads: int = 4) -> "SqlStore":
        """Take possession of the file at `sqlite:///<path>`, made if it is not there, and bring its schema up to date.

        `reader_threads`, each with a connection of its own, is how many reads run at a time.
        Raise UnusableDatabase when it can't be used, DatabaseBusy when another process has it.
        """
        path = sqlite.path_of(url)
        owner = Owner(path)
        try:
            writer = sqlite.writer_engine(path)
            _prepare(writer, _begin)
        except BaseException:
            owner.release()
            raise
        readers = sqlite.reader_engine(path, reader_threads + 1)  # one more for `lookup`
        return cls(owner, path, writer, readers, reader_threads)

    async def read(self, fn: Callable[[Tx], T]) -> T:
        return await self._run(self._reader_threads, self._read, fn)

    async def lookup(self, fn: Callable[[Tx], T]) -> T:
        self._require_open()
        return self._read(fn)

    async def write(self, fn: Callable[[Tx], T]) -> T:
        return await self._run(self._writer_thread, self._write, fn)

    async def trouble(self) -> str | None:
        """Why nothing can be written, and what to do, for the operator; None when all is well.

        After a failure it is found out now and then whether a write succeeds again: it may be that no work is sent here
        until this says so.
        """
        with suppress(ChatError):
            self._troubles.require_file()
            if self._troubles.attempt():
                await self._run(self._writer_thread, self._commit, _rewrite_version)
                self._troubles.wrote()
        return self._troubles.present

    async def close(self) -> None:
        self._open = False
        await asyncio.to_thread(self._release)

    async def _run(self, threads: ThreadPoolExecutor, transact: Callable[[F], T], fn: F) -> T:
        self._require_open()
        return await asyncio.get_running_loop().run_in_executor(threads, transact, fn)

    def _read(self, fn: Callable[[Tx], T]) -> T:
        try:
            with self._readers.begin() as connection:
                return fn(SqlTx(connection))
        except _DEFECTS:
            raise
        except (DBAPIError, UnusableDatabase) as error:
            if "readonly database" in _words(error):
                raise Internal("nothing can be written in a read transaction") from error
            raise self._troubles.failed(_words(error), writing=False) from error

    def _write(self, fn: Callable[[Tx], T]) -> T:
        return self._commit(lambda connection: fn(SqlTx(connection)))

    def _commit(self, fn: Callable[[Connection], T]) -> T:
        self._troubles.require_file()
        try:
            with self._writer.begin() as connection:
                before = _changes(connection)
                answer = fn(connection)
                changed = _changes(connection) > before
        except _DEFECTS:
            raise
        except (DBAPIError, UnusableDatabase) as error:
            raise self._troubles.failed(_words(error), writing=True) from error
        self._troubles.require_file()  # it may have lost its name meanwhile, and what was committed with it
        if changed:  # otherwise nothing was asked of the disk
            self._troubles.wrote()
        return answer

    def _require_open(self) -> None:
        if not self._open:
            raise Unavailable("the database is closed")

    def _release(self) -> None:
        with self._closing:
            if self._released:
                return
            self._reader_threads.shutdown()
            self._writer_thread.shutdown()
            self._readers.dispose()
            self._writer.dispose()  # the last connection: SQLite moves the WAL into the file
            self._owner.release()
            self._released = True


def upgrade(url: str) -> None:
    """Bring the schema of a database up to date. Raise DatabaseBusy while a server has it: starting one upgrades it."""
    path = sqlite.path_of(url)
    owner = Owner(path)
    try:
        writer = sqlite.writer_engine(path)
        _prepare(writer, schema.upgrade_to_head)
        writer.dispose()
    finally:
        owner.release()


def renew_epoch(url: str) -> str:
    """Give a database that was copied by other means than `back_up` a new epoch, and return it.

    Raise DatabaseBusy while a server has it.
    """
    path = sqlite.path_of(url)
    if not path.exists():
        raise UnusableDatabase(f"{path} does not exist")
    owner = Owner(path)
    try:
        writer = sqlite.writer_engine(path)
        epoch = _prepare(writer, epochs.renew)
        writer.dispose()
    finally:
        owner.release()
    return epoch


def current(url: str) -> tuple[str | None, str]:
    """The schema's revision (None = there is no database yet), and the one that this release works with."""
    path = sqlite.path_of(url)
    if not path.exists() or path.stat().st_size == 0:
        return None, schema.head()
    engine = sqlite.reader_engine(path, 1)
    try:
        with engine.begin() as connection:
            return schema.revision_of(connection), schema.head()
    except DBAPIError as error:
        raise UnusableDatabase(f"{path} can't be read: {error.orig}") from error
    finally:
        engine.dispose()


def _begin(connection: Connection) -> None:
    schema.upgrade_to_head(connection)
    epochs.begin(connection)


def _prepare(engine: Engine, step: Callable[[Connection], T]) -> T:
    try:
        with engine.begin() as connection:
            return step(connection)
    except BaseException as error:
        engine.dispose()
        if isinstance(error, DBAPIError):
            raise UnusableDatabase(f"{engine.url.database} can't be used: {error.orig}") from error
        raise


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
