"""How SQLite carries out the statements that must stay quick in a large database."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import pytest
from sqlalchemy import Connection, select

from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.services.ports import Tx
from hubbub.stores.sql import SqlStore
from hubbub.stores.sql.engine import SqlTx
from hubbub.stores.sql.statements import Statement
from hubbub.stores.sql.tables import messages, metadata
from tests.contract.acts import NOW, decide, found, say, sign_up

ONE, TWO = RoomId(1), RoomId(2)
ANN, BOB = UserId(1), UserId(2)


def _append_everything(tx: Tx) -> None:
    room = tx.rooms.load([ONE])[ONE]
    room.members = {member.user_id: member for member in tx.members.of_room(ONE, after=UserId(0), limit=9)}
    first = Seq(room.head + 1)
    events = decide(
        room,
        lambda: (room.post(ANN, "text", client_id="new"),),
        lambda: room.edit(ANN, first, "changed"),
        lambda: room.delete(ANN, first),
        lambda: room.remove_member(ANN, BOB),
        lambda: room.close(ANN),
    )
    tx.log.append(events)


QUICK: dict[str, Callable[[Tx], object]] = {
    "rooms.load": lambda tx: tx.rooms.load([ONE, TWO]),
    "rooms.heads": lambda tx: tx.rooms.heads([ONE, TWO]),
    "rooms.of_pair": lambda tx: tx.rooms.of_pair(ANN, BOB),
    "rooms.of_user": lambda tx: tx.rooms.of_user(ANN, before=None, limit=50),
    "rooms.summary": lambda tx: tx.rooms.summary(ANN, ONE),
    "rooms.channels": lambda tx: tx.rooms.channels("", after=RoomId(0), limit=50),
    "members.get": lambda tx: tx.members.get([(ONE, ANN), (TWO, BOB)]),
    "members.of_room": lambda tx: tx.members.of_room(ONE, after=UserId(0), limit=50),
    "members.of_user": lambda tx: tx.members.of_user(ANN),
    "members.of_users": lambda tx: tx.members.of_users([ANN, BOB]),
    "members.sharing": lambda tx: tx.members.sharing(ANN, [ANN, BOB]),
    "messages.get": lambda tx: tx.messages.get([(ONE, Seq(3)), (TWO, Seq(4))]),
    "messages.by_client_id": lambda tx: tx.messages.by_client_id([(ONE, ANN, "a"), (TWO, BOB, "b")]),
    "messages.page": lambda tx: tx.messages.page(ONE, before=Seq(9), base=Seq(0), limit=50),
    "messages.page_after": lambda tx: tx.messages.page_after(ONE, after=Seq(0), limit=50),
    "messages.search": lambda tx: tx.messages.search(ANN, "x", room_id=None, before=None, limit=50),
    "log.after": lambda tx: tx.log.after(ONE, Seq(0), limit=50),
    "log.append": _append_everything,
    "reads.get": lambda tx: tx.reads.get([ONE, TWO], ANN),
    "reads.advance": lambda tx: tx.reads.advance({(ONE, ANN): Seq(9)}),
    "rate_limits.take": lambda tx: [tx.rate_limits.take(b"key", NOW, interval=9, burst=1) for _ in range(2)],
    "rate_limits.purge": lambda tx: tx.rate_limits.purge(NOW),
    "reads.unread": lambda tx: tx.reads.unread(ONE, ANN, Seq(0)),
    "users.get_many": lambda tx: tx.users.get_many([ANN, BOB]),
    "users.find": lambda tx: tx.users.find("ann"),
    "sessions.of_user": lambda tx: tx.sessions.of_user(ANN),
    "sessions.existing": lambda tx: tx.sessions.existing([SessionId(1), SessionId(2)]),
    "sessions.last_used": lambda tx: tx.sessions.last_used([ANN, BOB]),
}


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
