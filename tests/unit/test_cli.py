"""The command line: what it says, and with which exit code."""

import asyncio
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hubbub import __version__
from hubbub.cli import app
from hubbub.security.keys import load_keys
from hubbub.stores.sql import SqlStore
from tests.postgres import Databases, connect


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """The exit code, and all that was printed, with its white space made one space."""
    result = CliRunner().invoke(app, arguments, env=env)
    return result.exit_code, " ".join(result.output.split())


def test_without_a_command_it_shows_all_of_them() -> None:
    _, output = run()
    for command in ("serve", "simulate", "audit", "db", "users", "keys"):
        assert command in output


def test_every_command_has_a_help_text_with_its_options() -> None:
    for command, option in (
        (["serve"], "--database-url"),
        (["simulate"], "--replay"),
        (["audit"], "--clients"),
        (["db", "upgrade"], "--database-url"),
        (["db", "current"], "--database-url"),
        (["db", "backup"], "--database-url"),
        (["db", "new-epoch"], "--database-url"),
        (["keys", "rotate"], "--file"),
    ):
        code, output = run(*command, "--help", env={"COLUMNS": "200"})
        assert (code, option in output) == (0, True)


def test_several_processes_are_refused_on_a_file_and_told_what_to_do() -> None:
    code, output = run("serve", "--workers", "4")
    assert code == 2
    assert "4 processes can't share a SQLite file" in output
    assert "--database-url postgresql+psycopg://" in output
    assert not Path("hubbub.db").exists()


def test_a_bus_is_refused_on_a_file() -> None:
    code, output = run("serve", "--bus-url", "nats://127.0.0.1:4222")
    assert (code, "a SQLite file belongs to one process" in output) == (2, True)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "nats://", "nats://h:port", "nats://h/path", "nats://:secret@"])
def test_a_bus_that_is_none_is_refused_without_showing_its_url(url: str) -> None:
    code, output = run("serve", "--database-url", "postgresql+psycopg://nobody@127.0.0.1:1/x", "--bus-url", url)
    assert code == 2
    assert "HUBBUB_BUS_URL" in output
    assert "secret" not in output


def test_workers_without_a_nats_server_are_told_where_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    code, output = run(
        "serve", "--port", "0", "--workers", "2", "--database-url", "postgresql+psycopg://x@127.0.0.1:1/x"
    )
    assert (code, "pip install 'hubbub[cluster]'" in output) == (2, True)


def test_workers_that_do_not_start_say_why() -> None:
    code, output = run(
        "serve", "--port", "0", "--workers", "2", "--database-url", "postgresql+psycopg://x@127.0.0.1:1/x"
    )
    assert (code, "a worker did not start (exit code 75)" in output) == (75, True)


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version") == (0, f"hubbub {__version__}")


def test_a_database_is_made_once_and_then_up_to_date() -> None:
    _, before = run("db", "current")
    assert before.startswith("there is no database yet: hubbub db upgrade makes one at revision ")
    revision = before.rpartition(" ")[2]
    assert run("db", "upgrade") == (0, f"no database -> {revision}")
    assert run("db", "upgrade") == (0, f"{revision} (nothing to do)")
    assert run("db", "current") == (0, revision)


def test_a_database_that_a_server_has_is_not_upgraded() -> None:
    store = SqlStore.open("sqlite:///hubbub.db")
    try:
        code, output = run("db", "upgrade")
    finally:
        store._release()
    assert code == 2
    assert "hubbub.db is in use by process" in output


def test_a_backup_is_made_beside_a_server_and_named_with_its_size() -> None:
    store = SqlStore.open("sqlite:///hubbub.db")
    try:
        code, output = run("db", "backup", "backup.db")
    finally:
        store._release()
    assert (code, output) == (0, f"backup.db: {Path('backup.db').stat().st_size:,} bytes, and whole")
    code, output = run("db", "backup", "backup.db")
    assert (code, output) == (2, "hubbub: backup.db exists already, and is not overwritten")


def test_an_epoch_is_renewed_when_no_server_has_the_database() -> None:
    store = SqlStore.open("sqlite:///hubbub.db")
    try:
        code, output = run("db", "new-epoch")
    finally:
        store._release()
    assert (code, "hubbub.db is in use by process" in output) == (2, True)
    code, output = run("db", "new-epoch")
    assert (code, output.startswith("the epoch is ")) == (0, True)


