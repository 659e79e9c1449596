"""A PostgreSQL server that stops, crashes, and is followed by another one."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator

import pytest

from hubbub.domain.errors import Unavailable
from hubbub.domain.events import MessagePosted
from hubbub.domain.ids import RoomId, Seq
from hubbub.services.changes import Draft
from hubbub.services.journal import Journal
from hubbub.services.messages import Messages
from hubbub.stores.sql import SqlStore, UnusableDatabase, renew_epoch, troubles
from hubbub.stores.sql.servers import GONE
from tests.clocks import ManualClock
from tests.contract.acts import found, log_of, seqs, sign_up
from tests.postgres import PostgresServer
from tests.truth import check_store
from tests.unit.services.chats import RecordingFanout


@pytest.fixture(autouse=True)
def _always_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubles, "PAUSE", 0.0)


@pytest.fixture
def server_url(own_postgres: PostgresServer) -> str:
    return own_postgres.create_database()


@pytest.fixture
async def store(server_url: str) -> AsyncIterator[SqlStore]:
    opened = await asyncio.to_thread(SqlStore.open, server_url)
    yield opened
    await opened.close()


async def test_while_the_server_is_away_all_is_unavailable_and_afterwards_nothing_has_to_be_done(
    store: SqlStore, own_postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    await sign_up(store, "ann")
    await asyncio.to_thread(own_postgres.stop)
    for call in (store.read, store.lookup, store.write):
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"^the server can't use its database now: try again later$"):
                await call(lambda tx: tx.users.find("ann"))
    assert await store.trouble() == GONE.sentence
    assert [(line.levelno, line.getMessage()) for line in caplog.records] == [(logging.ERROR, GONE.sentence)]
    await asyncio.to_thread(own_postgres.start)
    assert await store.trouble() is None  # found out by itself
    assert await store.read(lambda tx: tx.users.find("ann")) is not None
    await sign_up(store, "bob")


async def test_a_restart_between_two_transactions_costs_nobody_an_error(
    store: SqlStore, own_postgres: PostgresServer
) -> None:
    await sign_up(store, "ann")
    await asyncio.to_thread(own_postgres.stop)
    await asyncio.to_thread(own_postgres.start)
    await sign_up(store, "bob")
    assert await store.lookup(lambda tx: tx.users.find("bob")) is not None


async def test_what_was_acknowledged_survives_crashes_once_and_in_order(
    store: SqlStore, own_postgres: PostgresServer
) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    rooms = [await found(store, ann, bob) for _ in range(3)]
    journal = Journal(store, ManualClock(), RecordingFanout(), lanes=store.writers)
    messages = Messages(store, journal)
    acknowledged: dict[str | None, tuple[RoomId, Seq]] = {}
    unanswered = 0
    enough, over = asyncio.Event(), asyncio.Event()

    async def talk(number: int) -> None:
        nonlocal unanswered
        room = rooms[number % 3]
        for count in itertools.takewhile(lambda _: not over.is_set(), itertools.count()):
            client_id = f"{number}-{count}"
            while client_id not in acknowledged:
                try:
                    posted = await messages.post(ann.id, room.id, Draft(client_id, client_id))
                    acknowledged[client_id] = (room.id, posted.message.seq)
                except Unavailable:
                    unanswered += 1
            if len(acknowledged) > 50:
                enough.set()

    talking = [asyncio.ensure_future(talk(number)) for number in range(9)]
    await enough.wait()
    for _ in range(2):
        await asyncio.to_thread(own_postgres.crash)
        await asyncio.to_thread(own_postgres.start)
    over.set()
    await asyncio.gather(*talking)
    logs = await check_store(store)
    kept = {
        event.message.client_id: (event.room_id, event.seq)
        for log in logs.values()
        for event in log
        if isinstance(event, MessagePosted)
    }
    assert kept == acknowledged
    assert unanswered > 0
    assert sum(len(log) for log in logs.values()) == 3 * 3 + len(acknowledged)
    await journal.close()


async def test_a_failover_changes_the_epoch_and_a_standby_takes_no_connection(
    store: SqlStore, own_postgres: PostgresServer, server_url: str
) -> None:
    before = await store.read(lambda tx: tx.log.epoch())
    await asyncio.to_thread(own_postgres.stop)
    await asyncio.to_thread(own_postgres.start)
    assert await store.read(lambda tx: tx.log.epoch()) == before
    await asyncio.to_thread(own_postgres.stop)
    await asyncio.to_thread(own_postgres.stand_by)
    for call in (store.read, store.write):
        with pytest.raises(Unavailable):
            await call(lambda tx: tx.log.epoch())
    with pytest.raises(UnusableDatabase, match="read-only"):
        await asyncio.to_thread(SqlStore.open, server_url)
    await asyncio.to_thread(own_postgres.promote)
    after = await store.write(lambda tx: tx.log.epoch())
    assert after != before
    assert await store.lookup(lambda tx: tx.log.epoch()) == after
    await sign_up(store, "ann")


async def test_a_copy_within_the_server_and_a_restored_dump_are_other_histories(
    store: SqlStore, own_postgres: PostgresServer, server_url: str
) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann, bob)
    epochs = {await store.read(lambda tx: tx.log.epoch())}
    await store.close()
    dump = await asyncio.to_thread(own_postgres.dump, server_url)
    copies = [own_postgres.create_database(server_url), own_postgres.create_database()]
    await asyncio.to_thread(own_postgres.restore, dump, copies[1])
    await asyncio.to_thread(own_postgres.restore, dump, server_url)  # in its own place
    for url in (*copies, server_url):
        copy = await asyncio.to_thread(SqlStore.open, url)
        epochs.add(await copy.read(lambda tx: tx.log.epoch()))
        assert seqs(await log_of(copy, room.id)) == [1, 2, 3]
        assert (await sign_up(copy, "eve"))[0].id > bob.id
        await copy.close()
    assert len(epochs) == 4


async def test_a_new_epoch_is_noticed_by_servers_that_run(store: SqlStore, server_url: str) -> None:
    before = await store.read(lambda tx: tx.log.epoch())
    await asyncio.to_thread(renew_epoch, server_url)
    after = await store.read(lambda tx: tx.log.epoch())
    assert after not in (before, "")
    assert await store.write(lambda tx: tx.log.epoch()) == after
