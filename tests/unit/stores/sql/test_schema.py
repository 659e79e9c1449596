"""The schema: its revisions, and that queries see it as it is."""

from importlib import resources
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from hubbub.domain.messages import Message
from hubbub.stores.sql import SqlStore, UnusableDatabase, current, sqlite, upgrade
from hubbub.stores.sql.events import EventRow
from hubbub.stores.sql.tables import messages, metadata, room_events


@pytest.fixture
def engine(path: Path, url: str) -> Engine:
    """A connection to a migrated database, beside any store."""
    upgrade(url)
    return sqlite.reader_engine(path, 1)


def test_tables_are_what_the_migrations_made(engine: Engine) -> None:
    inspector = inspect(engine)
    made = {
        name: [(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(name)]
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }
    sqlite_types = {"BIGINT": "INTEGER"}
    seen = {
        name: [(c.name, sqlite_types.get(str(c.type), str(c.type)), bool(c.nullable)) for c in table.c]
        for name, table in metadata.tables.items()
    }
    # The column of an INTEGER PRIMARY KEY is never null; SQLite does not say so.
    assert {
        name: [(column, kind, nullable and column != "id") for column, kind, nullable in columns]
        for name, columns in made.items()
    } == seen
    keys = {name: inspector.get_pk_constraint(name)["constrained_columns"] for name in made}
    assert keys == {name: [column.name for column in table.primary_key] for name, table in metadata.tables.items()}
    engine.dispose()


def test_rows_and_domain_objects_have_the_same_fields_in_the_same_order() -> None:
    assert tuple(messages.c.keys()) == Message.__slots__
    assert tuple(room_events.c.keys()) == EventRow._fields


def test_every_table_is_strict(engine: Engine) -> None:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM pragma_table_list WHERE type = 'table'").all()
    loose = {row.name for row in rows if not row.strict and not row.name.startswith("sqlite_")}
    assert loose == {"alembic_version"}
    engine.dispose()


def test_upgrade_makes_a_database_and_may_be_repeated(url: str) -> None:
    revision, head = current(url)
    assert (revision, head) == (None, "0004")
    upgrade(url)
    upgrade(url)
    assert current(url) == (head, head)


def test_current_makes_no_file(path: Path, url: str) -> None:
    current(url)
    assert not path.exists()


def test_current_refuses_what_is_no_database(path: Path, url: str) -> None:
    path.write_text("not a database")
    with pytest.raises(UnusableDatabase, match="not a database"):
        current(url)


async def test_opening_upgrades_and_keeps_what_is_there(url: str) -> None:
    first = SqlStore.open(url)
    epoch = await first.read(lambda tx: tx.log.epoch())
    await first.close()
    second = SqlStore.open(url)
    assert await second.read(lambda tx: tx.log.epoch()) == epoch
    await second.close()
    assert current(url)[0] == current(url)[1]


async def test_every_new_database_has_an_epoch_of_its_own(tmp_path: Path) -> None:
    epochs = set()
    for number in range(3):
        store = SqlStore.open(f"sqlite:///{tmp_path}/{number}.db")
        epochs.add(await store.read(lambda tx: tx.log.epoch()))
        await store.close()
    assert len(epochs) == 3


def test_a_database_of_a_later_release_is_refused(path: Path, url: str) -> None:
    upgrade(url)
    connection = sqlite.driver.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    for call in (SqlStore.open, upgrade, current):
        with pytest.raises(UnusableDatabase, match="9999"):
            call(url)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    connection.close()


def test_a_failed_upgrade_leaves_nothing(path: Path, url: str) -> None:
    connection = sqlite.driver.connect(path)
    connection.execute("CREATE TABLE rooms (x)")
    connection.commit()
    with pytest.raises(UnusableDatabase, match="rooms"):
        upgrade(url)
    tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    connection.close()
    assert tables == [("rooms",)]


def test_the_migrations_are_part_of_the_package() -> None:
    migrations = resources.files("hubbub.stores.sql") / "migrations"
    assert {"env.py", "script.py.mako", "versions"} <= {file.name for file in migrations.iterdir()}