@pytest.mark.parametrize("command", [["db", "upgrade"], ["serve", "--port", "0"]])
def test_a_folder_that_is_not_there_is_named(command: list[str]) -> None:
    code, output = run(*command, "--database-url", "sqlite:///no/such/x.db")
    assert (code, output.rpartition("hubbub: ")[2]) == (2, f"there is no folder {Path('no/such').absolute()} for x.db")


@pytest.mark.parametrize(
    "command",
    [["db", "current"], ["db", "upgrade"], ["db", "backup", "copy.db"], ["db", "new-epoch"], ["serve", "--port", "0"]],
)
def test_a_database_that_is_none_is_refused_in_a_sentence(command: list[str]) -> None:
    Path("notes.txt").write_text("This is no database, but long enough to be looked at as one." * 20)
    code, output = run(*command, "--database-url", "sqlite:///notes.txt")
    assert code == 2
    assert output.startswith("hubbub: ")
    assert "notes.txt" in output


def test_a_wrong_setting_stops_the_start_and_is_named() -> None:
    for command in (["serve"], ["db", "current"], ["keys", "rotate"]):
        code, output = run(*command, env={"HUBBUB_LOGIN_RATE": "many"})
        assert code == 2
        assert output.startswith("hubbub: HUBBUB_LOGIN_RATE: ")
    code, output = run("serve", "--port", "70000")
    assert (code, output.startswith("hubbub: HUBBUB_PORT: ")) == (2, True)


def test_an_address_that_is_taken_is_named_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output = run("serve", "--port", str(port))
    assert code == 2
    assert f"can't listen on 127.0.0.1, port {port}" in output
    assert "--port" in output


def test_keys_are_rotated_beside_the_database_and_the_last_one_stays_valid() -> None:
    Path("data").mkdir()
    url = "sqlite:///data/chat.db"
    (first,) = load_keys(Path("data/hubbub.keys"))
    code, output = run("keys", "rotate", "--database-url", url)
    newest, kept = load_keys(Path("data/hubbub.keys"))
    assert (code, kept) == (0, first)
    path = Path("data/hubbub.keys").absolute()
    assert output == f"{path}: signs with {newest.kid}, and still accepts 1 older"


def test_keys_that_are_not_there_are_not_rotated() -> None:
    code, output = run("keys", "rotate")
    assert (code, output.startswith(f"hubbub: there is no key file {Path('hubbub.keys').absolute()}: ")) == (2, True)
    assert list(Path().iterdir()) == []


def test_keys_that_come_from_a_setting_are_not_rotated_in_a_file() -> None:
    load_keys(Path("hubbub.keys"))
    code, output = run("keys", "rotate", env={"HUBBUB_SECRET": "k" * 32})
    assert (code, output.startswith("hubbub: the keys come from HUBBUB_SECRET, ")) == (2, True)
    assert run("keys", "rotate", "--file", "hubbub.keys", env={"HUBBUB_SECRET": "k" * 32})[0] == 0


def test_a_key_file_that_cannot_be_is_refused_in_a_sentence() -> None:
    Path("folder").mkdir()
    serve, rotate = ["serve", "--port", "0"], ["keys", "rotate"]
    for command, place in ((serve, "nowhere/keys"), (serve, "folder"), (rotate, "folder")):
        code, output = run(*command, env={"HUBBUB_SECRET_FILE": place})
        assert (code, output.startswith(f"hubbub: the key file {place} can't be used: ")) == (2, True)


def test_an_empty_file_is_no_database_yet() -> None:
    Path("hubbub.db").touch()
    code, output = run("db", "current")
    assert (code, output.startswith("there is no database yet")) == (0, True)


def test_keys_that_cannot_be_used_are_refused_in_a_sentence() -> None:
    Path("hubbub.keys").write_text("short")
    code, output = run("keys", "rotate")
    assert code == 2
    assert "hubbub.keys" in output


