"""The schema on PostgreSQL: made once, and the same as that of a file."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, make_url

from hubbub.stores.sql import DatabaseUnreachable, SqlStore, UnusableDatabase, current, shown, upgrade
from hubbub.stores.sql import postgres as connections
from hubbub.stores.sql.tables import metadata
from tests.postgres import Databases, PostgresServer, connect

LOWER = [("ÀB", "àb"), ("İ", "i̇"), ("ΑΣ", "ας"), ("ẞ", "ß"), ("Щ", "щ"), ("x_y", "x_y")]


@pytest.fixture
def empty_url(postgres: Databases) -> Iterator[str]:
    """A database without a table."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def engine(server_url: str) -> Iterator[Engine]:
    engine = connections.writer_engine(connections.url_of(server_url), 1, timeout=10)
    yield engine
    engine.dispose()


def test_tables_are_what_the_migrations_made(engine: Engine) -> None:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("""
            SELECT c.table_name, c.column_name, upper(c.data_type), c.is_nullable
            FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
            WHERE t.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND table_name <> 'alembic_version'
            ORDER BY c.table_name, c.ordinal_position""").all()
    made = {
        name: [(column, kind, nullable == "YES") for table, column, kind, nullable in rows if table == name]
        for name in {row[0] for row in rows}
    }
    kinds = {"BLOB": "BYTEA"}
    seen = {
        name: [
            (column.name, kinds.get(str(column.type), str(column.type)), bool(column.nullable)) for column in table.c
        ]
        for name, table in metadata.tables.items()
    }
    assert made == seen


def test_what_is_looked_up_or_sorted_has_the_order_of_code_points(engine: Engine) -> None:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("""
            SELECT DISTINCT a.attname FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indexrelid
            JOIN pg_class AS c ON c.oid = i.indrelid WHERE c.relnamespace = current_schema()::regnamespace
            AND a.attcollation NOT IN (0, 'pg_catalog."C"'::regcollation) AND c.relname <> 'alembic_version'""").all()
    assert rows == []


@pytest.mark.parametrize(("text", "lower"), LOWER)
def test_lower_case_is_that_of_python(engine: Engine, text: str, lower: str) -> None:
    assert text.lower() == lower
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT lower_unicode(%s::text)", (text,)).scalar_one() == lower


def test_any_number_of_processes_may_begin_at_the_same_time(empty_url: str) -> None:
    with ThreadPoolExecutor(4) as processes:
        list(processes.map(upgrade, [empty_url] * 4))
    revision, head = current(empty_url)
    assert revision == head
    with connect(empty_url) as connection:
        assert connection.execute("SELECT count(*) FROM meta").fetchall() == [(1,)]
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchall() == [(1,)]


def test_a_failed_upgrade_leaves_nothing(empty_url: str) -> None:
    with connect(empty_url) as connection:
        connection.execute("CREATE TABLE rooms (x int)")
        with pytest.raises(UnusableDatabase, match="rooms"):
            upgrade(empty_url)
        assert connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall() == [
            ("rooms",)
        ]


def test_a_database_of_a_later_release_is_refused(server_url: str) -> None:
    _, head = current(server_url)
    with connect(server_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        try:
            with pytest.raises(UnusableDatabase, match="9999"):
                SqlStore.open(server_url)
        finally:
            connection.execute("UPDATE alembic_version SET version_num = %s", [head])


def test_a_database_that_cannot_hold_every_text_is_refused(empty_url: str) -> None:
    name = make_url(empty_url).database
    with connect(empty_url) as connection:
        connection.execute(f"CREATE DATABASE {name}_ascii ENCODING 'SQL_ASCII' TEMPLATE template0".encode())
        url = make_url(empty_url).set(database=f"{name}_ascii").render_as_string(hide_password=False)
        with pytest.raises(UnusableDatabase, match="SQL_ASCII"):
            upgrade(url)
        connection.execute(f"DROP DATABASE {name}_ascii".encode())


def test_commits_wait_for_the_disk_whatever_the_server_is_set_to(server_url: str, engine: Engine) -> None:
    name = make_url(server_url).database
    with connect(server_url) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
        with engine.connect() as writer:
            assert writer.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
        connection.execute(f"ALTER DATABASE {name} RESET synchronous_commit".encode())


def test_a_server_that_may_lose_what_it_acknowledged_is_warned_of(postgres: Databases, engine: Engine) -> None:
    with engine.connect() as connection:
        warnings = connections.warnings(connection)
    if isinstance(postgres, PostgresServer):  # which is a quick one
        assert ["fsync" in warnings[0], "full_page_writes" in warnings[1]] == [True, True]


@pytest.mark.parametrize(
    "url", ["postgresql+asyncpg://db/chat", "postgresql://", "postgresql+psycopg://db", "postgres://db/chat"]
)
def test_urls_that_mean_something_else_are_refused_with_an_example(url: str) -> None:
    with pytest.raises(UnusableDatabase, match=r"postgresql\+psycopg://user:password@host:5432/database"):
        upgrade(url)


def test_a_url_is_shown_without_a_secret() -> None:
    url = "postgresql+psycopg://ann:secret@db.example.org/chat?password=secret&sslmode=require"
    assert shown(url) == "db.example.org:5432/chat"
    assert shown("postgresql:///chat?host=/run/postgresql") == "/run/postgresql:5432/chat"


def test_without_the_driver_one_is_told_what_to_install(server_url: str) -> None:
    script = "import sys; sys.modules['psycopg'] = None; from hubbub.cli import main; main()"
    command = [sys.executable, "-c", script, "db", "current", "--database-url", server_url]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (refused.returncode, "hubbub[cluster]" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    "wrong",
    [{"password": "wrong"}, {"username": "nobody"}, {"database": "none"}, {"port": 99999}, {"query": {"no": "such"}}],
)
def test_a_server_that_refuses_is_no_server_that_does_not_answer(server_url: str, wrong: dict[str, Any]) -> None:
    url = make_url(server_url).set(**wrong).render_as_string(hide_password=False)
    with pytest.raises(UnusableDatabase) as refusal:
        upgrade(url)
    assert type(refusal.value) is UnusableDatabase


def test_a_server_that_does_not_answer_may_do_so_in_a_moment(server_url: str) -> None:
    with pytest.raises(DatabaseUnreachable):
        upgrade(make_url(server_url).set(port=1).render_as_string(hide_password=False))
