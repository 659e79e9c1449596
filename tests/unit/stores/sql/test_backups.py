"""Copies of a database, and what becomes of them."""

import asyncio
import shutil
import stat
from pathlib import Path

import pytest

from hubbub.audit.store import audit_store
from hubbub.stores.sql import DatabaseBusy, SqlStore, UnusableDatabase, back_up, current, renew_epoch, upgrade
from tests.contract.acts import found, say, sign_up
from tests.truth import check_store
from tests.unit.audit.databases import Silent

NO_DATABASE = b"This is no database, but long enough to be looked at as one." * 20


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Where the backup will be."""
    return tmp_path / "backup.db"


async def epoch_of(path: Path) -> str:
    """The epoch that a server on this file has."""
    store = await asyncio.to_thread(SqlStore.open, f"sqlite:///{path}")
    try:
        return await store.read(lambda tx: tx.log.epoch())
    finally:
        await store.close()


async def test_a_backup_has_what_was_committed_before_it_and_nothing_later(
    store: SqlStore, url: str, copy: Path
) -> None:
    (ann,) = await sign_up(store, "ann")
    room = await found(store, ann)
    await say(store, room, ann, "before")
    size = back_up(url, copy)
    await say(store, room, ann, "after")
    assert size == (await asyncio.to_thread(copy.stat)).st_size
    restored = await asyncio.to_thread(SqlStore.open, f"sqlite:///{copy}")
    try:
        (log,) = (await check_store(restored)).values()
        assert log[-1].seq == room.head - 1
    finally:
        await restored.close()


@pytest.mark.usefixtures("store")
def test_a_backup_is_one_file_for_its_owner_alone_that_everything_can_read(url: str, copy: Path) -> None:
    before = set(copy.parent.iterdir())
    back_up(url, copy)
    assert set(copy.parent.iterdir()) - before == {copy}
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert current(f"sqlite:///{copy}") == current(url)
    assert not audit_store(f"sqlite:///{copy}", Silent()).findings.counts


async def test_each_restore_of_a_backup_is_a_history_of_its_own(url: str, path: Path, copy: Path) -> None:
    epochs = {await epoch_of(path)}
    back_up(url, copy)
    for number in range(2):
        restored = copy.with_name(f"restored-{number}.db")
        shutil.copy(copy, restored)
        epochs.add(await epoch_of(restored))
        epochs.add(await epoch_of(restored))  # a second start changes nothing
    assert len(epochs) == 3
    assert "" not in epochs
    assert await epoch_of(path) in epochs


def test_a_backup_that_is_only_upgraded_can_still_be_restored_often(url: str, copy: Path) -> None:
    upgrade(url)
    back_up(url, copy)
    upgrade(f"sqlite:///{copy}")
    epochs = {asyncio.run(epoch_of(Path(shutil.copy(copy, copy.with_name(name))))) for name in ("a.db", "b.db")}
    assert len(epochs) == 2


def test_what_is_there_is_not_overwritten(url: str, path: Path, copy: Path) -> None:
    upgrade(url)
    copy.write_text("important")
    for target in (copy, path):
        with pytest.raises(UnusableDatabase, match="exists already"):
            back_up(url, target)
    assert copy.read_text() == "important"


@pytest.mark.parametrize("content", [None, b"", NO_DATABASE])
def test_what_is_no_database_of_hubbub_is_not_copied(content: bytes | None, url: str, path: Path, copy: Path) -> None:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnusableDatabase, match=r"hubbub\.db can't be copied"):
        back_up(url, copy)
    assert list(copy.parent.iterdir()) == ([] if content is None else [path])


def test_a_place_that_cannot_be_written_is_named(url: str, tmp_path: Path) -> None:
    upgrade(url)
    with pytest.raises(UnusableDatabase, match=r"missing/backup\.db can't be written: No such file"):
        back_up(url, tmp_path / "missing" / "backup.db")


async def fill(url: str, users: int) -> None:
    """Sign up this many people."""
    store = await asyncio.to_thread(SqlStore.open, url)
    await sign_up(store, *(f"user{number}" for number in range(users)))
    await store.close()


def test_a_damaged_database_has_no_backup_that_looks_whole(url: str, path: Path, copy: Path) -> None:
    asyncio.run(fill(url, users=300))
    content = path.read_bytes()
    page = content.index(b"user150@example.com") // 4096
    path.write_bytes(content[: page * 4096] + b"\xff" * 4096 + content[(page + 1) * 4096 :])
    with pytest.raises(UnusableDatabase):
        back_up(url, copy)
    assert not copy.exists()


async def test_a_copy_by_other_means_gets_a_new_epoch_when_asked(url: str, path: Path) -> None:
    before = await epoch_of(path)
    renewed = renew_epoch(url)
    assert await epoch_of(path) == renewed != before


async def test_an_epoch_is_not_renewed_under_a_server(store: SqlStore, url: str) -> None:
    with pytest.raises(DatabaseBusy, match="is in use by process"):
        renew_epoch(url)


def test_a_file_that_is_not_there_is_not_made_for_an_epoch(url: str, path: Path) -> None:
    with pytest.raises(UnusableDatabase, match="does not exist"):
        renew_epoch(url)
    assert list(path.parent.iterdir()) == []
