"""Relays of TCP connections on the loopback interface: a load balancer for many targets, a cable to cut for one."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

CHUNK = 65_536  # bytes
HOST = "127.0.0.1"


class Relay:
    """Passes each connection on to one of the target ports: to each in its turn, but for those that don't take it."""

    def __init__(self, targets: Sequence[int]) -> None:
        self._targets = list(targets)
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._connections: dict[asyncio.Task[None], None] = {}

    @property
    def port(self) -> int:
        assert self._server is not None
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def start(self, port: int = 0) -> None:
        """Take connections on this port, or a free one."""
        self._server = await asyncio.start_server(self._serve, HOST, port)

    def cut(self) -> None:
        """Nothing comes through any more, and nobody is told: as with a cable that is cut."""
        self._flowing.clear()

    def mend(self) -> None:
        """Let through what has waited, and what comes."""
        self._flowing.set()

    async def close(self) -> None:
        """End all connections."""
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = None
        try:
            await self._flowing.wait()
            there = await self._connect()
            if there is not None:
                await self._join(reader, writer, *there)
        except asyncio.CancelledError:
            return  # by `close`
        finally:
            await _drop(writer)
            del self._connections[task]

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in range(len(self._targets)):
            target = self._targets.pop(0)
            self._targets.append(target)
            try:
                return await asyncio.open_connection(HOST, target)
            except OSError:
                continue
        return None

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        other_reader: asyncio.StreamReader,
        other_writer: asyncio.StreamWriter,
    ) -> None:
        try:
            await asyncio.gather(self._pump(reader, other_writer), self._pump(other_reader, writer))
        except OSError:
            return  # one side has gone: both ends are dropped
        finally:
            await _drop(other_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _drop(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()
