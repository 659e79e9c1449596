"""Connections to SQLite."""

import os
import stat
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from hubbub.stores.sql import SqlStore, UnusableDatabase, sqlite


def pragma(engine: Engine, name: str) -> object:
    """What SQLite says of itself."""
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


@pytest.fixture
def engines(path: Path) -> tuple[Engine, Engine]:
    """A writer and a reader of the same file."""
    writer = sqlite.writer_engine(path)
    writer.connect().close()
    return writer, sqlite.reader_engine(path, 1)


@pytest.mark.parametrize(
    ("name", "writer_value", "reader_value"),
    [
        ("journal_mode", "wal", "wal"),
        ("synchronous", 2, 2),
        ("foreign_keys", 1, 1),
        ("busy_timeout", 5000, 5000),
        ("query_only", 0, 1),
        ("secure_delete", 1, None),
        ("mmap_size", 0, 0),
    ],
)
def test_every_connection_is_durable_and_readers_only_read(
    engines: tuple[Engine, Engine], name: str, writer_value: object, reader_value: object
) -> None:
    assert pragma(engines[0], name) == writer_value
    if reader_value is not None:
        assert pragma(engines[1], name) == reader_value
    for engine in engines:
        engine.dispose()


def test_an_error_does_not_repeat_what_people_wrote(engines: tuple[Engine, Engine]) -> None:
    for engine in engines:
        with engine.connect() as connection, pytest.raises(DBAPIError) as failed:
            connection.exec_driver_sql("INSERT INTO nowhere VALUES (?)", ("for Ben alone",))
        assert "for Ben alone" not in str(failed.value)
        engine.dispose()


def test_a_write_transaction_is_immediate_and_a_read_one_deferred(engines: tuple[Engine, Engine]) -> None:
    writer, reader = engines
    with writer.begin() as writing:
        writing.exec_driver_sql("CREATE TABLE t (x)")
        with reader.begin() as reading:
            assert reading.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one() == 0
    with writer.begin() as writing:
        other = sqlite.driver.connect(writer.url.database, timeout=0, isolation_level=None)
        with pytest.raises(sqlite.driver.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
    for engine in engines:
        engine.dispose()


def test_a_connection_that_is_not_in_wal_mode_is_refused(path: Path) -> None:
    sqlite.driver.connect(path).close()
    readers = sqlite.reader_engine(path, 1)
    with pytest.raises(UnusableDatabase, match="journal_mode"):
        readers.connect()
    readers.dispose()


async def test_a_new_file_is_readable_by_its_owner_alone(path: Path, store: SqlStore) -> None:
    for suffix in ("", "-wal", "-shm", ".lock"):
        file = path.with_name(path.name + suffix)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, suffix


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sqlite.path_of("sqlite:///hubbub.db") == tmp_path / "hubbub.db"
    assert sqlite.path_of(f"sqlite:///{tmp_path}/a b.db") == tmp_path / "a b.db"


def test_a_symbolic_link_names_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "hubbub.db")
    assert sqlite.path_of(f"sqlite:///{tmp_path}/link.db") == tmp_path / "hubbub.db"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hubbub.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:x.db?uri=true",
        "sqlite:///hubbub.db?mode=ro",
        "sqlite:///file:hubbub.db",
        "mysql://localhost/hubbub",
    ],
)
def test_a_url_that_names_no_file_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(UnusableDatabase, match=r"sqlite:///hubbub\.db"):
        sqlite.path_of(url)


def test_a_refusal_never_shows_the_password_of_a_url() -> None:
    with pytest.raises(UnusableDatabase) as refusal:
        sqlite.path_of("mysql://ann:secret@localhost/hubbub")
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("version", [(3, 7, 0), (3, 40, 1), (3, 51, 2)])
async def test_a_sqlite_that_can_lose_commits_is_reported(
    url: str, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(sqlite.driver, "sqlite_version_info", max(version, sqlite.OLDEST))
    store = SqlStore.open(url)
    assert len(store.warnings) == 1
    assert "WAL-reset bug" in store.warnings[0]
    await store.close()


def test_a_sqlite_without_that_bug_is_not_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite.driver, "sqlite_version_info", (3, 51, 3))
    path.touch(0o600)
    assert sqlite.warnings(path) == ()


@pytest.mark.parametrize(("mode", "reported"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)])
def test_a_file_that_is_open_to_every_user_is_reported(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, mode: int, reported: bool
) -> None:
    monkeypatch.setattr(sqlite.driver, "sqlite_version_info", (3, 51, 3))
    path.touch()
    path.chmod(mode)
    assert ["chmod 600" in warning for warning in sqlite.warnings(path)] == [True] * reported


def test_a_sqlite_that_is_too_old_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite.driver, "sqlite_version_info", (3, 37, 2))
    with pytest.raises(UnusableDatabase, match=r"3\.38\.0"):
        SqlStore.open(url)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UnusableDatabase, match=r"hubbub\.db"):
        SqlStore.open(f"sqlite:///{tmp_path}/hubbub.db")
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_what_stands_beside_the_file_and_cannot_be_written_is_named(path: Path, url: str, suffix: str) -> None:
    beside = path.with_name(path.name + suffix)
    beside.mkdir()
    with pytest.raises(UnusableDatabase, match=rf"hubbub\.db{suffix} can't be opened for writing: "):
        SqlStore.open(url)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_whose_it_is_that_cannot_be_written_is_said(path: Path, url: str) -> None:
    beside = path.with_name(path.name + "-wal")
    beside.touch(0o400)
    with pytest.raises(UnusableDatabase, match=f"It belongs to {beside.owner()}: chown it"):
        SqlStore.open(url)


async def test_a_file_with_two_names_is_refused_by_either_of_them(tmp_path: Path, store: SqlStore, path: Path) -> None:
    other = tmp_path / "other.db"
    other.hardlink_to(path)
    with pytest.raises(UnusableDatabase, match="a hard link"):
        SqlStore.open(f"sqlite:///{other}")
    await store.close()
    with pytest.raises(UnusableDatabase, match="a hard link"):
        SqlStore.open(f"sqlite:///{path}")
    other.unlink()
    await SqlStore.open(f"sqlite:///{path}").close()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableDatabase, match="absent"):
        SqlStore.open(f"sqlite:///{tmp_path}/absent/hubbub.db")


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, url: str) -> None:
    path.write_bytes(b"not a database, but something of value" * 100)
    before = path.read_bytes()
    with pytest.raises(UnusableDatabase, match="not a database"):
        SqlStore.open(url)
    assert path.read_bytes() == before
    path.unlink()
    SqlStore.open(url)._release()  # the lock was released: the same process may try again
