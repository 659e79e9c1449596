"""How PostgreSQL carries out the statements that must stay quick in a large database."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event, select

from hubbub.stores.sql import SqlStore
from hubbub.stores.sql.engine import SqlTx
from hubbub.stores.sql.statements import Statement
from hubbub.stores.sql.tables import messages, meta, metadata
from tests.contract.acts import found, say, sign_up
from tests.unit.stores.sql.questions import QUICK

LARGE = set(metadata.tables) - {meta.name}  # the one table that stays small


@contextmanager
def statements(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """What is sent meanwhile, each with the parameters of one execution."""
    sent: list[tuple[str, Any]] = []

    def record(_c: object, _cursor: object, text: str, parameters: Any, _context: object, many: bool) -> None:
        sent.append((text, parameters[0] if many else parameters))

    event.listen(connection, "before_cursor_execute", record)
    yield sent
    event.remove(connection, "before_cursor_execute", record)


def plan_of(connection: Connection, text: str, parameters: Any) -> dict[str, Any]:
    """The outermost step, with the others in it."""
    plan: list[dict[str, Any]] = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {text}", parameters).scalar_one()
    step: dict[str, Any] = plan[0]["Plan"]
    return step


def scans(connection: Connection, sent: list[tuple[str, Any]]) -> list[str]:
    """The steps of these statements that read a whole table, or a whole index."""
    return [
        f"{step}: {text}"
        for text, parameters in sent
        if text.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))
        for step in _scans(plan_of(connection, text, parameters))
    ]


def _scans(step: dict[str, Any]) -> Iterator[str]:
    kind = step["Node Type"]
    if kind == "Seq Scan" and step["Relation Name"] in LARGE:
        yield f"{kind} of {step['Relation Name']}"
    elif "Index Name" in step and "Index Cond" not in step:
        yield f"{kind} of all of {step['Index Name']}"
    for part in step.get("Plans", ()):
        yield from _scans(part)


@pytest.fixture(params=["no statistics", "statistics of a tiny database", "statistics"])
async def filled(server_store: SqlStore, request: pytest.FixtureRequest) -> SqlStore:
    """A store with some messages. The planner knows nothing of them, something that is long past, or the truth."""
    ann, bob = await sign_up(server_store, "ann", "bob")

    def analyze() -> None:
        with server_store.database.writing() as connection:
            connection.exec_driver_sql("ANALYZE")

    rooms = [await found(server_store, ann, bob) for _ in range(2)]
    if request.param == "statistics of a tiny database":
        await asyncio.to_thread(analyze)
    for room in rooms:
        await say(server_store, room, ann, *["text"] * 100)
    if request.param == "statistics":
        await asyncio.to_thread(analyze)
    return server_store


async def test_no_statement_reads_a_whole_table(filled: SqlStore) -> None:
    with filled.database.writer.connect() as connection:
        for name, call in QUICK.items():
            with statements(connection) as sent:
                call(SqlTx(connection))
            asked = list(sent)
            assert any(text.startswith(("SELECT", "UPDATE", "INSERT", "DELETE")) for text, _ in asked), name
            assert scans(connection, asked) == [], name
            connection.rollback()


async def test_a_statement_that_does_is_found(filled: SqlStore) -> None:
    bad = Statement(select(messages.c.seq).where(messages.c.text == "text"))
    with filled.database.writer.connect() as connection, statements(connection) as sent:
        bad.rows(connection)
        assert len(scans(connection, list(sent))) == 1


async def test_rooms_are_locked_after_they_were_sorted(filled: SqlStore) -> None:
    with filled.database.writer.connect() as connection, statements(connection) as sent:
        QUICK["rooms.load"](SqlTx(connection))
        step = plan_of(connection, *sent[-1])
    (locked,) = (part["Node Type"] for part in step["Plans"] if part["Parent Relationship"] == "Outer")
    assert step["Node Type"] == "LockRows"
    assert locked in {"Sort", "Index Scan"}  # an index is read in its order
