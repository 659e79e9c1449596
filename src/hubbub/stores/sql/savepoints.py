"""Statements that may fail without failing their transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from hubbub.domain.errors import ChatError
from hubbub.stores.sql.statements import execute


@contextmanager
def savepoint(connection: Connection, refusal: ChatError) -> Iterator[None]:
    """All or nothing: a broken constraint takes back what was done inside and raises `refusal`; a ChatError itself."""
    execute(connection, "SAVEPOINT attempt")
    try:
        yield
    except (IntegrityError, ChatError) as error:
        execute(connection, "ROLLBACK TO SAVEPOINT attempt")
        execute(connection, "RELEASE SAVEPOINT attempt")
        if isinstance(error, ChatError):
            raise
        raise refusal from error
    execute(connection, "RELEASE SAVEPOINT attempt")
