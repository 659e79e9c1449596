"""Several processes of one server on this machine: started, watched, started again, and stopped together.

Each worker is `hubbub worker`, a fresh interpreter with a listening socket of its own on the common port, which stays
open here while a worker is replaced: what connects meanwhile waits. It ends when its standard input does, so that none
outlives this process.
"""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from hubbub.buses.nats_server import NoNatsServer, PrivateNats
from hubbub.settings import Settings, UnusableSettings, variable

FIRST, LAST = 0.5, 30.0  # seconds until something that ended is started again: doubled each time, up to this
HEALTHY = 60.0  # seconds after which an end is not the fault of the start
GRACE = 15.0  # seconds beyond `drain_seconds`, after which nobody is connected, that a worker has to end

log = logging.getLogger(__name__)

Started = Callable[[int, tuple[str, ...]], None]


class WorkerFailed(Exception):
    """There is no further worker: it could not be started, or was not ready before it ended, and has said why."""

    code: int | None = None  # its exit code


@dataclass(slots=True, eq=False)
class Worker:
    """One process."""

    process: asyncio.subprocess.Process
    warnings: tuple[str, ...] = ()

    def hurry(self) -> None:
        """Have it wait for nothing more, if it is being stopped."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)

    async def end(self, seconds: float) -> None:
        """Stop it; kill it when it takes longer."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), seconds)
        except asyncio.TimeoutError:
            log.error("a worker did not stop in time, and is killed", extra={"pid": self.process.pid})
            self.process.kill()
            await self.process.wait()


@dataclass(slots=True, eq=False)
class Place:
    """A listening socket, and who accepts from it."""

    listener: socket.socket
    worker: Worker | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # held while its worker is replaced


