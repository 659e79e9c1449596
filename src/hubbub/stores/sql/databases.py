"""What a `SqlStore` needs of a database: transactions, and what their failures mean."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from hubbub.stores.sql.errors import UnusableDatabase
from hubbub.stores.sql.troubles import Troubles

T = TypeVar("T")

# A defect of a statement, not of the database: repeating it would not help.
DEFECTS = (IntegrityError, DataError, ProgrammingError, NotSupportedError)


class Database(Protocol):
    """An open database, up to date. Any thread may call it; how many at a time, it says."""

    writer: Engine
    reader: Engine
    troubles: Troubles  # as far as they have shown
    readers: int  # threads that read
    writers: int  # threads that write
    lookups: int  # threads for small reads; 0 = no network is between, and they may be run where they are asked for

    @property
    def warnings(self) -> tuple[str, ...]:
        """What its operator should know."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one snapshot, and may not write: that raises Internal.

        A failure of the database is raised as Unavailable, of a damaged one as Internal, and a defect of a statement as
        SQLAlchemy's error.
        """
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that is on disk at the end of the block, unless that raises; failures as in `reading`."""
        ...

    def trouble(self) -> str | None:
        """Why nothing can be written, and what to do, as far as is known; None when all is well. It does not wait."""
        ...

    def probe(self) -> None:
        """Write the least that can be written."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


def prepare(
    engine: Engine,
    name: str,
    step: Callable[[Connection], T],
    refusal: Callable[[DBAPIError], type[UnusableDatabase]] = lambda _: UnusableDatabase,
) -> T:
    """Do the first thing with a database, in one transaction, and return what it returns.

    When that fails no connection is left open, and what the database itself refused is raised as `refusal` says, by
    this name.
    """
    try:
        with engine.begin() as connection:
            return step(connection)
    except BaseException as error:
        engine.dispose()
        if isinstance(error, DBAPIError):
            raise refusal(error)(f"{name} can't be used: {str(error.orig).strip()}") from error
        raise
