"""Transactions on PostgreSQL: locks, snapshots, and failures in the middle of them."""

import asyncio
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from hubbub.domain.errors import Unavailable
from hubbub.domain.events import Event, RoomKind
from hubbub.domain.ids import RoomId, Seq
from hubbub.domain.rooms import ChatRoom
from hubbub.services.changes import Draft
from hubbub.services.journal import Journal
from hubbub.services.messages import Messages
from hubbub.services.ports import Tx
from hubbub.services.rooms import Rooms
from hubbub.stores.sql import SqlStore, postgres
from hubbub.stores.sql.log import SqlLog
from hubbub.stores.sql.servers import GONE, RACE, SLOW
from tests.clocks import ManualClock
from tests.contract.acts import add_user, crowd, found, log_of, post, say, seqs, sign_up
from tests.postgres import connect
from tests.truth import check_store
from tests.unit.services.chats import RecordingFanout
from tests.unit.stores.sql.locks import SECONDS, wait_for_locks
from tests.unit.stores.sql.wires import Wire, wire_to


@pytest.fixture
def store(server_store: SqlStore) -> SqlStore:
    return server_store


@pytest.fixture
def wire(server_url: str) -> Iterator[Wire]:
    with wire_to(server_url) as wire:
        yield wire


@pytest.fixture
async def remote(wire: Wire) -> AsyncIterator[SqlStore]:
    """A store at the other end of that wire."""
    opened = await asyncio.to_thread(SqlStore.open, wire.url)
    yield opened
    await opened.close()


def execute(tx: Tx, statement: str, *parameters: object) -> None:
    """What no repository does."""
    assert isinstance(tx.log, SqlLog)
    tx.log._connection.exec_driver_sql(statement, parameters)


def end_backends(url: str) -> None:
    """End every other connection to a database."""
    with connect(url) as connection:
        connection.execute("""SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()""")


# Locks


async def test_a_room_is_locked_by_who_loads_it_in_a_write(store: SqlStore, other: SqlStore) -> None:
    (ann,) = await sign_up(store, "ann")
    room = await found(store, ann)
    loaded, go_on = threading.Event(), threading.Event()

    def slow(tx: Tx) -> Event:
        tx.rooms.load([room.id])
        loaded.set()
        assert go_on.wait(SECONDS)
        return post(tx, room.id, ann.id, "first")

    first = asyncio.ensure_future(store.write(slow))
    assert await asyncio.to_thread(loaded.wait, SECONDS)
    second = asyncio.ensure_future(other.write(lambda tx: post(tx, room.id, ann.id, "second")))
    await asyncio.to_thread(wait_for_locks, store)
    assert await other.read(lambda tx: tx.rooms.heads([room.id])) == {room.id: room.head}  # readers do not wait
    go_on.set()
    assert seqs(await asyncio.gather(first, second)) == [3, 4]


async def test_a_user_is_locked_by_who_gets_them_in_a_write(store: SqlStore, other: SqlStore) -> None:
    (ann,) = await sign_up(store, "ann")
    got, go_on = threading.Event(), threading.Event()

    def rename(tx: Tx) -> None:
        current = tx.users.get(ann.id)
        assert current is not None
        got.set()
        assert go_on.wait(SECONDS)
        tx.users.update(replace(current, display_name="Anna"))

    def rehash(tx: Tx) -> None:
        current = tx.users.get(ann.id)
        assert current is not None
        tx.users.update(replace(current, password_hash="new"))

    first = asyncio.ensure_future(store.write(rename))
    assert await asyncio.to_thread(got.wait, SECONDS)
    second = asyncio.ensure_future(other.write(rehash))
    await asyncio.to_thread(wait_for_locks, store)
    go_on.set()
    await asyncio.gather(first, second)
    assert await store.read(lambda tx: tx.users.get(ann.id)) == replace(ann, display_name="Anna", password_hash="new")


