"""How long an HTTP answer waits for its reader, and who is still answered by a server that stops."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server import ServerState

from hubbub.web import http_protocol
from hubbub.web.http_protocol import HttpProtocol
from tests.loops import run_jumping

STUCK = 30.0  # seconds
PATIENCE = 60.0  # seconds


class Pipe(asyncio.Transport):
    """What was written, as far as the reader has not taken it."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 100_000  # bytes
        self.aborts = 0

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """It is full all the time."""

    def is_closing(self) -> bool:
        return self.aborts > 0

    def abort(self) -> None:
        self.aborts += 1


def paused() -> tuple[HttpProtocol, Pipe]:
    """A protocol whose reader takes less than is written."""
    config = Config("none:app", lifespan="off", log_config=None)
    config.load_app = lambda: None  # type: ignore[method-assign]
    protocol = HttpProtocol(config, ServerState(), {}, request_seconds=600, stuck_seconds=STUCK)
    pipe = Pipe()
    protocol.connection_made(pipe)
    protocol.pause_writing()
    return protocol, pipe


def test_who_takes_nothing_is_cut_and_who_takes_a_little_is_not() -> None:
    async def scene() -> None:
        protocol, pipe = paused()
        for _ in range(3):
            pipe.waiting -= 1
            await asyncio.sleep(STUCK)
        assert pipe.aborts == 0
        await asyncio.sleep(STUCK + 1)
        assert pipe.aborts == 1
        protocol.connection_lost(ConnectionAbortedError())

    run_jumping(scene())


def test_who_has_taken_enough_is_not_looked_at_any_more() -> None:
    async def scene() -> None:
        protocol, pipe = paused()
        protocol.resume_writing()
        await asyncio.sleep(2 * STUCK)
        assert pipe.aborts == 0
        protocol.connection_lost(ConnectionAbortedError())

    run_jumping(scene())


@asynccontextmanager
async def connected(
    app: ASGIApp, *, request_seconds: float = 600, first: bytes = b""
) -> AsyncIterator[tuple[HttpProtocol, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client who has connected, and said `first` before it was noticed; and the connection, as the server has it."""
    config = Config(app, lifespan="off", log_config=None)
    config.load()
    accepted: asyncio.Future[HttpProtocol] = asyncio.get_running_loop().create_future()

    class Protocol(HttpProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            accepted.set_result(self)

    protocol = partial(Protocol, config, ServerState(), {}, request_seconds=request_seconds, stuck_seconds=STUCK)
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    sock = socket.create_connection(server.sockets[0].getsockname())
    sock.sendall(first)
    reader, writer = await asyncio.open_connection(sock=sock)
    connection = await accepted
    server.close()
    yield connection, reader, writer
    writer.close()


PIECE = b"x" * 10_000


async def long_answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(5_000):
        await send({"type": "http.response.body", "body": PIECE, "more_body": True})


async def stuck(connection: HttpProtocol) -> None:
    """Wait until more is to be written than its reader takes."""
    for _ in iter(lambda: connection.flow.write_paused, True):
        await asyncio.sleep(0)


async def test_to_a_reader_who_does_not_read_no_more_is_written_than_may_wait_and_one_piece() -> None:
    async with connected(long_answer) as (connection, _, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await stuck(connection)
        chunk = len(f"{len(PIECE):x}\r\n\r\n") + len(PIECE)
        assert connection.transport.get_write_buffer_size() <= http_protocol.UNREAD + chunk


async def test_who_takes_nothing_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "LINGER", 0.05)
    over = asyncio.Event()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await long_answer(scope, receive, send)
        over.set()

    async with connected(answer) as (connection, _, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await stuck(connection)
        connection.shutdown()
        await asyncio.wait_for(over.wait(), PATIENCE)


@asynccontextmanager
async def stopping() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """The server was told to stop before the client has asked."""
    async with connected(Response("here")) as (connection, reader, writer):
        connection.shutdown()
        yield reader, writer


async def test_who_connects_right_before_the_end_is_answered_and_then_sent_away() -> None:
    async with stopping() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer
    assert answer.endswith(b"here")


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHo"], ids=["nothing", "half a head"])
async def test_who_does_not_ask_after_all_is_not_waited_for(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "LINGER", 0.05)
    async with stopping() as (reader, writer):
        writer.write(said)
        assert await reader.read() == b""


async def test_who_waits_for_an_answer_gets_it_at_the_end_though_half_a_request_came_behind() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        await go_on.wait()
        await Response("here")(scope, receive, send)

    async with connected(slow) as (connection, reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        await asked.wait()
        connection.shutdown()
        go_on.set()
        first, second = (await reader.read()).split(b"HTTP/1.1 ")[1:]
    assert (first[:3], first[-4:], second[:3]) == (b"200", b"here", b"503")


async def test_who_is_being_answered_hears_of_the_end_of_the_connection_though_others_wait_behind() -> None:
    asked, heard = asyncio.Event(), asyncio.Event()

    async def listen(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        asked.set()
        if (await receive())["type"] == "http.disconnect":
            heard.set()

    async with connected(listen) as (_, _, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        await asked.wait()
        writer.close()
        await asyncio.wait_for(heard.wait(), PATIENCE)


HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Dawdler:
    """An application that accepts a socket when it is let, and notes how that ended."""

    def __init__(self) -> None:
        self.asked, self.go_on, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        await self.go_on.wait()
        try:
            await send({"type": "websocket.accept"})
        except Exception as error:
            self.error = error
            raise
        finally:
            self.ended.set()


@pytest.mark.parametrize("stops", [False, True])
async def test_a_handshake_that_nobody_answers_is_refused_when_its_time_is_up_or_the_server_stops(
    stops: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = Dawdler()
    async with connected(app, request_seconds=600 if stops else 0.2, first=HANDSHAKE) as (connection, reader, _):
        await app.asked.wait()
        if stops:
            [handshake] = connection.server_state.connections
            handshake.shutdown()
            handshake.shutdown()
            app.go_on.set()
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
        app.go_on.set()
        await app.ended.wait()
    assert isinstance(app.error, ClientDisconnected)
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
