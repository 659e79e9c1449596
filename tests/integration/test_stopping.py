"""The end of a server by signals, at any time of its life; and while its database is stuck: all are told in time."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from tests.integration.processes import ServerProcess, running_first, serving_process, unmeasured
from tests.integration.servers import Person, register
from tests.integration.sockets import Socket, dial


@contextmanager
def locked(folder: Path) -> Iterator[sqlite3.Connection]:
    """Another process writes to the database, and does not end."""
    with closing(sqlite3.connect(folder / "hubbub.db", isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        yield lock


BEGINS_FOR_EVER = """
import sys, time

class Finder:
    def find_spec(self, name, *_):
        if name == "hubbub.compose":
            print("it begins", flush=True)
            while True:
                time.sleep(1)

sys.meta_path.insert(0, Finder())
"""

# Here it is the database that waits, and not the time: a test may stand still for longer than a server has patience.
PATIENT = """
from hubbub.stores.sql import sqlite
sqlite._WRITER += ("PRAGMA busy_timeout = 600000",)
"""
UNHURRIED = """
from hubbub import compose
compose.MOMENT = 600.0
"""


def may_unshare() -> bool:
    """May this user start processes that have numbers of their own?"""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-pf", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0


@contextmanager
def ignoring(number: signal.Signals) -> Iterator[None]:
    """Processes that are started in the block ignore this signal, as those of `nohup` do."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


async def room_of(ann: Person) -> int:
    return int((await ann.client.post("/rooms", json={"kind": "group", "name": "a"})).json()["id"])


async def send(socket: Socket, ref: int, text: str) -> None:
    """Send a message, and make sure that it has arrived."""
    await socket.put(type="send", ref=ref, text=text)
    await socket.ask(type="history", ref=ref + 100, limit=1)


async def goodbye(socket: Socket) -> list[wire.ServerFrame]:
    """What comes at last; the last of it is the goodbye."""
    frames = await socket.until(lambda frame: isinstance(frame, wire.Bye))
    assert await socket.end() == CloseCode.DRAINING
    return frames


async def draining(server: ServerProcess, ann: Person) -> None:
    """Wait until it has begun to stop."""
    status = ""
    while status != "draining":
        status = (await ann.client.get("/health/ready")).json()["status"]


async def test_when_the_time_is_up_everybody_is_sent_away_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    async with serving_process(tmp_path, HUBBUB_DRAIN_SECONDS="0.1", first=PATIENT) as server:
        ann = await register(server, "ann")
        room_id = await room_of(ann)
        async with dial(server, f"/ws/chat/{room_id}", token=ann.access_token) as socket:
            await socket.until(lambda frame: isinstance(frame, wire.Joined))
            with locked(tmp_path):
                post = ann.client.post(f"/rooms/{room_id}/messages", json={"text": "posted"}, timeout=60)
                posting = asyncio.create_task(post)
                await send(socket, 1, "begun")
                await send(socket, 2, "waiting")
                server.process.send_signal(signal.SIGTERM)
                *refused, bye = await goodbye(socket)
                answer = await posting
        assert await server.process.wait() == 0
        await ann.client.aclose()
    assert isinstance(bye, wire.Bye)
    assert {frame.code for frame in refused if isinstance(frame, wire.Error)} == {"unavailable"}
    assert [getattr(frame, "ref", None) for frame in refused] in ([1, 2], [2]), "of the first nothing may be known"
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    with closing(sqlite3.connect(tmp_path / "hubbub.db")) as database:
        assert "waiting" not in [text for (text,) in database.execute("SELECT text FROM messages")]


async def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    async with serving_process(tmp_path, HUBBUB_DRAIN_SECONDS="600", first=PATIENT) as server:
        ann = await register(server, "ann")
        room_id = await room_of(ann)
        async with dial(server, f"/ws/chat/{room_id}", token=ann.access_token) as socket:
            await socket.until(lambda frame: isinstance(frame, wire.Joined))
            with locked(tmp_path):
                await send(socket, 1, "begun")
                server.process.send_signal(signal.SIGINT)
                await draining(server, ann)
                server.process.send_signal(signal.SIGINT)
                assert [type(frame) for frame in await goodbye(socket)] == [wire.Bye]
                assert await server.process.wait() == 130
        await ann.client.aclose()
    assert '"level": "error"' not in (tmp_path / "hubbub.log").read_text()


async def test_a_second_ctrl_c_when_nothing_is_under_way_is_no_error(tmp_path: Path) -> None:
    async with serving_process(tmp_path, first=UNHURRIED) as server:
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGINT)
        assert await server.process.wait() == 0
    assert '"level": "error"' not in (tmp_path / "hubbub.log").read_text()


async def test_a_terminal_that_is_closed_ends_it_with_a_goodbye(tmp_path: Path) -> None:
    async with serving_process(tmp_path) as server:
        ann = await register(server, "ann")
        async with dial(server, f"/ws/chat/{await room_of(ann)}", token=ann.access_token) as socket:
            await socket.until(lambda frame: isinstance(frame, wire.Joined))
            server.process.send_signal(signal.SIGHUP)
            await goodbye(socket)
        assert await server.process.wait() == 0
        await ann.client.aclose()
    log = (tmp_path / "hubbub.log").read_text()
    assert '"signal": "SIGHUP"' in log
    assert '"event": "stopped"' in log


async def test_with_nohup_a_terminal_that_is_closed_is_nothing(tmp_path: Path) -> None:
    with ignoring(signal.SIGHUP):
        async with serving_process(tmp_path) as server:
            server.process.send_signal(signal.SIGHUP)
            async with server.client() as client:
                assert (await client.get("/health/ready")).status_code == 200
            assert await server.stop() == 0
    assert "SIGHUP" not in (tmp_path / "hubbub.log").read_text()


async def test_a_signal_that_comes_again_and_again_is_heard_once_and_cuts_nothing_off(tmp_path: Path) -> None:
    async with serving_process(tmp_path) as server:
        while server.process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(server.process.pid, signal.SIGTERM)  # `send_signal` would take its exit code
            await asyncio.sleep(0)
        assert server.process.returncode == 0
    log = (tmp_path / "hubbub.log").read_text()
    assert log.count('"signal": "SIGTERM"') == 1
    assert '"event": "stopped"' in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_start_that_waits_for_its_database_can_be_stopped(tmp_path: Path, number: signal.Signals) -> None:
    asked, over = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await over.wait()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as database:
        port = database.sockets[0].getsockname()[1]
        url = f"postgresql+psycopg://127.0.0.1:{port}/chat?sslmode=disable&connect_timeout=600"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hubbub", "serve", "--port", "0", "--database-url", url),
            stderr=asyncio.subprocess.PIPE,
            cwd=tmp_path,
        )
        await asked.wait()
        process.send_signal(number)
        _, said = await process.communicate()
        over.set()
    assert process.returncode == 0
    assert b"stopped before it had started" in said
    assert b"Traceback" not in said


@pytest.mark.skipif(not may_unshare(), reason="needs util-linux, and root")
async def test_the_first_process_of_a_container_can_be_stopped_before_it_has_begun(tmp_path: Path) -> None:
    command = ["unshare", "-pf", sys.executable, "-m", "hubbub", "serve", "--port", "0"]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        cwd=tmp_path,
        env=unmeasured() | running_first(tmp_path, BEGINS_FOR_EVER),
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"it begins\n"
    (pid,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()  # noqa: ASYNC240 - of the kernel
    os.kill(int(pid), signal.SIGTERM)
    said, _ = await process.communicate()
    assert (process.returncode, said) == (128 + signal.SIGTERM, b"")
