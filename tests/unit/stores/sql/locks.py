"""Who waits for whom in a database on a server."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from hubbub.stores.sql import SqlStore
from tests.postgres import connect

SECONDS = 10  # that a test waits for somebody else before it fails


def wait_for_locks(store: SqlStore, transactions: int = 1) -> None:
    """Until so many transactions wait for others."""
    waiting = """SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'"""
    until = time.monotonic() + SECONDS
    with store.database.reader.connect() as connection:
        while connection.exec_driver_sql(waiting).scalar_one() < transactions:
            assert time.monotonic() < until, "nobody waits"
            connection.rollback()


@contextmanager
def held(url: str, rows: str, *parameters: object) -> Iterator[None]:
    """Somebody else's transaction has locked these rows, `users WHERE id = %s`, as one that changes them does."""
    with connect(url) as connection:
        connection.execute("BEGIN")
        connection.execute(f"SELECT 1 FROM {rows} FOR NO KEY UPDATE", parameters)  # noqa: S608 - the tests' own
        yield
        connection.execute("ROLLBACK")
