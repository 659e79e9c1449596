"""Reading a database as it is, for who wants to know whether it is whole. Nothing is changed, upgraded or believed."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hubbub.stores.sql import postgres, servers, sqlite
from hubbub.stores.sql.errors import UnusableDatabase
from hubbub.stores.sql.schema import head, require_known

ROOM = ":room_id"  # the one parameter that a statement may have
ROWS = 2000  # that are fetched from a server at a time

_REVISION = "SELECT version_num FROM alembic_version"
_FOREIGN_KEYS = """
SELECT c.conrelid::regclass::text, quote_ident(child.attname), c.confrelid::regclass::text, quote_ident(parent.attname)
    FROM pg_constraint AS c
    JOIN pg_attribute AS child ON child.attrelid = c.conrelid AND child.attnum = c.conkey[1]
    JOIN pg_attribute AS parent ON parent.attrelid = c.confrelid AND parent.attnum = c.confkey[1]
    WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace ORDER BY 1, 2"""
_CHECKSUMS = (
    "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database() AND checksum_failures > 0"
)


class Unreadable(Exception):
    """The database can't read a part of itself."""


class Inspection(Protocol):
    """A connection that only reads."""

    revisions: str  # a statement that has a row where there is a table of revisions

    def rows(self, statement: str, room_id: int | None = None) -> Iterator[Any]:
        """The rows of the answer, as they come. Raise Unreadable, UnusableDatabase when the database goes away."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """What is read until the end of the block is of one moment."""
        ...

    def damages(self) -> Iterator[str]:
        """What the database itself finds wrong with what it is kept in."""
        ...

    def dangling(self) -> Iterator[tuple[str, str]]:
        """For each row that names one that does not exist: its table, and that of the other."""
        ...

    def close(self) -> None: ...


def open_inspection(url: str) -> Inspection:
    """Raise UnusableDatabase when there is no database of this release."""
    inspection: Inspection
    if servers.is_server(url):
        inspection, shown = _ServerInspection(url), postgres.shown(postgres.url_of(url))
    else:
        path = sqlite.path_of(url)
        inspection, shown = _FileInspection(path), str(path)
    try:
        with inspection.snapshot():
            if not list(inspection.rows(inspection.revisions)):
                raise UnusableDatabase(f"{shown} has no tables of hubbub: is it the right one?")
            ((revision,),) = list(inspection.rows(_REVISION))
        require_known(revision)
        if revision != head():
            raise UnusableDatabase(
                f"{shown} has schema revision {revision}, and this release reads {head()}: hubbub db upgrade"
            )
    except (Unreadable, ValueError) as error:
        inspection.close()
        raise UnusableDatabase(f"{shown} can't be read as a database of hubbub: {error}") from error
    except UnusableDatabase:
        inspection.close()
        raise
    return inspection


class _FileInspection:
    revisions = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"

    def __init__(self, path: Path) -> None:
        try:
            # Opened for more than reading, the last connection to close would move the WAL into the file.
            self._connection = sqlite.driver.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
        except sqlite.driver.Error as error:
            raise UnusableDatabase(f"{path} can't be read as a database of hubbub: {error}") from error
        self._connection.execute("PRAGMA busy_timeout = 5000")

    def rows(self, statement: str, room_id: int | None = None) -> Iterator[Any]:
        try:
            yield from self._connection.execute(statement, {"room_id": room_id})
        except sqlite.driver.DatabaseError as error:
            raise Unreadable(str(error)) from error

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def damages(self) -> Iterator[str]:
        return (message for (message,) in self.rows("PRAGMA integrity_check") if message != "ok")

    def dangling(self) -> Iterator[tuple[str, str]]:
        return ((table, parent) for table, _rowid, parent, _index in self.rows("PRAGMA foreign_key_check"))

    def close(self) -> None:
        self._connection.close()


class _ServerInspection:
    revisions = "SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL"

    def __init__(self, url: str) -> None:
        address = postgres.url_of(url)
        self._shown = postgres.shown(address)
        self._engine = postgres.reader_engine(address, 1, timeout=0)  # an audit may take as long as it does
        self._connection: Connection | None = None

    def rows(self, statement: str, room_id: int | None = None) -> Iterator[Any]:
        assert self._connection is not None, "rows are read in a snapshot"
        parameters = (room_id,) * statement.count(ROOM)
        try:
            streaming = self._connection.execution_options(stream_results=True, max_row_buffer=ROWS)
            with streaming.exec_driver_sql(statement.replace(ROOM, "%s"), parameters) as rows:
                yield from rows
        except DBAPIError as error:
            raise self._failed(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        try:
            self._connection = postgres.begun(self._engine)
        except DBAPIError as error:
            raise self._failed(error) from error
        try:
            yield
        finally:
            self._connection.close()
            self._connection = None

    def damages(self) -> Iterator[str]:
        with self.snapshot():
            for (failures,) in self.rows(_CHECKSUMS):
                yield f"{failures} pages were read whose checksum is wrong"

    def dangling(self) -> Iterator[tuple[str, str]]:
        with self.snapshot():
            for table, column, parent, key in list(self.rows(_FOREIGN_KEYS)):
                rows = self.rows(f"""
                    SELECT FROM {table} AS child WHERE {column} IS NOT NULL
                    AND NOT EXISTS (SELECT FROM {parent} WHERE {key} = child.{column})""")  # noqa: S608 - quoted by it
                yield from ((table, parent) for _ in rows)

    def close(self) -> None:
        self._engine.dispose()

    def _failed(self, error: DBAPIError) -> Exception:
        words = str(error.orig).strip()
        if servers.unreachable(error):
            return UnusableDatabase(f"{self._shown} can't be used: {words}")
        return Unreadable(words)
