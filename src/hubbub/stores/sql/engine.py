"""Transactions over a database file: which thread runs them, when they commit, and what their failures mean."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from hubbub.domain.errors import ChatError, Internal, Unavailable
from hubbub.services.ports import Tx
from hubbub.stores.sql import schema, sqlite
from hubbub.stores.sql.errors import UnusableDatabase
from hubbub.stores.sql.log import SqlLog
from hubbub.stores.sql.members import SqlMembers
from hubbub.stores.sql.messages import SqlMessages
from hubbub.stores.sql.owner import Owner
from hubbub.stores.sql.reads import SqlReads
from hubbub.stores.sql.rooms import SqlRooms
from hubbub.stores.sql.sessions import SqlSessions
from hubbub.stores.sql.users import SqlUsers

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


class SqlStore:
    """A `Store` in a SQLite file. `open` makes one; `warnings` are for the operator, and empty when all is well.

    One thread writes. A transaction whose caller is cancelled while it waits for its turn does not happen; one that has
    begun runs to its end.
    """

    def __init__(self, owner: Owner, writer: Engine, readers: Engine, reader_threads: int) -> None:
        self.warnings = sqlite.warnings()
        self._owner = owner
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
            _upgrade(writer)
        except BaseException:
            owner.release()
            raise
        readers = sqlite.reader_engine(path, reader_threads + 1)  # one more for `lookup`
        return cls(owner, writer, readers, reader_threads)

    async def read(self, fn: Callable[[Tx], T]) -> T:
        return await self._run(self._reader_threads, self._readers, fn)

    async def lookup(self, fn: Callable[[Tx], T]) -> T:
        self._require_open()
        return _transact(self._readers, fn)

    async def write(self, fn: Callable[[Tx], T]) -> T:
        return await self._run(self._writer_thread, self._writer, fn)

    async def close(self) -> None:
        self._open = False
        await asyncio.to_thread(self._release)

    async def _run(self, threads: ThreadPoolExecutor, engine: Engine, fn: Callable[[Tx], T]) -> T:
        self._require_open()
        return await asyncio.get_running_loop().run_in_executor(threads, _transact, engine, fn)

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
        _upgrade(writer)
        writer.dispose()
    finally:
        owner.release()


def current(url: str) -> tuple[str | None, str]:
    """The schema's revision (None = there is no database yet), and the one that this release works with."""
    path = sqlite.path_of(url)
    if not path.exists():
        return None, schema.head()
    engine = sqlite.reader_engine(path, 1)
    try:
        with engine.begin() as connection:
            return schema.revision_of(connection), schema.head()
    except DBAPIError as error:
        raise UnusableDatabase(f"{path} can't be read: {error.orig}") from error
    finally:
        engine.dispose()


def _upgrade(engine: Engine) -> None:
    try:
        with engine.begin() as connection:
            schema.upgrade_to_head(connection)
    except BaseException as error:
        engine.dispose()
        if isinstance(error, DBAPIError):
            raise UnusableDatabase(f"{engine.url.database} can't be used: {error.orig}") from error
        raise


def _transact(engine: Engine, fn: Callable[[Tx], T]) -> T:
    try:
        with engine.begin() as connection:
            return fn(SqlTx(connection))
    except _DEFECTS:
        raise
    except DBAPIError as error:
        raise _failure(error) from error


def _failure(error: DBAPIError) -> ChatError:
    if "readonly database" in str(error.orig):
        return Internal("nothing can be written in a read transaction")
    return Unavailable(f"the database can't be used now: {error.orig}")
