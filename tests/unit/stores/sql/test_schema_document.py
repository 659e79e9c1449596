"""docs/schema.md says what there is, and its queries work in a shell that knows nothing of hubbub."""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from hubbub.domain.events import RoomKind
from hubbub.domain.ids import Millis
from hubbub.stores.sql import SqlStore
from hubbub.stores.sql.tables import metadata
from tests.contract.acts import LATER, NOW, found, happen, say, sign_up

DOCUMENT = (Path(__file__).parents[4] / "docs" / "schema.md").read_text(encoding="utf-8")
QUERIES = [
    query.strip()
    for block in re.findall(r"^```sql\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    for query in block.split(";")
    if query.strip()
]


@pytest.fixture
async def used(path: Path) -> AsyncIterator[Path]:
    """The file of a running server in which something has happened."""
    store = SqlStore.open(f"sqlite:///{path}")
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann, bob, name="news")
    await say(store, room, ann, "hello, world")
    await say(store, room, bob, "gone")
    await happen(store, room, *room.delete(bob.id, room.head, at=Millis(NOW + 1)))
    await found(store, ann, bob, kind=RoomKind.DIRECT)
    await store.write(lambda tx: tx.sessions.add(user_id=ann.id, label="phone", at=NOW, expires_at=LATER))
    yield path
    await store.close()


@pytest.mark.parametrize("query", QUERIES)
async def test_the_examples_work(used: Path, query: str) -> None:
    with closing(sqlite3.connect(used)) as connection:
        rows = connection.execute(query).fetchall()
        connection.rollback()
    finds_nothing = "head <>" in query or "date('now')" in query or query.startswith("UPDATE")
    assert bool(rows) is not finds_nothing


def test_every_table_and_column_is_described_in_its_order() -> None:
    described = {
        name: re.findall(r"^\| (\w+) \|", text, re.MULTILINE)[1:]
        for name, text in re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    }
    assert described == {name: list(table.c.keys()) for name, table in metadata.tables.items()}


async def test_every_view_is_described_with_its_columns(used: Path) -> None:
    described = dict(re.findall(r"^\| `(\w+)` \|.*\| ([\w, ]+) \|$", DOCUMENT, re.MULTILINE))
    with closing(sqlite3.connect(used)) as connection:
        rows = connection.execute(
            "SELECT v.name, c.name FROM sqlite_master AS v, pragma_table_info(v.name) AS c WHERE v.type = 'view'"
        ).fetchall()
    views = {view: ", ".join(column for of_view, column in rows if of_view == view) for view, _ in rows}
    assert described == views


async def test_the_transcript_reads_well(used: Path) -> None:
    with closing(sqlite3.connect(used)) as connection:
        rows = connection.execute("SELECT * FROM transcript LIMIT 5").fetchall()
    assert rows == [
        (1, "news", 4, "2023-11-14 22:13:20.000", "ann", "hello, world"),
        (1, "news", 5, "2023-11-14 22:13:20.000", "bob", "(deleted)"),
    ]


async def test_the_schema_explains_itself(used: Path) -> None:
    with closing(sqlite3.connect(used)) as connection:
        schema = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'messages'").fetchone()[0]
    assert "-- the author" in schema
