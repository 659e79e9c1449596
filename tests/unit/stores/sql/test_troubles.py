"""What an operator gets to know about a database that fails, and what a client does."""

import asyncio
import logging
import shutil
import threading
from pathlib import Path

import pytest

from hubbub.domain.errors import Internal, Unavailable
from hubbub.services.ports import Tx
from hubbub.stores.sql import SqlStore, troubles
from hubbub.stores.sql.files import LOCKED, REPLACED, DatabaseFile
from hubbub.stores.sql.troubles import DAMAGED, FULL, WELL
from tests.contract.acts import add_user, sign_up
from tests.unit.stores.sql.locks import SECONDS

ERROR, CRITICAL = logging.ERROR, logging.CRITICAL


@pytest.fixture(autouse=True)
def _always_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubles, "PAUSE", 0.0)


@pytest.fixture
def noted(store: SqlStore) -> DatabaseFile:
    """A file whose failures can be made up."""
    assert isinstance(store.database, DatabaseFile)
    return store.database


def limit_pages(store: SqlStore, pages: int) -> None:
    """Make the disk as large as this; SQLite takes the present size when that is more."""
    with store.database.writer.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


async def fill(store: SqlStore) -> None:
    """Write more than the disk has room for."""
    await store.write(lambda tx: [add_user(tx, f"ann{number}") for number in range(500)])


async def test_a_full_disk_is_logged_once_with_what_to_do_and_is_a_trouble_until_a_write_succeeds(
    store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    limit_pages(store, 1)
    for _ in range(3):
        with pytest.raises(Unavailable, match=r"^the server can't use its database now: try again later$"):
            await fill(store)
    assert [(line.levelno, line.getMessage()) for line in caplog.records] == [(ERROR, FULL.sentence)]
    limit_pages(store, 1_000_000)
    await sign_up(store, "zoe")
    assert await store.trouble() is None


async def test_a_write_that_changes_nothing_does_not_end_a_trouble(store: SqlStore) -> None:
    limit_pages(store, 1)
    with pytest.raises(Unavailable):
        await fill(store)
    await store.write(lambda tx: tx.users.find("ann0"))
    assert store.database.trouble() == FULL.sentence


async def test_a_trouble_ends_without_anybody_writing(store: SqlStore) -> None:
    limit_pages(store, 1)
    with pytest.raises(Unavailable):
        await fill(store)
    limit_pages(store, 1_000_000)
    assert store.database.trouble() == FULL.sentence
    assert await store.trouble() is None


async def test_a_trouble_is_told_while_other_writes_stand_before_the_one_that_would_end_it(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubbub.stores.sql.engine.PROBE", 0.01)
    go_on = threading.Event()
    writing = asyncio.ensure_future(store.write(lambda tx: go_on.wait(SECONDS)))
    await asyncio.sleep(0)
    store.database.troubles.failed(LOCKED, None, lasting=True)
    assert await store.trouble() == LOCKED.sentence
    go_on.set()
    assert await writing
    store.database.probe()
    assert await store.trouble() is None


def test_the_end_of_a_trouble_is_looked_for_now_and_then(noted: DatabaseFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubles, "PAUSE", 3600.0)
    assert not noted.troubles.attempt()  # there is none
    noted.failed("database or disk is full", writing=True)
    assert [noted.troubles.attempt() for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize("words", ["database disk image is malformed", "file is not a database"])
def test_a_damaged_database_is_critical_no_use_to_repeat_and_stays_damaged(
    noted: DatabaseFile, caplog: pytest.LogCaptureFixture, words: str
) -> None:
    error = noted.failed(words, writing=False)
    noted.troubles.wrote()
    assert len(caplog.records) == 1
    noted.failed("database or disk is full", writing=True)
    assert (type(error), error.retryable) == (Internal, False)
    assert (caplog.records[0].levelno, caplog.records[0].getMessage()) == (CRITICAL, DAMAGED.sentence)
    assert noted.troubles.present == DAMAGED.sentence
    assert not noted.troubles.attempt()


@pytest.mark.parametrize(
    "words",
    ["disk I/O error", "database is locked", "attempt to write a readonly database", "unable to open database file"],
)
def test_every_other_failure_is_logged_with_the_words_of_sqlite_and_kept_from_clients(
    noted: DatabaseFile, caplog: pytest.LogCaptureFixture, words: str
) -> None:
    error = noted.failed(words, writing=True)
    assert isinstance(error, Unavailable)
    assert words not in str(error)
    assert [(line.levelno, line.said) for line in caplog.records] == [(ERROR, words)]  # type: ignore[attr-defined]
    assert noted.troubles.present is not None


def test_a_failed_read_is_no_reason_to_call_writes_refused(noted: DatabaseFile) -> None:
    noted.failed("database is locked", writing=False)
    assert noted.troubles.present is None


def test_troubles_of_another_kind_are_logged_too(noted: DatabaseFile, caplog: pytest.LogCaptureFixture) -> None:
    for words in ("database is locked", "database or disk is full", "database is locked"):
        noted.failed(words, writing=True)
    assert [line.getMessage() for line in caplog.records] == [LOCKED.sentence, FULL.sentence]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.getMessage() for line in caplog.records]


def test_the_end_of_a_trouble_is_logged_once_and_its_return_too(
    noted: DatabaseFile, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(troubles, "AGAIN", 0.0)
    noted.troubles.wrote()
    for _ in range(2):
        noted.failed("database or disk is full", writing=True)
        noted.failed("database or disk is full", writing=True)
        noted.troubles.wrote()
        noted.troubles.wrote()
    assert lines(caplog) == [FULL.sentence, WELL, FULL.sentence, WELL]


def test_a_trouble_that_comes_and_goes_does_not_fill_the_log(
    noted: DatabaseFile, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(5):
        noted.failed("database or disk is full", writing=True)
        noted.troubles.wrote()
    assert lines(caplog) == [FULL.sentence, WELL]


@pytest.mark.parametrize("how", ["removed", "replaced"])
async def test_a_file_that_lost_its_name_takes_no_writes(
    store: SqlStore, path: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    (ann,) = await sign_up(store, "ann")
    moved = path.with_name("moved.db")
    await asyncio.to_thread(path.replace, moved)
    if how == "replaced":
        shutil.copy(moved, path)
    assert await store.trouble() == REPLACED.sentence
    with pytest.raises(Unavailable):
        await sign_up(store, "ben")
    assert [(line.levelno, line.getMessage()) for line in caplog.records] == [(CRITICAL, REPLACED.sentence)]
    await asyncio.to_thread(moved.replace, path)
    assert await store.trouble() is None
    assert await store.read(lambda tx: [user.id for user in tx.users.search("", after=None, limit=9)]) == [ann.id]


async def test_a_commit_into_a_file_that_loses_its_name_meanwhile_is_not_acknowledged(
    store: SqlStore, path: Path
) -> None:
    def write(tx: Tx) -> None:
        add_user(tx, "ann")
        path.unlink()

    with pytest.raises(Unavailable):
        await store.write(write)
