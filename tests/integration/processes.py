"""`hubbub serve` as a process of its own, which can be told to stop, or killed."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.servers import PATIENCE, Address

_SETTINGS = {
    "HUBBUB_LOGIN_RATE": "0",
    "HUBBUB_FRAME_RATE": "0",
    "HUBBUB_REQUEST_RATE": "0",
    "HUBBUB_ARGON2_TIME_COST": "1",
    "HUBBUB_ARGON2_MEMORY_KIB": "8",
    "HUBBUB_ARGON2_PARALLELISM": "1",
    "HUBBUB_LOG_FORMAT": "json",
    "HUBBUB_AUTH_SECONDS": f"{PATIENCE}",
}


def unmeasured() -> dict[str, str]:
    """The environment for a process whose coverage is not measured: that runs other code, or hears SIGTERM itself."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


def running_first(folder: Path, code: str) -> dict[str, str]:
    """The environment for a process that runs this code before its own."""
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder)}


def database_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'hubbub.db'}"


@dataclass(frozen=True, slots=True)
class ServerProcess(Address):
    """A server in another process."""

    process: asyncio.subprocess.Process

    async def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()


@asynccontextmanager
async def serving_process(
    folder: Path, *, port: int = 0, first: str = "", **settings: str
) -> AsyncIterator[ServerProcess]:
    """Serve what is in `folder`, on a free port unless one is given, and write the log to `hubbub.log` there.

    The process runs `first` before its own code.
    """
    environment = {**os.environ, **_SETTINGS, **settings, **(running_first(folder, first) if first else {})}
    command = [sys.executable, "-m", "hubbub", "serve", "--port", str(port), "--database-url", database_url(folder)]
    with (folder / "hubbub.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=log, env=environment, cwd=folder
        )
    try:
        assert process.stdout is not None
        first = (await process.stdout.readline()).decode()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", first)
        assert found, first + (folder / "hubbub.log").read_text()
        yield ServerProcess(int(found[1]), process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