async def test_a_pair_that_another_process_founds_meanwhile_has_its_room(store: SqlStore, other: SqlStore) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    founded, go_on = threading.Event(), threading.Event()

    def slow(tx: Tx) -> RoomId:
        room = ChatRoom(tx.rooms.add((ann.id, bob.id)))
        tx.log.append(room.create(ann.id, RoomKind.DIRECT, member_ids=[bob.id]))
        founded.set()
        assert go_on.wait(SECONDS)
        return room.id

    first = asyncio.ensure_future(store.write(slow))
    assert await asyncio.to_thread(founded.wait, SECONDS)
    journal = Journal(other, ManualClock(), RecordingFanout())
    second = asyncio.ensure_future(Rooms(other, journal).open_direct(bob.id, ann.id))
    await asyncio.to_thread(wait_for_locks, store)
    go_on.set()
    room, created = await second
    assert (room.room_id, created) == (await first, False)
    await journal.close()


async def test_processes_that_write_to_the_same_rooms_neither_wait_for_ever_nor_leave_a_hole(server_url: str) -> None:
    stores = [await asyncio.to_thread(SqlStore.open, server_url) for _ in range(4)]
    people = await crowd(stores[0], 6)
    rooms = [await found(stores[0], *people) for _ in range(5)]
    journals = [Journal(store, ManualClock(), RecordingFanout(), lanes=store.writers) for store in stores]

    async def talk(store: SqlStore, journal: Journal, backwards: int) -> None:
        messages, direct = Messages(store, journal), Rooms(store, journal)
        order = people[::backwards]
        sends = [
            messages.post(user.id, room.id, Draft(f"text {number}", f"{id(store)}-{number}"))
            for number in range(10)
            for user in order
            for room in rooms[::backwards]
        ]
        pairs = [direct.open_direct(one.id, two.id) for one in order for two in order if one is not two]
        await asyncio.gather(*sends, *pairs)

    await asyncio.gather(
        *(
            talk(*pair, backwards)
            for pair, backwards in zip(zip(stores, journals, strict=True), (1, -1, 1, -1), strict=True)
        )
    )
    logs = await check_store(stores[0])
    assert [len(logs[room.id]) for room in rooms] == [1 + len(people) + 4 * 10 * len(people)] * 5
    assert len(logs) == 5 + 15  # one room for each pair
    for journal, store in zip(journals, stores, strict=True):
        await journal.close()
        await store.close()


# Snapshots


async def test_a_read_keeps_its_snapshot_while_others_commit(store: SqlStore, other: SqlStore) -> None:
    (ann,) = await sign_up(store, "ann")
    room = await found(store, ann)
    began, written = threading.Event(), threading.Event()

    def head_and_range(tx: Tx) -> tuple[Seq, list[int]]:
        head = tx.rooms.heads([room.id])[room.id]
        began.set()
        assert written.wait(SECONDS)
        return head, seqs(tx.log.after(room.id, Seq(0), limit=9))

    reading = asyncio.ensure_future(store.read(head_and_range))
    assert await asyncio.to_thread(began.wait, SECONDS)
    await say(other, room, ann, "one", "two")
    written.set()
    assert await reading == (2, [1, 2])


async def test_reads_and_writes_run_beside_each_other(store: SqlStore) -> None:
    meeting = threading.Barrier(2 + 4 + store.writers, timeout=SECONDS)
    reads = [store.read(lambda tx: meeting.wait()) for _ in range(4)]
    lookups = [store.lookup(lambda tx: meeting.wait()) for _ in range(2)]
    writes = [store.write(lambda tx: meeting.wait()) for _ in range(store.writers)]
    assert len(await asyncio.gather(*reads, *lookups, *writes)) == 6 + store.writers


async def test_the_event_loop_goes_on_while_a_lookup_waits_for_the_network(store: SqlStore) -> None:
    free = threading.Event()
    waiting = asyncio.ensure_future(store.lookup(lambda tx: free.wait(SECONDS)))
    await asyncio.sleep(0)
    free.set()
    assert await waiting


# Failures


