"""uvicorn, set up for hubbub: its limits, its sockets, and a shutdown that says goodbye first."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

import uvicorn
from fastapi import FastAPI

from hubbub.settings import Settings
from hubbub.web.fanout_protocol import FanoutProtocol
from hubbub.web.http_protocol import HttpProtocol

if sys.platform != "win32":
    import resource

BACKLOG = 4096  # connections that wait to be accepted: as many come at once after a restart
LEAST_SECONDS = 1.5  # for what is under way to end, however late it is; more than a new connection has to ask
OPEN_FILES = 10_240  # where there is no limit: macOS takes no more
TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)  # Linux's number, which Python does not name before 3.12
NOTSENT = 32_768  # bytes that the kernel takes beyond what it can send: with more a slow reader would stay unnoticed

log = logging.getLogger(__name__)


class CannotListen(Exception):
    """The address is taken, or not ours to listen on."""


class UvicornServer(uvicorn.Server):
    """Serves an application until it is told to stop; then says goodbye before the sockets are closed.

    What is under way has `drain_seconds` in all, or until a second SIGINT. `stopping` says goodbye, and no longer waits
    for anything once the event is set that it gets. What is unanswered then is answered as unavailable, or cut.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        started: Callable[[], None],
        stopping: Callable[[asyncio.Event], Awaitable[None]],
        drain_seconds: float,
    ) -> None:
        super().__init__(config)
        self._when_started = started
        self._when_stopping = stopping
        self._drain_seconds = drain_seconds
        self._hurry = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._when_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        loop = asyncio.get_running_loop()
        until = loop.time() + self._drain_seconds
        timer = loop.call_at(until, self._hurry.set)
        await self._when_stopping(self._hurry)
        timer.cancel()
        for connection in list(self.server_state.connections):
            try:
                connection.shutdown()
            except Exception:  # whatever is wrong with one is no reason to cut the others off
                log.exception("a connection could not be ended")
        try:
            await asyncio.wait_for(self._wait_tasks_to_complete(), max(LEAST_SECONDS, until - loop.time()))
        except asyncio.TimeoutError:
            log.warning("what does not end in time is cut off")
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        again = self.should_exit
        super().handle_exit(sig, frame)
        if self.force_exit:
            self._hurry.set()
        if self.force_exit or not again:
            log.info("stopping at once" if again else "stopping", extra={"signal": signal.Signals(sig).name})

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to who runs this: uvicorn's own way sends itself the signal again, which would cut off our end."""
        yield


def config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How uvicorn is to run this application."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=partial(  # type: ignore[arg-type]
            HttpProtocol, request_seconds=settings.request_seconds, stuck_seconds=settings.stuck_seconds
        ),
        ws=FanoutProtocol,
        # Frames beyond our own limit are still read as far as this, so that they can be refused with our own code.
        ws_max_size=2 * settings.max_frame_bytes,
        ws_per_message_deflate=False,  # 16 MiB out of 16 kB, and a cost for each socket
        ws_ping_interval=None,  # the protocol has its own, which tells the heads as well
        backlog=BACKLOG,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=list(settings.forwarded_allow_ips),
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="warning",  # its line for an accepted socket shows the query, and so a token
        lifespan="on",
    )


def bind(settings: Settings) -> socket.socket:
    """The listening socket. Raise CannotListen."""
    return _bind(settings.host, settings.port, shared=False)


def bind_shared(settings: Settings, count: int) -> list[socket.socket]:
    """Listening sockets of several processes on one port: the kernel spreads connections over them. Raise CannotListen.

    Without SO_REUSEPORT that does so (Linux), they are all the same one.
    """
    first = bind(settings)  # which shares its port with nobody, and so fails when another server has it
    if sys.platform != "linux":
        return [first, *(first.dup() for _ in range(count - 1))]
    port = first.getsockname()[1]
    first.close()
    return [_bind(settings.host, port, shared=True) for _ in range(count)]


def _bind(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named: asyncio turns Nagle's delay (40 ms an answer) off for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _limit_unsent(listener)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        where = f"{host}, port {port}"
        raise CannotListen(f"can't listen on {where}: {error.strerror}. --host and --port choose another") from error
    listener.set_inheritable(False)
    return listener


def raise_open_files() -> int | None:
    """Let this process open as many files as it may, and return how many: each socket is one, and 1024 are few."""
    if sys.platform == "win32":
        return None  # it has no such limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return soft


def _limit_unsent(listener: socket.socket) -> None:
    try:
        listener.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT)
    except OSError:
        return  # a kernel without it: slow readers are noticed later