class Workers:
    """All workers of one server, and the NATS over which they talk unless another one is given."""

    def __init__(self, settings: Settings, listeners: Sequence[socket.socket]) -> None:
        self._settings = settings
        self._places = [Place(listener) for listener in listeners]
        self._nats = PrivateNats() if settings.bus_url is None else None
        self._alive: dict[Worker, None] = {}  # also those that are being started or replaced
        self._begun = False
        self._stopping = asyncio.Event()
        self._in_terminal = _in_terminal()
        self._renewing: asyncio.Task[None] | None = None

    async def run(self, started: Started) -> None:
        """Serve until SIGINT or SIGTERM; on SIGHUP, replace one worker after the other. Raise WorkerFailed.

        A SIGINT that comes after that cuts the stop short. A SIGHUP of a terminal that is closed is like SIGTERM.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        loop.add_signal_handler(signal.SIGTERM, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        async with AsyncExitStack() as stack:
            if self._nats is not None:
                stack.push_async_callback(self._nats.close)
                await self._nats.start()
            stack.push_async_callback(self._end)
            stopped = asyncio.create_task(self._stopping.wait())
            begun = asyncio.create_task(self._begin())
            await asyncio.wait([stopped, begun], return_when=asyncio.FIRST_COMPLETED)
            if not begun.done():
                begun.cancel()
                await asyncio.wait([begun])
                return
            begun.result()
            self._begun = True
            warnings = self._places[0].worker.warnings if self._places[0].worker else ()
            keepers = [asyncio.create_task(self._keep(place)) for place in self._places]
            if self._nats is not None:
                keepers.append(asyncio.create_task(self._keep_nats(self._nats)))
            for keeper in keepers:
                stack.callback(keeper.cancel)
            started(self._places[0].listener.getsockname()[1], warnings)
            await stopped
            log.info("stopping")

    def _interrupt(self) -> None:
        if self._stopping.is_set():
            for worker in self._alive:
                worker.hurry()
        self._stopping.set()

    def _hang_up(self) -> None:
        if self._in_terminal and not _in_terminal():
            self._stopping.set()
        else:
            self._renew_soon()

    async def _begin(self) -> None:
        """Start the first worker alone, which brings the tables up to date, and then the others."""
        first, *others = self._places
        await self._fill(first)
        await asyncio.gather(*(self._fill(place) for place in others))

    async def _end(self) -> None:
        """Accept no more, and have all workers send their clients away."""
        if self._renewing is not None:
            self._renewing.cancel()
        for place in self._places:
            place.listener.close()
        await asyncio.gather(*(self._finish(worker) for worker in self._alive))

    # One worker

    async def _fill(self, place: Place) -> None:
        place.worker = await self._start(place)

    async def _start(self, place: Place) -> Worker:
        """A worker that is ready. Raise WorkerFailed."""
        number = place.listener.fileno()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "hubbub", "worker", str(number)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=os.environ | self._environment(),
                pass_fds=[number],
                start_new_session=True,  # Ctrl-C is for this process, which tells them
            )
        except OSError as error:  # no process, memory or file is left
            raise WorkerFailed(f"a worker can't be started: {error}") from error
        worker = Worker(process)
        self._alive[worker] = None
        try:
            assert process.stdout is not None
            line = await process.stdout.readline()
            if not line:
                failed = WorkerFailed(f"a worker did not start (exit code {await process.wait()})")
                failed.code = process.returncode
                raise failed
            worker.warnings = _warnings(line)
        except BaseException:
            await self._finish(worker)
            raise
        return worker

    async def _finish(self, worker: Worker) -> None:
        await worker.end(self._settings.drain_seconds + GRACE)
        self._alive.pop(worker, None)

    def _environment(self) -> dict[str, str]:
        """The settings, as a worker finds them."""
        given = {name: getattr(self._settings, name) for name in self._settings.model_fields_set}
        given |= {"workers": 1}
        if self._nats is not None:
            given["bus_url"] = self._nats.url
        return {variable(name): _text(value) for name, value in given.items() if value is not None}

    async def _keep(self, place: Place) -> None:
        """Start a worker again whenever it has ended by itself."""
        pause = FIRST
        while True:
            worker, began = place.worker, time.monotonic()
            if worker is not None:
                code = await worker.process.wait()
                self._alive.pop(worker, None)
                if place.worker is not worker:
                    continue  # it was replaced
                log.error("a worker has ended, and is started again", extra={"pid": worker.process.pid, "code": code})
                pause = FIRST if time.monotonic() - began > HEALTHY else min(2 * pause, LAST)
            await asyncio.sleep(pause)
            async with place.lock:
                if place.worker is not worker:
                    continue  # it was replaced meanwhile
                try:
                    await self._fill(place)
                except WorkerFailed as error:
                    place.worker = None
                    pause = min(2 * pause, LAST)
                    log.error("%s", error)

    async def _keep_nats(self, nats: PrivateNats) -> None:
        while True:
            await nats.ended()
            log.error("nats-server has ended, and is started again")
            await asyncio.sleep(FIRST)
            try:
                await nats.start()
            except (NoNatsServer, OSError) as error:
                log.error("%s", error)

    # All of them, one after the other

    def _renew_soon(self) -> None:
        if self._begun and (self._renewing is None or self._renewing.done()):
            self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        """Replace each worker by a new one, which accepts before the old one sends its clients away."""
        log.info("the workers are replaced, one after the other")
        for place in self._places:
            async with place.lock:
                old = place.worker
                try:
                    await self._fill(place)
                except WorkerFailed as error:
                    log.error("%s: the workers stay as they are", error)
                    return
            if old is not None:
                await self._finish(old)
        log.info("the workers are replaced")


def check_workers(settings: Settings) -> None:
    """Raise UnusableSettings where several processes can't share the database."""
    if settings.workers > 1 and settings.database_url.startswith("sqlite"):
        raise UnusableSettings(
            f"{variable('workers')}: {settings.workers} processes can't share a SQLite file, which belongs to one. "
            "PostgreSQL serves as many as you like: --database-url postgresql+psycopg://user:password@host/hubbub"
        )


def _in_terminal() -> bool:
    """Is this process still shown somewhere? A terminal that was closed is none any more."""
    return any(map(os.isatty, range(3)))


def _warnings(line: bytes) -> tuple[str, ...]:
    """What a worker says once it is ready. Raise WorkerFailed."""
    try:
        return tuple(json.loads(line)["warnings"])
    except (ValueError, KeyError, TypeError) as error:
        raise WorkerFailed(f"a worker said what is not for its parent: {line[:200]!r}") from error


def _text(value: object) -> str:
    """A setting as an environment variable has it."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case bool():
            return "true" if value else "false"
        case tuple():
            return " ".join(map(str, value))
        case Path():
            return str(value)
        case _:
            return str(value)