async def test_a_connection_that_dies_in_a_transaction_leaves_nothing_and_the_repeat_succeeds(
    store: SqlStore, server_url: str
) -> None:
    (ann,) = await sign_up(store, "ann")
    room = await found(store, ann)

    def write(tx: Tx) -> None:
        post(tx, room.id, ann.id, "one", client_id="c1")
        end_backends(server_url)
        post(tx, room.id, ann.id, "two", client_id="c2")

    with pytest.raises(Unavailable):
        await store.write(write)
    assert seqs(await log_of(store, room.id)) == [1, 2]
    await store.write(lambda tx: [post(tx, room.id, ann.id, text, client_id=text) for text in ("c1", "c2")])
    assert seqs(await log_of(store, room.id)) == [1, 2, 3, 4]


@pytest.mark.parametrize("committed", [False, True])
async def test_a_commit_whose_outcome_is_unknown_is_unavailable_and_its_repeat_happens_once(
    store: SqlStore, remote: SqlStore, wire: Wire, committed: bool
) -> None:
    (ann,) = await sign_up(store, "ann")
    room = await found(store, ann)
    fanout = RecordingFanout()
    journal = Journal(remote, ManualClock(), fanout)
    messages = Messages(remote, journal)
    if committed:
        wire.lose_next_answer = True
    else:
        wire.lose_next_commit = True
    with pytest.raises(Unavailable):
        await messages.post(ann.id, room.id, Draft("one", "c1"))
    assert fanout.resynced == [{room.id}]
    assert len(await log_of(store, room.id)) == (3 if committed else 2)
    posted = await messages.post(ann.id, room.id, Draft("one", "c1"))
    assert (posted.message.seq, posted.duplicate) == (3, committed)
    assert seqs(await log_of(store, room.id)) == [1, 2, 3]
    await journal.close()


async def test_connections_that_died_while_nobody_used_them_cost_nobody_an_error(
    store: SqlStore, server_url: str
) -> None:
    await sign_up(store, "ann")
    await asyncio.gather(*(store.read(lambda tx: tx.users.find("ann")) for _ in range(8)))
    for _ in range(2):
        end_backends(server_url)
        assert await store.lookup(lambda tx: tx.users.find("ann")) is not None
        found_users = await asyncio.gather(*(store.read(lambda tx: tx.users.find("ann")) for _ in range(8)))
        assert None not in found_users
    end_backends(server_url)
    await sign_up(store, "bob")
    assert await store.trouble() is None


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_a_transaction_that_was_given_up_for_others_is_unavailable_and_no_lasting_trouble(
    store: SqlStore, caplog: pytest.LogCaptureFixture, state: str
) -> None:
    def write(tx: Tx) -> None:
        add_user(tx, "ann")
        execute(tx, f"DO $$ BEGIN RAISE 'given up' USING ERRCODE = '{state}'; END $$")

    with pytest.raises(Unavailable):
        await store.write(write)
    assert [line.getMessage() for line in caplog.records] == [RACE.sentence]
    assert await store.trouble() is None
    await sign_up(store, "ann")


