"""A server whose words nobody takes: it serves all the same, and ends with the exit code that it means."""

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.servers import Address
from tests.postgres import EmptyDatabases

linux = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")


def broken() -> int:
    """A pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


async def start(
    folder: Path, redirection: str = "", *, stdout: int = PIPE, stderr: int = PIPE, arguments: str = "--port 0"
) -> Process:
    environment = {**os.environ, "HUBBUB_ACCESS_LOG": "true", "HUBBUB_LOG_FORMAT": "json"}
    command = f'exec "$0" -m hubbub serve {arguments} {redirection}'
    return await asyncio.create_subprocess_exec(
        *("sh", "-c", command, sys.executable), stdout=stdout, stderr=stderr, env=environment, cwd=folder
    )


@asynccontextmanager
async def ending(process: Process) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def serves_until_it_is_stopped(process: Process, port: int) -> None:
    async with Address(port).client() as client:
        for _ in range(3):  # each is a line for the log
            assert (await client.get("/health/live")).status_code == 200
    process.terminate()
    assert await process.wait() == 0


@linux
@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", ""])
async def test_a_greeting_that_cannot_be_printed_stops_nothing(tmp_path: Path, redirection: str) -> None:
    stdout = PIPE if redirection else broken()
    process = await start(tmp_path, redirection, stdout=stdout)
    async with ending(process):
        assert process.stderr is not None
        said = ""
        while '"event": "started"' not in said:
            said = (await process.stderr.readline()).decode()
            assert said, "it has ended"
        await serves_until_it_is_stopped(process, json.loads(said)["port"])
        assert b"Traceback" not in await process.stderr.read()
    if stdout != PIPE:
        os.close(stdout)


@linux
@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", ""])
async def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path, redirection: str) -> None:
    stderr = PIPE if redirection else broken()
    process = await start(tmp_path, redirection, stderr=stderr)
    async with ending(process):
        assert process.stdout is not None
        found = re.search(rb"http://127\.0\.0\.1:(\d+)", await process.stdout.readline())
        assert found
        await serves_until_it_is_stopped(process, int(found[1]))
    if stderr != PIPE:
        os.close(stderr)


async def test_who_reads_the_first_lines_alone_stops_nothing(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    process = await start(tmp_path, stdout=writing, stderr=writing)
    os.close(writing)
    async with ending(process):
        lines = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(reading))
        found = None
        while found is None:
            line = await lines.readline()
            assert line, "it has ended"
            found = re.search(rb"listens on http://127\.0\.0\.1:(\d+)", line)
        transport.close()
        await serves_until_it_is_stopped(process, int(found[1]))


async def test_a_warning_at_the_start_is_a_line_of_the_log_like_all_others(
    tmp_path: Path, empty_databases: EmptyDatabases
) -> None:
    with empty_databases.one() as url:
        arguments = f"--port 0 --bus-url nats://127.0.0.1:1 --database-url '{url}'"
        process = await start(tmp_path, arguments=arguments)
        async with ending(process):
            assert process.stdout is not None
            while b"stop " not in await process.stdout.readline():
                assert process.returncode is None
            process.terminate()
            _, logged = await process.communicate()
    lines = [json.loads(line) for line in logged.splitlines()]
    warnings = [line for line in lines if line["logger"] == "hubbub.cli"]
    assert {line["level"] for line in warnings} == {"warning"}
    assert any(line["event"].startswith("other processes are not heard") for line in warnings)


@linux
async def test_a_start_that_fails_has_its_exit_code_also_where_nobody_hears_why(tmp_path: Path) -> None:
    for redirection in ("2>/dev/full", "2>&-", ">&- 2>&-"):
        process = await start(tmp_path, redirection, arguments="--port 70000")
        await process.communicate()
        assert process.returncode == 2
