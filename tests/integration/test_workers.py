"""`hubbub serve --workers`: several processes on one port, one of which may die, and all of which are replaced."""

import asyncio
import os
import pty
import re
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from tests.integration.servers import Address, register
from tests.integration.sockets import Socket, Sockets
from tests.postgres import EmptyDatabases, connect
from tools.clusters import QUICK

COUNT = 2
ENOUGH = 16  # sockets, of which one worker has all in one of 30,000 runs


class Serving:
    """The server, and what it and its workers tell the log."""

    def __init__(self, port: int, process: asyncio.subprocess.Process) -> None:
        self.address = Address(port)
        self.process = process
        self.log = ""
        self._news = asyncio.Event()
        self.ended = asyncio.create_task(self._read())  # when nobody is left who could tell anything

    def pids(self) -> list[int]:
        """The workers that have said that they serve, the first one first."""
        return [int(pid) for pid in re.findall(r'"event": "started".*"pid": (\d+)', self.log)]

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until the log has it."""
        while not done():
            self._news.clear()
            await self._news.wait()

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.log += line.decode()
            self._news.set()


@asynccontextmanager
async def serve(folder: Path, database_url: str, **settings: str) -> AsyncIterator[Serving]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hubbub", "serve", "--port", "0", "--workers", str(COUNT)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **QUICK, "HUBBUB_DATABASE_URL": database_url, **settings},
        cwd=folder,
    )
    try:
        assert process.stdout is not None
        first = (await process.stdout.readline()).decode()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", first)
        assert found, await process.stderr.read() if process.stderr is not None else first
        serving = Serving(int(found[1]), process)
        yield serving
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    await serving.ended


@pytest.fixture
async def serving(tmp_path: Path, empty_databases: EmptyDatabases) -> AsyncIterator[Serving]:
    with empty_databases.one() as url:
        async with serve(tmp_path, url) as serving:
            yield serving


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def crowd(serving: Serving, stack: AsyncExitStack) -> list[Socket]:
    """Many sockets of one person in one room, on all workers."""
    ann = await register(serving.address, "ann")
    stack.push_async_callback(ann.client.aclose)
    room_id = (await ann.client.post("/rooms", json={"kind": "group", "name": "room"})).json()["id"]
    nodes: set[str] = set()
    sockets = []
    for _ in range(ENOUGH):
        sockets.append(await Sockets(serving.address, stack).dial(f"/ws/chat/{room_id}", token=ann.access_token))
        hello = await sockets[-1].next(wire.Hello)
        await sockets[-1].next(wire.Joined)
        nodes.add(hello.connection_id.partition("-")[0])
    assert len(nodes) == COUNT
    return sockets


async def say(sockets: list[Socket], text: str) -> None:
    """The first says it, and all are told."""
    ack = await sockets[0].ask(type="send", ref=1, text=text)
    assert isinstance(ack, wire.Ack)
    seq = int(ack.seq or 0)
    for socket in sockets[1:]:
        await socket.upto(seq)


async def test_a_worker_that_dies_is_started_again_and_the_others_never_notice(
    serving: Serving, stack: AsyncExitStack
) -> None:
    sockets = await crowd(serving, stack)
    await say(sockets, "to all")
    os.kill(serving.pids()[0], signal.SIGKILL)
    await serving.until(lambda: len(serving.pids()) > COUNT)
    left = [socket for socket in sockets if not await gone(socket)]
    assert 0 < len(left) < ENOUGH
    await say(left, "to those who are left")
    async with serving.address.client() as client:
        for _ in range(10):
            assert (await client.get("/health/ready", headers={"Connection": "close"})).status_code == 200


async def test_a_worker_that_cannot_be_started_is_tried_again_until_it_can(serving: Serving) -> None:
    limit = partial(resource.prlimit, serving.process.pid, resource.RLIMIT_NOFILE)
    soft, hard = limit()
    limit((1, hard))
    os.kill(serving.pids()[0], signal.SIGKILL)
    await serving.until(lambda: "a worker can't be started" in serving.log)
    serving.process.send_signal(signal.SIGHUP)
    await serving.until(lambda: "the workers stay as they are" in serving.log)
    limit((soft, hard))
    await serving.until(lambda: len(serving.pids()) > COUNT)


async def test_a_worker_that_says_something_else_than_that_it_serves_is_ended_and_its_words_are_told(
    tmp_path: Path,
) -> None:
    chatty = "import sys\nif 'worker' in sys.orig_argv:\n    print('a library was here', flush=True)\n"
    (tmp_path / "sitecustomize.py").write_text(chatty)
    settings = {"HUBBUB_DATABASE_URL": "postgresql+psycopg://127.0.0.1:1/none", "PYTHONPATH": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hubbub", "serve", "--port", "0", "--workers", str(COUNT)),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **settings},
        cwd=tmp_path,
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"a library was here" in said
    assert b"Traceback" not in said


async def test_on_sighup_all_workers_are_replaced_and_no_request_is_refused(
    serving: Serving, stack: AsyncExitStack
) -> None:
    sockets = await crowd(serving, stack)
    serving.process.send_signal(signal.SIGHUP)
    replaced = asyncio.create_task(serving.until(lambda: 'the workers are replaced"' in serving.log))
    async with serving.address.client() as client:
        while not replaced.done():
            assert (await client.get("/health/live", headers={"Connection": "close"})).status_code == 200
    assert len(serving.pids()) == 2 * COUNT
    assert {await socket.end() for socket in sockets} == {CloseCode.DRAINING}


async def test_a_terminal_that_is_closed_stops_them(tmp_path: Path, empty_databases: EmptyDatabases) -> None:
    with empty_databases.one() as url:
        outside, inside = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hubbub", "serve", "--port", "0", "--workers", str(COUNT)),
            stdin=inside,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **QUICK, "HUBBUB_DATABASE_URL": url},
            cwd=tmp_path,
        )
        os.close(inside)
        assert process.stdout is not None
        assert b" listens on " in await process.stdout.readline()
        os.close(outside)
        process.send_signal(signal.SIGHUP)
        _, said = await process.communicate()
    assert process.returncode == 0
    assert said.count(b'"event": "stopped"') == COUNT + 1


async def test_a_sighup_that_reaches_the_workers_too_is_for_the_first_process(serving: Serving) -> None:
    before = serving.pids()
    for pid in (serving.process.pid, *before):
        os.kill(pid, signal.SIGHUP)
    await serving.until(lambda: 'the workers are replaced"' in serving.log)
    assert len(serving.pids()) == 2 * COUNT
    assert "has ended" not in serving.log


async def test_on_sigterm_all_say_goodbye_and_nothing_is_left_running(serving: Serving, stack: AsyncExitStack) -> None:
    sockets = await crowd(serving, stack)
    serving.process.send_signal(signal.SIGTERM)
    byes = []
    for socket in sockets:
        byes.append((await socket.until(lambda frame: isinstance(frame, wire.Bye)))[-1])
        assert await socket.end() == CloseCode.DRAINING
    assert all(isinstance(bye, wire.Bye) and bye.reconnect for bye in byes)
    assert await serving.process.wait() == 0
    await serving.ended


async def test_a_second_ctrl_c_reaches_the_workers_that_wait_for_the_database(
    tmp_path: Path, empty_databases: EmptyDatabases, stack: AsyncExitStack
) -> None:
    with empty_databases.one() as url:
        async with serve(tmp_path, url, HUBBUB_DRAIN_SECONDS="600") as serving:
            sockets = await crowd(serving, stack)
            with connect(url) as lock, lock.transaction():
                lock.execute("LOCK TABLE rooms IN EXCLUSIVE MODE")  # nobody may write, until it ends
                for ref, socket in enumerate(sockets):
                    await socket.put(type="send", ref=ref, text="held up")
                    await socket.ask(type="history", ref=ref + 100, limit=1)
                serving.process.send_signal(signal.SIGINT)
                await serving.until(lambda: serving.log.count('"event": "stopping"') == 1 + COUNT)
                serving.process.send_signal(signal.SIGINT)
                for socket in sockets:
                    frames = await socket.until(lambda frame: isinstance(frame, wire.Bye))
                    assert not any(isinstance(frame, wire.Ack) for frame in frames)
                assert await serving.process.wait() == 0
    assert '"level": "error"' not in serving.log


async def test_workers_do_not_outlive_the_process_that_started_them(serving: Serving) -> None:
    serving.process.kill()
    await serving.ended
    assert serving.log.count('"event": "stopped"') == COUNT


async def gone(socket: Socket) -> bool:
    """Was it closed with its worker?"""
    try:
        await socket.ask(type="history", ref=2, limit=1)
    except ConnectionClosed:
        return True
    return False