def test_a_database_on_a_server_is_made_once_and_has_epochs(postgres: Databases) -> None:
    url = postgres.create_database()
    before = run("db", "current", "--database-url", url)[1]
    revision = before.rpartition(" ")[2]
    assert before == f"there is no database yet: hubbub db upgrade makes one at revision {revision}"
    assert run("db", "upgrade", "--database-url", url) == (0, f"no database -> {revision}")
    assert run("db", "upgrade", "--database-url", url) == (0, f"{revision} (nothing to do)")
    epochs = [run("db", "new-epoch", "--database-url", url)[1] for _ in range(2)]
    store = SqlStore.open(url)
    epoch = asyncio.run(store.read(lambda tx: tx.log.epoch()))
    store._release()
    assert epochs[0] != epochs[1] == f"the epoch is {epoch} now: every client starts anew"


def test_a_database_on_a_server_is_backed_up_by_the_servers_own_programs(postgres: Databases) -> None:
    code, output = run("db", "backup", "backup.dump", "--database-url", postgres.url)
    assert (code, "pg_dump" in output) == (2, True)


@pytest.mark.parametrize("command", [["db", "upgrade"], ["db", "current"], ["db", "new-epoch"], ["serve"], ["audit"]])
def test_a_server_that_is_not_there_is_refused_in_a_sentence_without_the_password(command: list[str]) -> None:
    code, output = run(*command, "--database-url", "postgresql+psycopg://ann:secret-word@127.0.0.1:1/chat")
    expected = 75 if command == ["serve"] else 2  # a start may be tried again
    assert (code, "127.0.0.1:1/chat can't be used" in output) == (expected, True)
    assert "secret-word" not in output


@pytest.mark.parametrize("command", [["db", "upgrade"], ["db", "current"], ["serve"], ["audit"], ["users", "list"]])
@pytest.mark.parametrize(
    "url",
    [
        "foo",
        "postgresql+psycopg://hub:Sec@reTpart@127.0.0.1:1/db",
        "postgresql+psycopg://hub:Sec@reT/part@127.0.0.1:1/db",
        "postgresql+psycopg://hub:Sec@reT:part@127.0.0.1:1/db",
        "postgresql+psycopg://hub/Sec:reTpart@127.0.0.1:1/db",
        "postgresql+psycopg://hub:SecreTpart@127.0.0.1:one/db",
        "mysql://hub:Sec@reTpart@127.0.0.1/db",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_with_its_variable_and_none_of_its_parts(
    command: list[str], url: str
) -> None:
    result = CliRunner().invoke(app, [*command, "--database-url", url])
    output = " ".join(result.output.split())
    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert "HUBBUB_DATABASE_URL" in output
    assert "Write @ : / in a password as %40 %3A %2F" in output
    assert not any(part in output for part in ("Sec", "reT", "foo"))


def test_an_empty_url_is_refused_with_its_variable() -> None:
    for command in (["serve"], ["db", "current"], ["users", "list"]):
        code, output = run(*command, env={"HUBBUB_DATABASE_URL": ""})
        assert (code, "HUBBUB_DATABASE_URL" in output) == (2, True)


NEWER = "the database has schema revision 9999, which this release of hubbub does not know: a later one made it."


@pytest.mark.parametrize("command", [["db", "current"], ["db", "upgrade"], ["users", "list"], ["serve"], ["audit"]])
def test_a_database_of_a_later_release_is_refused_in_the_same_words_by_every_command(
    command: list[str], postgres: Databases
) -> None:
    run("db", "upgrade")
    with closing(sqlite3.connect("hubbub.db")) as file, file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
    url = postgres.create_database()
    run("db", "upgrade", "--database-url", url)
    with connect(url) as server:
        server.execute("UPDATE alembic_version SET version_num = '9999'")
    for one in ("sqlite:///hubbub.db", url):
        code, output = run(*command, "--database-url", one)
        assert (code, f"hubbub: {NEWER}" in output, "db upgrade" in output) == (2, True, False)


def test_an_audit_of_a_database_without_tables_says_so(postgres: Databases) -> None:
    Path("empty.db").touch()
    for url in ("sqlite:///empty.db", postgres.create_database()):
        code, output = run("audit", "--database-url", url)
        assert (code, "has no tables of hubbub: is it the right one?" in output) == (2, True)


def test_a_wrong_secret_is_found_before_a_database_is_made() -> None:
    code, output = run("serve", "--port", "0", env={"HUBBUB_SECRET": "short"})
    assert (code, "HUBBUB_SECRET holds a key of 5 bytes" in output) == (2, True)
    assert list(Path().iterdir()) == []
