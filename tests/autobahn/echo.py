"""A server whose sockets send back what they get, for Autobahn's fuzzing client.

Its endpoint, its transports and all that reads and writes frames are hubbub's own; only the connection behind them is
another. A chat has no binary messages, and neither transport hands them over or sends them: here they are watched on
their way in (detached), or go through as text with a mark (plain ASGI).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from websockets.frames import Frame, Opcode

from hubbub.realtime.outbox import Flusher, Outbox, Transport
from hubbub.settings import Settings
from hubbub.web import sockets
from hubbub.web.fanout_protocol import DetachedSocket
from hubbub.web.server import UvicornServer, bind, config
from hubbub.wire.framing import text_frame
from hubbub.wire.limits import Limits

LARGEST = 16 * 1024 * 1024  # bytes: the largest message of the suite
BINARY = b"\x82"  # FIN, opcode 2 (RFC 6455 5.2)
MARK = "binary:"  # no text of the suite begins like this

SETTINGS = Settings(host="127.0.0.1", port=0, max_frame_bytes=LARGEST, drain_seconds=0)


class Echo:
    """Stands where a chat has its `Connection`."""

    def __init__(self, transport: Transport, flusher: Flusher) -> None:
        self.outbox = Outbox(transport, flusher, Limits())
        self.binary = bytearray()  # what came of a binary message

    def received(self, text: str) -> None:
        self.binary.clear()
        self._answer(text_frame(text.encode()))

    def received_binary(self) -> None:
        self._answer(BINARY + text_frame(bytes(self.binary))[1:])
        self.binary.clear()

    def control(self) -> None:
        """The suite knows no pace."""

    def close(self, code: int, reason: str) -> None:
        self.outbox.close(code, reason)

    def lost(self, code: int) -> None:
        self.outbox.discard()

    def _answer(self, frame: bytes) -> None:
        assert self.outbox.answer(frame), "the suite waits for its answers"


class WatchedSocket(DetachedSocket):
    """A detached socket that lets its echo see what is in binary messages."""

    __slots__ = ()

    def _take_frame(self, frame: Frame) -> None:
        echo: object = self._connection
        if isinstance(echo, Echo) and frame.opcode in (Opcode.BINARY, Opcode.CONT):
            echo.binary += frame.data
        super()._take_frame(frame)


class EchoServer:
    """Stands where a chat has its composition, and its gateway."""

    def __init__(self, *, detached: bool) -> None:
        self.gateway = self
        self.accounts = None  # nobody brings a credential
        self.settings = SETTINGS
        self._detached = detached
        self._flusher = Flusher()

    def connect(self, transport: Transport, **_: object) -> Echo:
        assert isinstance(transport, DetachedSocket) is self._detached, "each transport has its turn"
        if isinstance(transport, DetachedSocket):
            transport.__class__ = WatchedSocket
        return Echo(transport, self._flusher)


class BinaryAsText:
    """ASGI: binary messages pass through the application as text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_text() -> Message:
            message = await receive()
            data = message.get("bytes")
            return message if data is None else {"type": message["type"], "text": MARK + data.decode("latin-1")}

        async def send_binary(message: Message) -> None:
            text = message.get("text", "")
            if text.startswith(MARK):
                message = {"type": message["type"], "bytes": text.removeprefix(MARK).encode("latin-1")}
            await send(message)

        await self._app(scope, receive_text, send_binary)


@asynccontextmanager
async def echoing(*, detached: bool) -> AsyncIterator[str]:
    """Serve in this event loop until the end of the block; yield the URL."""
    app = FastAPI()
    app.state.server = EchoServer(detached=detached)
    app.router.routes.extend(sockets.socket_routes())
    app.add_middleware(BinaryAsText)
    setup = config(app, SETTINGS)
    if not detached:
        setup.http, setup.ws = "httptools", "websockets-sansio"
    started = asyncio.Event()

    async def stopping(hurry: asyncio.Event) -> None: ...

    with closing(bind(SETTINGS)) as listener:
        server = UvicornServer(setup, started=started.set, stopping=stopping, drain_seconds=0)
        serve = asyncio.create_task(server.serve(sockets=[listener]))
        await started.wait()
        try:
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}/ws"
        finally:
            server.should_exit = True
            await serve
