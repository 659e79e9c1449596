"""Statements that may fail without failing their transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from hubbub.domain.errors import ChatError


@contextmanager
def savepoint(connection: Connection, refusal: ChatError) -> Iterator[None]:
    """All or nothing: a broken constraint takes back what was done inside and raises `refusal`; a ChatError itself."""
    connection.exec_driver_sql("SAVEPOINT attempt")
    try:
        yield
    except (IntegrityError, ChatError) as error:
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT attempt")
        connection.exec_driver_sql("RELEASE SAVEPOINT attempt")
        if isinstance(error, ChatError):
            raise
        raise refusal from error
    connection.exec_driver_sql("RELEASE SAVEPOINT attempt")
