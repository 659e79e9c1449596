"""`hubbub users`: what it does to accounts, and how it refuses."""

import asyncio
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from typer.testing import CliRunner

from hubbub.cli import app
from hubbub.services.ports import Tx
from hubbub.stores.sql import SqlStore, upgrade
from tests.postgres import EmptyDatabases

T = TypeVar("T")

PASSWORD = "correct horse"
URL = "sqlite:///hubbub.db"
QUICK = {"HUBBUB_ARGON2_TIME_COST": "1", "HUBBUB_ARGON2_MEMORY_KIB": "8", "HUBBUB_ARGON2_PARALLELISM": "1"}
LAST = "hubbub: this is the last administrator who can sign in: appoint another one first"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and settings that hash quickly."""
    monkeypatch.chdir(tmp_path)
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def database() -> None:
    upgrade(URL)


def run(*arguments: str, typed: str | bytes = "") -> tuple[int, str]:
    """The exit code, and all that was printed, with its white space made one space."""
    result = CliRunner().invoke(app, ["users", *arguments], input=typed)
    return result.exit_code, " ".join(result.output.split())


def add(*names: str) -> None:
    for name in names:
        assert run("add", name, f"{name}@example.org", typed=f"{PASSWORD}\n")[0] == 0


def look(fn: Callable[[Tx], T]) -> T:
    """What the database holds."""

    async def read() -> T:
        store = SqlStore.open(URL)
        try:
            return await store.read(fn)
        finally:
            await store.close()

    return asyncio.run(read())


COMMANDS = (
    ("list",),
    ("add", "ann", "ann@example.org"),
    ("grant-admin", "ann"),
    ("revoke-admin", "ann"),
    ("disable", "ann"),
    ("enable", "ann"),
    ("reset-password", "ann"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_shows_an_example_of_itself(command: tuple[str, ...]) -> None:
    code, output = run(command[0], "--help")
    assert (code, f"hubbub users {command[0]}" in output.partition("Examples")[2]) == (0, True)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_database_that_is_not_there_is_not_made(command: tuple[str, ...]) -> None:
    code, output = run(*command, typed=f"{PASSWORD}\n")
    assert code == 2
    assert output.startswith("hubbub: there is no database yet, and this release needs ")
    assert output.endswith(": hubbub db upgrade")
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_file_that_a_server_has_is_left_to_it(command: tuple[str, ...]) -> None:
    store = SqlStore.open(URL)
    try:
        code, output = run(*command, typed=f"{PASSWORD}\n")
    finally:
        store._release()
    assert (code, "hubbub.db is in use by process" in output) == (2, True)


@pytest.mark.usefixtures("database")
def test_accounts_are_listed_with_what_is_special_about_them() -> None:
    assert run("list") == (0, "")
    add("ben", "ann", "eve")
    assert run("grant-admin", "ANN") == (0, "ann is an administrator now")
    assert run("disable", "ben@example.org")[0] == 0
    lines = CliRunner().invoke(app, ["users", "list"]).output.splitlines()
    assert [line.split() for line in lines] == [
        ["2", "ann", "ann@example.org", "administrator"],
        ["1", "ben", "ben@example.org", "disabled"],
        ["3", "eve", "eve@example.org"],
    ]


@pytest.mark.usefixtures("database")
def test_an_account_that_is_added_has_what_it_was_given() -> None:
    given = ("add", "ann", "ann@example.org", "--display-name", "Ann Lee")
    assert run(*given, typed=f"{PASSWORD}\n") == (0, "ann has an account now, with the id 1")
    ann = look(lambda tx: tx.users.find("ann"))
    assert ann is not None
    assert (ann.email, ann.display_name, ann.is_admin) == ("ann@example.org", "Ann Lee", False)
    assert ann.password_hash.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert run(*given, typed=f"{PASSWORD}\n") == (2, "hubbub: this username or e-mail address is taken")


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("typed", ["", "\n", "short\n", "x" * 300, b"\xff\xfe is no text\n"])
def test_what_is_no_password_is_refused_and_not_shown(typed: str | bytes) -> None:
    code, output = run("add", "ann", "ann@example.org", typed=typed)
    assert (code, output.startswith("hubbub: ")) == (2, True)
    assert "short" not in output
    assert look(lambda tx: tx.users.find("ann")) is None


@pytest.mark.usefixtures("database")
def test_an_account_is_disabled_until_it_is_enabled() -> None:
    add("ann")
    assert run("disable", "ann") == (0, "ann can't sign in any more; open connections end within 15 seconds")
    ann = look(lambda tx: tx.users.find("ann"))
    assert ann is not None
    assert ann.disabled_at is not None
    assert run("enable", "ann") == (0, "ann can sign in again")
    assert look(lambda tx: tx.users.find("ann")) == replace(ann, disabled_at=None)


@pytest.mark.usefixtures("database")
def test_the_last_administrator_stays() -> None:
    add("ann", "ben")
    assert run("grant-admin", "ann")[0] == 0
    assert run("revoke-admin", "ann") == run("disable", "ann") == (2, LAST)
    assert run("grant-admin", "ben")[0] == 0
    assert run("revoke-admin", "ann") == (0, "ann is no administrator any more")


@pytest.mark.usefixtures("database")
def test_another_password_replaces_the_hash() -> None:
    add("ann")
    before = look(lambda tx: tx.users.find("ann"))
    answer = (0, "ann has another password; open connections end within 15 seconds")
    assert run("reset-password", "ann", typed="battery staple\n") == answer
    after = look(lambda tx: tx.users.find("ann"))
    assert before is not None
    assert after is not None
    assert before.password_hash != after.password_hash


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("command", ["grant-admin", "revoke-admin", "disable", "enable", "reset-password"])
def test_nobody_is_not_found(command: str) -> None:
    assert run(command, "ann", typed=f"{PASSWORD}\n") == (2, "hubbub: there is no user ann")


@pytest.mark.parametrize("command", [["list"], ["disable", "ann"]])
def test_a_database_that_is_none_is_refused_in_a_sentence(command: list[str]) -> None:
    Path("notes.txt").write_text("This is no database, but long enough to be looked at as one." * 20)
    code, output = run(*command, "--database-url", "sqlite:///notes.txt")
    assert (code, output.startswith("hubbub: "), "notes.txt" in output) == (2, True, True)


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBBUB_LOGIN_RATE", "many")
    code, output = run("list")
    assert (code, output.startswith("hubbub: HUBBUB_LOGIN_RATE: ")) == (2, True)


def test_on_postgresql_servers_may_go_on(empty_databases: EmptyDatabases) -> None:
    with empty_databases.one() as url:
        store = SqlStore.open(url)
        try:
            added = run("add", "ann", "ann@example.org", "--database-url", url, typed=f"{PASSWORD}\n")
            assert added == (0, "ann has an account now, with the id 1")
            assert run("disable", "ann", "--database-url", url)[0] == 0
        finally:
            store._release()


@pytest.mark.usefixtures("database")
def test_at_a_terminal_a_password_is_typed_twice_and_not_shown() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "hubbub", "users", "add", "ann", "ann@example.org"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        shown = b""
        for prompt in (b"Password: ", b"Repeat for confirmation: "):
            while not shown.endswith(prompt):
                shown += os.read(ours, 1024)
            os.write(ours, f"{PASSWORD}\n".encode())
        while b"has an account now" not in shown:
            shown += os.read(ours, 1024)
        assert process.wait() == 0
    os.close(ours)
    assert PASSWORD.encode() not in shown
