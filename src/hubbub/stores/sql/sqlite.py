"""Connections to SQLite, and what makes it durable.

The writer's connection is the only one that writes or checkpoints. The readers' are `query_only`, and each of their
transactions is deferred: it sees the snapshot of its first statement while writes go on.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from hubbub.stores.sql import urls
from hubbub.stores.sql.errors import UnusableDatabase

try:
    import pysqlite3.dbapi2 as _driver  # its own SQLite, newer than what the standard library is linked with
except ImportError:
    import sqlite3 as _driver

driver: ModuleType = _driver

OLDEST = (3, 38, 0)  # STRICT tables, RETURNING, and the JSON functions built in
_BUSY_TIMEOUT = 5000  # milliseconds that a statement waits for a lock of somebody else's, of a backup say
_WAL_LIMIT = 64 * 1024 * 1024  # bytes that the WAL file keeps on disk after a checkpoint

_ALL = (f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}", "PRAGMA foreign_keys = ON", "PRAGMA mmap_size = 0")
_WRITER = (
    *_ALL,
    "PRAGMA journal_mode = WAL",
    f"PRAGMA journal_size_limit = {_WAL_LIMIT}",
    # NORMAL would lose the last commits when the power fails; with commits in groups FULL costs no more.
    "PRAGMA synchronous = FULL",
    # What is deleted is overwritten with zeros, not just forgotten.
    "PRAGMA secure_delete = ON",
)
_READER = (*_ALL, "PRAGMA synchronous = FULL", "PRAGMA query_only = ON")


def path_of(url: str) -> Path:
    """The file of `sqlite:///relative.db` or `sqlite:////absolute.db`, as an absolute path without symbolic links."""
    parts = urls.parse(url)
    if parts.get_backend_name() != "sqlite" or parts.query:
        raise urls.refusal()
    if parts.database in (None, "", ":memory:") or str(parts.database).startswith("file:"):
        raise UnusableDatabase(
            "HUBBUB_DATABASE_URL has to name a SQLite file, as in sqlite:///hubbub.db: "
            "connections can't share a database in memory"
        )
    return Path(str(parts.database)).resolve()


def warnings(path: Path) -> tuple[str, ...]:
    """What an operator should know about this file, and about the SQLite that is linked here."""
    return (*_exposed(path), *_defective())


def _exposed(path: Path) -> tuple[str, ...]:
    if os.name == "posix" and path.stat().st_mode & stat.S_IRWXO:
        return ("the database file is open to every user of this machine: chmod 600 it, and what stands beside it",)
    return ()


def _defective() -> tuple[str, ...]:
    if (3, 7, 0) <= driver.sqlite_version_info <= (3, 51, 2):
        bug = "has the WAL-reset bug (3.7.0 to 3.51.2), which in rare cases loses committed data"
        return (f"SQLite {driver.sqlite_version} {bug}: install pysqlite3, or a Python with a later SQLite",)
    return ()


def writer_engine(path: Path) -> Engine:
    """One connection that writes, each transaction from its first statement on."""
    if driver.sqlite_version_info < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UnusableDatabase(f"hubbub needs SQLite {oldest} or later; this Python has {driver.sqlite_version}")
    # Passwords' hashes and private rooms are nobody else's business. SQLite gives its WAL the same mode.
    if _links(path, os.O_CREAT) > 1:
        raise UnusableDatabase(
            f"{path} has another name as well, a hard link, and under that one another process could write it: remove "
            f"the one that is not used (find / -samefile {path})"
        )
    for beside in (path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        if beside.exists():
            _links(beside, 0)
    return _engine(path, 1, _WRITER, "BEGIN IMMEDIATE")


def _links(path: Path, flags: int) -> int:
    """How many names a file has. Raise UnusableDatabase when it can't be written."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
    except OSError as error:
        whose = _owner(path) if isinstance(error, PermissionError) else ""
        raise UnusableDatabase(f"{path} can't be opened for writing: {error.strerror}{whose}") from error
    try:
        return os.fstat(descriptor).st_nlink
    finally:
        os.close(descriptor)


def _owner(path: Path) -> str:
    try:
        return f". It belongs to {path.owner()}: chown it to the user who runs the server"
    except (OSError, KeyError):  # there is no such file, or its owner has no name
        return ""


def reader_engine(path: Path, connections: int) -> Engine:
    """Connections that can't write."""
    return _engine(path, connections, _READER, "BEGIN")


def _engine(path: Path, connections: int, pragmas: tuple[str, ...], begin: str) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        module=driver,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # an error is logged, and its parameters are what people wrote
        # isolation_level None: the driver begins no transaction by itself, the statement below does. It is used by one
        # thread at a time, not always the same.
        connect_args={"isolation_level": None, "check_same_thread": False, "cached_statements": 256},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        for pragma in pragmas:
            connection.execute(pragma).close()
        _require(connection, "journal_mode", "wal")
        _require(connection, "synchronous", 2)  # FULL
        _require(connection, "foreign_keys", 1)
        connection.create_function("lower_unicode", 1, str.lower, deterministic=True)

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        execute(connection, begin)

    return engine


def execute(connection: Connection, text: str, values: object = ()) -> tuple[Any, list[Any]]:
    """Send a statement without SQLAlchemy; return the driver's cursor, and all rows. Failures are SQLAlchemy's."""
    try:
        cursor = _of_driver(connection).execute(text, values)
        return cursor, cursor.fetchall()
    except driver.Error as error:
        raise _failure(text, error) from error


def execute_many(connection: Connection, text: str, rows: Sequence[tuple[object, ...]]) -> int:
    """The same for each of these rows of values. How many rows of the table that changed."""
    try:
        return int(_of_driver(connection).executemany(text, rows).rowcount)
    except driver.Error as error:
        raise _failure(text, error) from error


def _of_driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def _failure(text: str, error: Exception) -> BaseException:
    return cast("BaseException", DBAPIError.instance(text, None, error, driver.Error, hide_parameters=True))


def _require(connection: Any, pragma: str, value: object) -> None:
    found = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    if found != value:
        raise UnusableDatabase(f"SQLite did not accept {pragma} = {value}: it says {found}")
