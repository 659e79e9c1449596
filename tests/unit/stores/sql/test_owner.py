"""One process owns a database file."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hubbub.stores.sql import DatabaseBusy, SqlStore, UnusableDatabase, current, upgrade
from tests.disks import full_disk

HOLD = """
import sys
from hubbub.stores.sql import SqlStore
store = SqlStore.open(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(url: str) -> "subprocess.Popen[str]":
    """Another process that has the database."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def test_a_second_process_is_told_who_has_the_file(url: str, path: Path, holder: "subprocess.Popen[str]") -> None:
    with holder:
        for call in (SqlStore.open, upgrade):
            with pytest.raises(DatabaseBusy) as refusal:
                call(url)
            assert str(path) in str(refusal.value)
            assert f"process {holder.pid}" in str(refusal.value)
        assert current(url)[0] == current(url)[1]  # reading is allowed
        holder.send_signal(signal.SIGKILL)
    SqlStore.open(url)._release()  # the lock went with the process


async def test_a_second_store_of_the_same_process_is_refused(url: str, store: SqlStore) -> None:
    with pytest.raises(DatabaseBusy, match=f"process {os.getpid()}"):
        SqlStore.open(url)
    assert await store.write(lambda tx: tx.rooms.add()) == 1


def test_a_disk_without_room_for_the_lock_file_is_named_and_the_lock_let_go(url: str, path: Path) -> None:
    with full_disk(), pytest.raises(UnusableDatabase, match=rf"^{path}\.lock can't be written: "):
        SqlStore.open(url)
    SqlStore.open(url)._release()


async def test_close_hands_the_file_over(url: str, path: Path) -> None:
    first = SqlStore.open(url)
    room_id = await first.write(lambda tx: tx.rooms.add())
    await first.close()
    assert not path.with_name("hubbub.db-wal").exists()
    second = SqlStore.open(url)
    assert set(await second.read(lambda tx: tx.rooms.load([room_id]))) == {room_id}
    await second.close()
