"""How SQLite carries out the statements that must stay quick in a large database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import pytest
from sqlalchemy import Connection, select

from hubbub.services.ports import Tx
from hubbub.stores.sql import SqlStore
from hubbub.stores.sql.engine import SqlTx
from hubbub.stores.sql.statements import Statement
from hubbub.stores.sql.tables import messages, metadata
from tests.contract.acts import decide, found, say, sign_up
from tests.unit.stores.sql.questions import ANN, ONE, QUICK


@contextmanager
def statements(connection: Connection) -> Iterator[list[str]]:
    """What is sent to SQLite meanwhile, with the values of its parameters."""
    sent: list[str] = []
    driver_connection: Any = connection.connection.driver_connection
    driver_connection.set_trace_callback(sent.append)
    yield sent
    driver_connection.set_trace_callback(None)


def scans(connection: Connection, sent: Sequence[str]) -> list[str]:
    """The steps of these statements that read a whole table."""
    steps = [
        (text, row.detail)
        for text in sent
        if text.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")
    ]
    return [f"{detail}: {text}" for text, detail in steps if _is_scan(detail)]


def _is_scan(detail: str) -> bool:
    words = detail.split()
    return words[0] == "SCAN" and words[1] in metadata.tables


@pytest.fixture(params=["no statistics", "statistics of a tiny database", "statistics"])
async def filled(store: SqlStore, request: pytest.FixtureRequest) -> SqlStore:
    """A store with some messages. The planner knows nothing of them, something that is long past, or the truth."""
    ann, bob = await sign_up(store, "ann", "bob")

    def analyze() -> None:
        with store.database.writer.begin() as connection:
            connection.exec_driver_sql("ANALYZE")

    rooms = [await found(store, ann, bob) for _ in range(2)]
    if request.param == "statistics of a tiny database":
        analyze()
    for room in rooms:
        await say(store, room, ann, *["text"] * 500)
    if request.param == "statistics":
        analyze()
    return store


@pytest.mark.parametrize("name", QUICK)
async def test_no_statement_reads_a_whole_table(filled: SqlStore, name: str) -> None:
    with filled.database.writer.begin() as connection, statements(connection) as sent:
        QUICK[name](SqlTx(connection))
        asked = list(sent)
        assert scans(connection, asked) == []
    assert any(text.startswith(("SELECT", "UPDATE", "INSERT", "DELETE")) for text in asked)


async def test_a_statement_that_does_is_found(filled: SqlStore) -> None:
    bad = Statement(select(messages.c.seq).where(messages.c.text == "text"))
    with filled.database.writer.begin() as connection, statements(connection) as sent:
        bad.rows(connection)
        assert len(scans(connection, list(sent))) == 1


async def test_a_page_is_one_range_of_the_clustered_table(filled: SqlStore) -> None:
    with filled.database.writer.begin() as connection, statements(connection) as sent:
        QUICK["messages.page"](SqlTx(connection))
        text = sent[-1]
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    assert plan == ["SEARCH messages USING PRIMARY KEY (room_id=? AND seq>? AND seq<?)"]


async def test_an_append_takes_as_few_statements_as_there_are_tables(filled: SqlStore) -> None:
    def fn(tx: Tx) -> list[object]:
        room = tx.rooms.load([ONE])[ONE]
        room.members = {ANN: tx.members.get([(ONE, ANN)])[ONE, ANN]}
        return list(decide(room, *[lambda: (room.post(ANN, "text"),)] * 100, lambda: room.edit(ANN, room.head, "new")))

    events: Any = await filled.write(fn)
    with filled.database.writer.begin() as connection, statements(connection) as sent:
        SqlTx(connection).log.append(events)
    # Each row of a statement is told.
    assert [key for key, _ in groupby(text.split(maxsplit=3)[:3] for text in sent if "SAVEPOINT" not in text)] == [
        ["UPDATE", "rooms", "SET"],
        ["INSERT", "INTO", "messages"],
        ["INSERT", "INTO", "room_events"],
        ["UPDATE", "messages", "SET"],
    ]
