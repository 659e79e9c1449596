"""`hubbub audit` as it is called: on a server that is killed, beside a running one, and with something to find."""

import asyncio
import sys
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hubbub.cli import app
from hubbub.services.changes import Change
from hubbub.services.journal import _Lane
from hubbub.services.queues import Waiting
from hubbub.stores.sql.sqlite import driver
from tests.integration.processes import database_url, serving_process
from tests.integration.servers import register, serving, settings_in

COUNT = "SELECT count(*) FROM messages"


async def audit(*arguments: str) -> tuple[int, str]:
    """Run it; its exit code, and what it printed."""
    running = await start(*arguments)
    return await finish(running)


async def start(*arguments: str) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "hubbub", "audit", *arguments]
    return await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )


async def finish(running: asyncio.subprocess.Process) -> tuple[int, str]:
    printed, _ = await running.communicate()
    return running.returncode or 0, printed.decode()


async def talked(folder: Path, least: int) -> int:
    """Wait until there are so many messages in the database, or more: return their number."""
    with closing(driver.connect(str(folder / "hubbub.db"))) as connection:
        while (count := int(connection.execute(COUNT).fetchone()[0])) < least:  # noqa: ASYNC110 - by another process
            await asyncio.sleep(0.05)
        return count


async def test_a_server_that_is_killed_twice_loses_doubles_and_reorders_nothing(tmp_path: Path, port: int) -> None:
    async with serving_process(tmp_path, port=port) as server:
        running = await start(server.url, "--clients", "4", "--rooms", "2", "--seconds", "12", "--rate", "60")
        before = await talked(tmp_path, 50)
        await server.kill()
    async with serving_process(tmp_path, port=port) as server:
        await talked(tmp_path, before + 50)
        await server.kill()
    async with serving_process(tmp_path, port=port):
        code, printed = await finish(running)
        assert (code, printed.splitlines()[-2]) == (0, "nothing wrong was found"), printed
        code, printed = await audit("--database-url", database_url(tmp_path))  # while the server runs
        assert (code, printed.splitlines()[-1]) == (0, "nothing wrong was found"), printed


async def test_clients_talk_to_all_nodes_that_are_named_and_in_as_many_rooms_as_they_are_to(tmp_path: Path) -> None:
    async with serving_process(tmp_path) as server:
        nodes = (server.url, f"http://localhost:{server.port}")
        code, printed = await audit(*nodes, "--clients", "6", "--rooms", "3", "--rooms-each", "2", "--seconds", "1")
        assert (code, printed.splitlines()[-2]) == (0, "nothing wrong was found"), printed
        assert await server.stop() == 0
    connection = driver.connect(str(tmp_path / "hubbub.db"))
    members = connection.execute("SELECT room_id, count(*) FROM members GROUP BY room_id").fetchall()
    users = [name for (name,) in connection.execute("SELECT username FROM users ORDER BY id")]
    connection.close()
    assert members == [(1, 4), (2, 4), (3, 4)]
    left = f"left behind on the server: the users {users[0]} to {users[-1]}, and the rooms Audit 1 to Audit 3"
    assert (len(users), printed.splitlines()[-1]) == (6, left)


async def test_answers_that_take_longer_than_the_patience_are_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, over = _Lane._commit, asyncio.Event()

    async def commit(lane: _Lane, batch: list[Waiting]) -> None:
        if any(isinstance(waiting.change, Change) for waiting in batch):  # and not only the founding of a room
            await over.wait()
        await real(lane, batch)

    monkeypatch.setattr(_Lane, "_commit", commit)
    async with serving(settings_in(tmp_path)) as server:
        code, printed = await audit(server.url, "--clients", "2", "--rooms", "1", "--seconds", "0.5", "--patience", "0")
        over.set()
    assert (code, printed.splitlines()[-2]) == (1, "1 finding"), printed
    assert "not answered within 0 s" in printed
    assert "--patience" in printed


async def test_existing_users_may_be_the_clients(tmp_path: Path) -> None:
    async with serving_process(tmp_path, HUBBUB_REGISTRATION="open") as server:
        people = [await register(server, name) for name in ("ann", "bob")]
        for person in people:
            await person.client.aclose()
        tokens = tmp_path / "tokens"
        tokens.write_text("\n".join(person.access_token for person in people))
        code, printed = await audit(server.url, "--tokens", str(tokens), "--seconds", "1", "--rate", "20")
        assert (code, printed.splitlines()[-2]) == (0, "nothing wrong was found"), printed
        assert printed.startswith("2 clients, 2 connections, 3 rooms, ")
        assert printed.splitlines()[-1] == "left behind on the server: the rooms Audit 1 to Audit 3"


async def test_what_is_found_in_a_database_is_named_and_makes_the_exit_code_1(tmp_path: Path) -> None:
    async with serving_process(tmp_path) as server:
        code, printed = await audit(server.url, "--clients", "2", "--rooms", "1", "--seconds", "1")
        assert code == 0, printed
        assert await server.stop() == 0
    connection = driver.connect(str(tmp_path / "hubbub.db"))
    connection.execute("DELETE FROM messages WHERE seq = 7")
    connection.execute("DELETE FROM room_events WHERE seq = 7")
    connection.commit()
    connection.close()
    code, printed = await audit("--database-url", database_url(tmp_path))
    assert code == 1
    assert "events 7 to 7 are missing" in printed
    assert "finding" in printed.splitlines()[-1]


async def test_a_server_that_is_not_there_is_said_in_one_line() -> None:
    code, printed = await audit("http://127.0.0.1:9", "--clients", "1", "--patience", "0")
    assert code == 2
    assert printed.startswith("hubbub: no answer from 127.0.0.1:9: ")
    assert len(printed.splitlines()) == 1


def test_a_file_without_a_token_makes_no_users_instead(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("\n")

    result = CliRunner().invoke(app, ["audit", "http://127.0.0.1:9", "--tokens", str(tokens), "--patience", "0"])

    assert (result.exit_code, "there is no token in" in result.output) == (2, True)


@pytest.mark.parametrize("arguments", [[], ["http://127.0.0.1:9", "--database-url", "sqlite:///x.db"]])
def test_it_is_either_a_server_or_a_database(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["audit", *arguments]).exit_code == 2


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["audit", "--database-url", f"sqlite:///{tmp_path / 'none.db'}"])
    assert result.exit_code == 2
    assert not (tmp_path / "none.db").exists()
