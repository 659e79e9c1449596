"""A detached socket: what it keeps of what a client sends, and how it ends."""

import asyncio
import tracemalloc

import pytest
from websockets.frames import Frame, Opcode

from hubbub.realtime.connection import Connection
from hubbub.web import fanout_protocol
from hubbub.web.fanout_protocol import DetachedSocket
from tests.unit.realtime.sockets import World, world_of


class RecordingTransport(asyncio.Transport):
    """A TCP connection without the other end."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.aborted = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True
        self.aborted.set()

    def is_closing(self) -> bool:
        return self.closed


def attached(world: World) -> tuple[DetachedSocket, Connection, RecordingTransport]:
    """A socket with a connection that waits for its first frame."""
    transport = RecordingTransport()
    socket = DetachedSocket(transport, set(), 131_072)
    connection = world.gateway.connect(socket, room_id=None)
    socket.attach(connection)
    return socket, connection, transport


async def test_fragments_take_no_more_memory_than_what_they_hold() -> None:
    async with world_of() as world:
        socket, _, transport = attached(world)
        socket.data_received(Frame(Opcode.TEXT, b'{"type":', fin=False).serialize(mask=True))
        empty = Frame(Opcode.CONT, b"", fin=False).serialize(mask=True) * 1000
        tracemalloc.start()
        for _ in range(20):
            socket.data_received(empty)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert held < 100_000
        socket.data_received(Frame(Opcode.CONT, b'"join"}').serialize(mask=True))
        assert b"the first frame must be auth" in transport.written
        socket.connection_lost(None)


@pytest.mark.parametrize("behind", [b"\xff" * 20, Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True)])
async def test_a_refusal_with_nonsense_behind_it_in_the_same_read_ends_the_socket(behind: bytes) -> None:
    async with world_of() as world:
        socket, connection, transport = attached(world)
        socket.data_received(Frame(Opcode.BINARY, b"x").serialize(mask=True) + behind)
        assert transport.closed
        assert len(world.gateway) == 0
        socket.connection_lost(None)
        assert connection.identity is None


@pytest.mark.parametrize("first", [b"", Frame(Opcode.BINARY, b"x", fin=False).serialize(mask=True)])
async def test_pings_of_who_reads_nothing_are_not_answered(first: bytes) -> None:
    async with world_of() as world:
        socket, _, transport = attached(world)
        pings = Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * 10
        socket.data_received(first + pings)
        assert len(transport.written) == 10 * 127

        socket.pause_writing()
        socket.data_received(pings)
        assert len(transport.written) == 10 * 127
        socket.resume_writing()
        socket.data_received(pings)
        assert len(transport.written) == 20 * 127

        socket.close(1000, "done")
        socket.data_received(pings)
        assert transport.written.endswith(b"done")
        socket.connection_lost(None)


@pytest.mark.parametrize("end", ["eof", "nonsense", "close", "close after eof"])
async def test_however_a_socket_ends_who_reads_nothing_does_not_keep_it(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout_protocol, "CLOSE_TIMEOUT", 0.01)
    async with world_of() as world:
        socket, _, transport = attached(world)
        socket.pause_writing()
        if end == "nonsense":
            socket.data_received(b"\xff" * 20)
        if end.endswith("eof"):
            socket.eof_received()
            transport.close()  # as asyncio does it
        if end.startswith("close"):
            socket.close(4508, "too slow")
        await transport.aborted.wait()
        socket.connection_lost(None)
        assert len(world.gateway) == 0
