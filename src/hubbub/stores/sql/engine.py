"""The store: which thread runs a transaction, and over which database."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import Connection

from hubbub.domain.errors import ChatError, Unavailable
from hubbub.services.ports import Tx
from hubbub.stores.sql import files, schema, servers
from hubbub.stores.sql.databases import Database
from hubbub.stores.sql.log import SqlLog
from hubbub.stores.sql.members import SqlMembers
from hubbub.stores.sql.messages import SqlMessages
from hubbub.stores.sql.rate_limits import SqlRateLimits
from hubbub.stores.sql.reads import SqlReads
from hubbub.stores.sql.rooms import SqlRooms
from hubbub.stores.sql.sessions import SqlSessions
from hubbub.stores.sql.users import SqlUsers

PROBE = 2.0  # seconds that a look waits for a write which only finds out whether one succeeds

F = TypeVar("F")
T = TypeVar("T")


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
    """A `Store` in a SQL database. `open` makes one; `warnings` are for the operator, and empty when all is well.

    A transaction whose caller is cancelled while it waits for its turn does not happen; one that has begun runs to its
    end.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._writers = ThreadPoolExecutor(database.writers, "hubbub-writer")
        self._readers = ThreadPoolExecutor(database.readers, "hubbub-reader")
        self._lookups = ThreadPoolExecutor(database.lookups, "hubbub-lookup") if database.lookups else None
        self._closing = threading.Lock()
        self._open = True
        self._released = False

    @classmethod
    def open(cls, url: str, *, reader_threads: int = 4, writer_threads: int = 3, timeout: float = 30.0) -> "SqlStore":
        """Open the database at `sqlite:///<path>` or `postgresql+psycopg://…`, and bring its schema up to date.

        A SQLite file is made if it is not there, and then belongs to this process. `reader_threads` and
        `writer_threads`, each with a connection of its own, say how many transactions run at a time; SQLite has one
        writer. `timeout` is that of a statement on PostgreSQL, in seconds; a little later a server that does not answer
        is given up.
        Raise UnusableDatabase when it can't be used, DatabaseBusy when another process has the file.
        """
        if servers.is_server(url):
            return cls(
                servers.DatabaseServer.open(url, readers=reader_threads, writers=writer_threads, timeout=timeout)
            )
        return cls(files.DatabaseFile.open(url, readers=reader_threads))

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.database.warnings

    @property
    def writers(self) -> int:
        """How many writes run beside each other."""
        return self.database.writers

    async def read(self, fn: Callable[[Tx], T]) -> T:
        return await self._run(self._readers, self._read, fn)

    async def lookup(self, fn: Callable[[Tx], T]) -> T:
        if self._lookups is not None:
            return await self._run(self._lookups, self._read, fn)
        self._require_open()
        return self._read(fn)

    async def write(self, fn: Callable[[Tx], T]) -> T:
        return await self._run(self._writers, self._write, fn)

    async def trouble(self) -> str | None:
        """Why nothing can be written, and what to do, for the operator; None when all is well.

        After a failure it is found out now and then whether a write succeeds again: it may be that no work is sent here
        until this says so.
        """
        if self.database.troubles.attempt():
            # Writes that wait for what can't be had may stand before it: then the trouble is as it was.
            with suppress(ChatError, asyncio.TimeoutError):
                await asyncio.wait_for(self._run(self._writers, lambda probe: probe(), self.database.probe), PROBE)
        return self.database.trouble()

    async def close(self) -> None:
        self._open = False
        await asyncio.to_thread(self._release)

    async def _run(self, threads: ThreadPoolExecutor, transact: Callable[[F], T], fn: F) -> T:
        self._require_open()
        return await asyncio.get_running_loop().run_in_executor(threads, transact, fn)

    def _read(self, fn: Callable[[Tx], T]) -> T:
        with self.database.reading() as connection:
            return fn(SqlTx(connection))

    def _write(self, fn: Callable[[Tx], T]) -> T:
        with self.database.writing() as connection:
            return fn(SqlTx(connection))

    def _require_open(self) -> None:
        if not self._open:
            raise Unavailable("the database is closed")

    def _release(self) -> None:
        with self._closing:
            if self._released:
                return
            for threads in (self._readers, self._writers, self._lookups):
                if threads is not None:
                    threads.shutdown()
            self.database.close()
            self._released = True


def upgrade(url: str) -> None:
    """Bring the schema of a database up to date. Raise UnusableDatabase, and DatabaseBusy while a server has the file.

    Starting a server does the same.
    """
    if servers.is_server(url):
        servers.upgrade(url)
    else:
        files.upgrade(url)


def renew_epoch(url: str) -> str:
    """Give a database that was restored or copied by hand a new epoch, and return it.

    Raise UnusableDatabase, and DatabaseBusy while a server has the file.
    """
    return servers.renew_epoch(url) if servers.is_server(url) else files.renew_epoch(url)


def current(url: str) -> tuple[str | None, str]:
    """The schema's revision (None = there is no database yet), and the one that this release works with.

    Raise UnusableDatabase, also when a later release made it.
    """
    revision = servers.revision(url) if servers.is_server(url) else files.revision(url)
    schema.require_known(revision)
    return revision, schema.head()


def shown(url: str) -> str:
    """How an operator sees the URL of a database: without a password."""
    return servers.shown(url) if servers.is_server(url) else url
