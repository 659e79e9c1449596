"""The way between a browser and a server, which can be cut."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from playwright.async_api import WebSocketRoute

from tests.integration.servers import Address


class Wire:
    """Forwards TCP connections to a server on this machine. The browser's address stays, whatever is behind it."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.address = Address(0)
        self._cut = False
        self._trap: bytes | None = None
        self._open: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Break every connection, and every new one too."""
        self._cut = True
        for writer in self._open:
            writer.transport.abort()

    def cut_at(self, words: bytes) -> None:
        """Cut when a request with these words in it comes by, instead of forwarding it."""
        self._trap = words

    def restore(self) -> None:
        self._cut = False
        self._trap = None

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if not self._cut:
                await self._forward(reader, writer)
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.target)
            copies = [
                asyncio.create_task(_copy(reader, inner_writer, self._passes)),
                asyncio.create_task(_copy(inner_reader, writer, lambda _: True)),
            ]
            try:
                await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for copy in copies:
                    copy.cancel()
                await asyncio.gather(*copies, return_exceptions=True)
                inner_writer.transport.abort()

    def _passes(self, data: bytes) -> bool:
        if self._trap is not None and self._trap in data:
            self.cut()
        return not self._cut


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: Callable[[bytes], bool]) -> None:
    with suppress(OSError):
        while (data := await reader.read(65_536)) and passes(data):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def wired(port: int) -> AsyncIterator[Wire]:
    """A wire to the server at `port`, until the end of the block."""
    wire = Wire(port)
    server = await asyncio.start_server(wire.forward, "127.0.0.1")
    wire.address = Address(server.sockets[0].getsockname()[1])
    try:
        yield wire
    finally:
        server.close()
        wire.cut()
        await server.wait_closed()


class DeafSockets:
    """Between a page and its server: while `deaf`, answers go through, no event does, and nobody connects anew."""

    def __init__(self) -> None:
        self.deaf = False
        self.acknowledged = asyncio.Event()
        self._last: WebSocketRoute | None = None

    async def connect(self, socket: WebSocketRoute) -> None:
        if self.deaf:
            await socket.close(code=1012)
            return
        self._last = socket
        socket.connect_to_server().on_message(lambda frame: self._pass(socket, str(frame)))

    def _pass(self, socket: WebSocketRoute, frame: str) -> None:
        if self.deaf and '"type":"event"' in frame:
            return
        socket.send(frame)
        if self.deaf and '"type":"ack"' in frame:
            self.acknowledged.set()

    async def close(self) -> None:
        """Tell the page that the server is about to go."""
        assert self._last is not None
        await self._last.close(code=1012)