async def test_of_two_that_wait_for_each_other_one_goes_on(store: SqlStore, other: SqlStore) -> None:
    people = await sign_up(store, "ann", "bob")
    meeting = threading.Barrier(2, timeout=SECONDS)

    def rename(tx: Tx, first: int) -> None:
        for user in (people[first], people[1 - first]):
            tx.users.update(replace(user, display_name=f"Renamed {first}"))
            if user is people[first]:
                meeting.wait()

    answers = await asyncio.gather(
        store.write(lambda tx: rename(tx, 0)), other.write(lambda tx: rename(tx, 1)), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["NoneType", "Unavailable"]
    renamed = await store.read(lambda tx: tx.users.get_many([user.id for user in people]))
    assert len({user.display_name for user in renamed.values()}) == 1


async def test_a_statement_and_a_lock_have_a_time_limit(server_url: str, caplog: pytest.LogCaptureFixture) -> None:
    store = await asyncio.to_thread(SqlStore.open, server_url, timeout=1.0)
    (ann,) = await sign_up(store, "ann")
    with pytest.raises(Unavailable):
        await store.read(lambda tx: execute(tx, "SELECT pg_sleep(60)"))
    with connect(server_url) as connection:
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE users")
        with pytest.raises(Unavailable):
            await store.write(lambda tx: tx.users.get(ann.id))
    assert {line.getMessage() for line in caplog.records} == {SLOW.sentence}
    assert await store.trouble() is None
    await store.close()


async def test_a_process_that_stops_in_a_transaction_does_not_keep_its_locks(server_url: str, other: SqlStore) -> None:
    stopped = await asyncio.to_thread(SqlStore.open, server_url, timeout=1.0)
    (ann,) = await sign_up(stopped, "ann")
    room = await found(stopped, ann)
    posted, go_on = threading.Event(), threading.Event()

    def stop(tx: Tx) -> None:
        post(tx, room.id, ann.id, "lost")
        posted.set()
        assert go_on.wait(SECONDS)

    writing = asyncio.ensure_future(stopped.write(stop))
    assert await asyncio.to_thread(posted.wait, SECONDS)
    await other.write(lambda tx: post(tx, room.id, ann.id, "kept"))
    go_on.set()
    with pytest.raises(Unavailable):
        await writing
    messages = await other.read(lambda tx: tx.messages.page(room.id, before=None, base=Seq(0), limit=9))
    assert [message.text for message in messages] == ["kept"]
    await stopped.close()


async def test_a_defect_is_not_called_unavailable(store: SqlStore) -> None:
    (ann,) = await sign_up(store, "ann")
    with pytest.raises(Exception, match="reads_room_id_fkey"):
        await store.write(lambda tx: tx.reads.advance({(RoomId(9), ann.id): Seq(1)}))
    assert await store.trouble() is None


async def test_what_people_wrote_is_in_no_error(store: SqlStore) -> None:
    (ann,) = await sign_up(store, "ann")
    room = await found(store, ann)
    wrong = "INSERT INTO messages VALUES (%s, 9, %s, 1, %s, NULL, NULL, 8, NULL, NULL)"  # a version below its seq
    with pytest.raises(Exception, match="messages_check") as refused:
        await store.write(lambda tx: execute(tx, wrong, room.id, ann.id, "secret"))
    assert "secret" not in "".join(traceback.format_exception(refused.value)).replace('"secret"', "")


@pytest.fixture
async def impatient(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqlStore]:
    """A store at the other end of that wire which soon gives up."""
    monkeypatch.setattr("hubbub.stores.sql.postgres.GRACE", 1.0)
    opened = await asyncio.to_thread(SqlStore.open, f"{wire.url}?connect_timeout=5", timeout=1.0)
    yield opened
    await opened.close()


async def test_a_server_that_takes_everything_and_says_nothing_is_given_up(
    store: SqlStore, impatient: SqlStore, wire: Wire
) -> None:
    (ann,) = await sign_up(store, "ann")
    room = await found(store, ann)

    def write(tx: Tx) -> None:
        post(tx, room.id, ann.id, "lost")
        wire.silent = True
        post(tx, room.id, ann.id, "never heard")

    with pytest.raises(Unavailable):
        await impatient.write(write)
    assert impatient.database.trouble() == GONE.sentence
    wire.silent = False
    await impatient.write(lambda tx: post(tx, room.id, ann.id, "kept"))
    assert seqs(await log_of(store, room.id)) == [1, 2, 3]


async def test_a_commit_that_is_not_answered_is_unavailable_and_its_repeat_happens_once(
    store: SqlStore, impatient: SqlStore, wire: Wire
) -> None:
    (ann,) = await sign_up(store, "ann")
    room = await found(store, ann)
    fanout = RecordingFanout()
    journal = Journal(impatient, ManualClock(), fanout)
    messages = Messages(impatient, journal)
    wire.hush_next_answer = True
    with pytest.raises(Unavailable):
        await messages.post(ann.id, room.id, Draft("one", "c1"))
    assert fanout.resynced == [{room.id}]
    posted = await messages.post(ann.id, room.id, Draft("one", "c1"))
    assert (posted.message.seq, posted.duplicate) == (3, True)
    await journal.close()


async def test_who_changes_the_schema_may_wait_for_another_who_does(
    impatient: SqlStore, server_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with impatient.database.writing() as connection, postgres.unlimited(connection):
        connection.exec_driver_sql("SELECT pg_sleep(2.5)")
    with pytest.raises(Unavailable), impatient.database.writing() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(60)")
