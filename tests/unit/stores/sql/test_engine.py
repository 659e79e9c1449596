"""Threads, failures and snapshots of the SQL store."""

import asyncio
import threading
from pathlib import Path

import pytest

from hubbub.domain.errors import Unavailable
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.services.ports import Tx
from hubbub.stores.sql import SqlStore, sqlite
from tests.contract.acts import add_user, found, happen, log_of, post, say, sign_up
from tests.disks import full_disk

SECONDS = 10  # that a test waits for another thread before it fails


async def test_a_read_keeps_its_snapshot_while_writes_commit(store: SqlStore) -> None:
    began, written = threading.Event(), threading.Event()

    def look_twice(tx: Tx) -> tuple[int, int]:
        before = len(tx.users.search("", after=None, limit=9))
        began.set()
        assert written.wait(SECONDS)
        return before, len(tx.users.search("", after=None, limit=9))

    reading = asyncio.ensure_future(store.read(look_twice))
    assert await asyncio.to_thread(began.wait, SECONDS)
    await sign_up(store, "ann", "bob")
    written.set()
    assert await reading == (0, 0)
    assert len(await store.read(lambda tx: tx.users.search("", after=None, limit=9))) == 2


async def test_reads_run_beside_each_other_and_beside_a_write(store: SqlStore) -> None:
    meeting = threading.Barrier(5, timeout=SECONDS)
    reads = [store.read(lambda tx: meeting.wait()) for _ in range(4)]
    assert sorted(await asyncio.gather(store.write(lambda tx: meeting.wait()), *reads)) == list(range(5))


async def test_a_cancelled_caller_does_not_stop_a_transaction_that_has_begun(store: SqlStore) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        add_user(tx, "ann")
        began.set()
        assert go_on.wait(SECONDS)
        add_user(tx, "bob")

    running = asyncio.ensure_future(store.write(slow))
    assert await asyncio.to_thread(began.wait, SECONDS)
    waiting = asyncio.ensure_future(store.write(lambda tx: add_user(tx, "eve")))
    await asyncio.sleep(0)  # it is in the queue now
    running.cancel()
    waiting.cancel()
    go_on.set()
    for task in (running, waiting):
        with pytest.raises(asyncio.CancelledError):
            await task
    await store.write(lambda tx: None)
    found_users = await store.read(lambda tx: tx.users.search("", after=None, limit=9))
    assert [user.username for user in found_users] == ["ann", "bob"]


async def test_a_transaction_kept_beyond_its_end_refuses_to_work(store: SqlStore) -> None:
    kept = await store.write(lambda tx: tx)
    with pytest.raises(Exception, match="closed"):
        kept.users.find("ann")


async def test_a_commit_that_the_disk_refuses_is_unavailable_and_leaves_nothing(store: SqlStore) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    for _ in range(3):
        with full_disk(), pytest.raises(Unavailable):
            await store.write(lambda tx: [post(tx, room.id, ann.id, "text " * 1000) for _ in range(50)])
        assert len(await log_of(store, room.id)) == 2
    await store.write(lambda tx: post(tx, room.id, ann.id, "text"))
    assert len(await log_of(store, room.id)) == 3


async def test_a_statement_that_finds_no_space_is_unavailable_and_leaves_nothing(store: SqlStore) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)

    def limit_pages(pages: int) -> None:
        with store.database.writer.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    limit_pages(1)  # SQLite takes the present size
    with pytest.raises(Unavailable):
        await store.write(lambda tx: [post(tx, room.id, ann.id, "text " * 1000) for _ in range(50)])
    limit_pages(1_000_000)
    await store.write(lambda tx: post(tx, room.id, ann.id, "text"))
    assert len(await log_of(store, room.id)) == 3


async def test_a_database_that_somebody_else_has_locked_is_unavailable(store: SqlStore, path: Path) -> None:
    with store.database.writer.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 1")
    other = sqlite.driver.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await sign_up(store, "ann")
    other.close()
    await sign_up(store, "ann")


async def test_a_defect_is_not_called_unavailable(store: SqlStore) -> None:
    ann = (await sign_up(store, "ann"))[0]
    with pytest.raises(Exception, match="FOREIGN KEY"):
        await store.write(lambda tx: tx.reads.advance({(RoomId(9), ann.id): Seq(1)}))
    assert await store.read(lambda tx: tx.reads.get([(RoomId(9), UserId(1))])) == {}


async def test_deleted_text_is_nowhere_in_the_file(store: SqlStore, path: Path) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    short, long = await say(store, room, ann, "secret-short", "secret-long " * 1000)  # the second has several pages
    for message in (short, long):
        await happen(store, room, *room.edit(ann.id, message.seq, "secret-edit"))
    for message in (short, long):
        await happen(store, room, *room.delete(ann.id, message.seq))
    await store.close()
    content = await asyncio.to_thread(path.read_bytes)
    assert b"room.created" in content
    assert b"secret" not in content
