"""A detached socket: what it keeps of what a client sends, and how it ends."""

import asyncio
import gc
import json
import socket
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing

import pytest
from websockets.frames import Frame, Opcode

from hubbub.domain.ids import RoomId
from hubbub.realtime.connection import STRANGER_FRAMES, Connection
from hubbub.realtime.outbox import NOTHING
from hubbub.web import fanout_protocol
from hubbub.web.fanout_protocol import DetachedSocket
from hubbub.wire.limits import Limits
from tests.unit.realtime.sockets import World, world_of

ROOM = RoomId(1)


class RecordingTransport(asyncio.Transport):
    """A TCP connection without the other end."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.reading = True
        self.writes = 0
        self.aborted = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data
        self.writes += 1

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def pause_reading(self) -> None:
        self.reading = False

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


async def signed_in(world: World) -> tuple[DetachedSocket, Connection, RecordingTransport]:
    """A socket of Ann's that has said hello."""
    socket, connection, transport = attached(world)
    grant = await world.sign_in(world.ann)
    auth = json.dumps({"type": "auth", "token": grant.access_token})
    socket.data_received(Frame(Opcode.TEXT, auth.encode()).serialize(mask=True))
    await world.settle()
    assert connection.state.value == "open"
    transport.written, transport.writes = b"", 0
    return socket, connection, transport


def frames_in(data: bytes) -> Iterator[tuple[Opcode, bytes]]:
    """Opcode and payload of short frames."""
    while data:
        end = 2 + data[1]
        yield Opcode(data[0] & 0x0F), data[2:end]
        data = data[end:]


def close_in(data: bytes) -> tuple[int, str]:
    """Code and reason of the close frame that is the last."""
    *_, (opcode, payload) = frames_in(data)
    assert opcode is Opcode.CLOSE
    return int.from_bytes(payload[:2], "big"), payload[2:].decode()


PING = Frame(Opcode.PING, b"").serialize(mask=True)
PONG = Frame(Opcode.PONG, b"").serialize(mask=True)
BEGIN = Frame(Opcode.TEXT, b"{", fin=False).serialize(mask=True)
EMPTY = Frame(Opcode.CONT, b"", fin=False).serialize(mask=True)
FLOODS = pytest.mark.parametrize(("first", "frame"), [(b"", PING), (b"", PONG), (BEGIN, EMPTY), (BEGIN, PING)])


@FLOODS
async def test_a_stranger_may_send_a_few_frames_of_any_kind(first: bytes, frame: bytes) -> None:
    async with world_of() as world:
        socket, _, transport = attached(world)
        count = STRANGER_FRAMES - bool(first)
        socket.data_received(first + frame * count)
        assert len(world.gateway) == 1
        socket.data_received(frame)
        assert len(world.gateway) == 0
        assert close_in(transport.written) == (4429, "too many frames before auth")
        socket.connection_lost(None)


@FLOODS
async def test_pings_pongs_and_fragments_count_in_the_pace_of_a_connection(first: bytes, frame: bytes) -> None:
    async with world_of(Limits(frame_rate=0.001, frame_burst=50)) as world:
        socket, _, transport = await signed_in(world)
        socket.data_received(first + frame * (99 - bool(first)))
        assert len(world.gateway) == 1
        socket.data_received(frame)
        assert close_in(transport.written) == (4429, "too many frames")
        socket.connection_lost(None)


@FLOODS
async def test_without_a_pace_there_is_a_limit_for_what_comes_at_once(first: bytes, frame: bytes) -> None:
    async with world_of(Limits(frame_rate=0)) as world:
        socket, _, transport = await signed_in(world)
        for _ in range(3):
            socket.data_received(first + frame * 900)
            first = b""
        assert len(world.gateway) == 1
        socket.data_received(frame * 1001)
        assert close_in(transport.written) == (4429, "too many frames")
        socket.connection_lost(None)


async def test_fragments_that_carry_something_may_be_many() -> None:
    async with world_of(Limits(frame_rate=0)) as world:
        socket, _, transport = await signed_in(world)
        full = Frame(Opcode.CONT, b" " * 64, fin=False).serialize(mask=True)
        end = Frame(Opcode.CONT, b'"type":"pong","n":1}').serialize(mask=True)
        socket.data_received(BEGIN + full * 1010 + end)
        assert transport.written == b""
        assert len(world.gateway) == 1
        socket.connection_lost(None)


async def test_of_many_pings_in_one_read_the_last_are_answered_in_one_write() -> None:
    async with world_of(Limits(frame_rate=0)) as world:
        socket, _, transport = await signed_in(world)
        pings = [Frame(Opcode.PING, b"%d" % number).serialize(mask=True) for number in range(100)]
        socket.data_received(b"".join(pings))
        assert list(frames_in(transport.written)) == [(Opcode.PONG, b"%d" % number) for number in range(84, 100)]
        assert transport.writes == 1
        socket.connection_lost(None)


async def test_who_goes_on_after_the_end_is_not_read_any_more() -> None:
    async with world_of() as world:
        socket, _, transport = attached(world)
        socket.data_received(PING * 40_000)
        assert not transport.reading
        stock = socket._stock
        assert stock is not None
        assert len(stock.reader.buffer) < 10_000
        written = transport.written
        socket.data_received(PING * 40_000)
        assert transport.written == written
        socket.connection_lost(None)


async def test_the_close_frame_of_the_other_side_is_found_behind_what_was_under_way() -> None:
    async with world_of() as world:
        socket, _, transport = attached(world)
        late = Frame(Opcode.TEXT, b"x" * 50_000).serialize(mask=True) * 10
        socket.data_received(PING * (STRANGER_FRAMES + 1) + late)
        closed = [transport.closed]
        socket.data_received(Frame(Opcode.CLOSE, b"\x11\x4d").serialize(mask=True))
        assert [*closed, transport.closed] == [False, True]
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
        socket, _, transport = await signed_in(world)
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


@pytest.mark.parametrize("asked_to_go", [True, False])
async def test_the_end_of_the_server_cuts_no_goodbye_off(asked_to_go: bool) -> None:
    async with world_of(Limits()) as world:
        socket, connection, transport = await signed_in(world)
        if asked_to_go:
            connection.close(4503, "the server is stopping")
        socket.shutdown()
        assert close_in(transport.written)[0] == (4503 if asked_to_go else 1012)
        assert not transport.is_closing()  # a client that still sends would be reset, and never read it
        socket.data_received(Frame(Opcode.CLOSE, b"\x0f\xa1").serialize(mask=True))
        assert transport.is_closing()
        socket.connection_lost(None)


@pytest.mark.parametrize("end", ["cut", "closed", "nonsense"])
async def test_a_socket_that_is_gone_keeps_nothing_of_what_came(end: str) -> None:
    async with world_of(Limits()) as world:
        socket, connection, transport = await signed_in(world)
        socket.data_received(Frame(Opcode.TEXT, b"x" * 100_000, fin=False).serialize(mask=True))
        if end == "closed":
            connection.close(1000, "done")
        elif end == "nonsense":
            socket.data_received(b"\xff" * 20)
        socket.connection_lost(None)
        gone = weakref.ref(transport)
        del socket, transport
        gc.collect()  # an error that was raised on the way refers to itself
        assert gone() is None  # although the timers hold the connection until its next heartbeat


# What the outbox writes, over a real pair of sockets


LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop]
if sys.platform != "win32":
    import uvloop

    LOOPS.append(uvloop.new_event_loop)


class Pair:
    """A transport, its socket's number, and the other end, which does not block."""

    def __init__(self, transport: asyncio.Transport, far: socket.socket) -> None:
        self.transport = transport
        self.number = transport.get_extra_info("socket").fileno()
        self._far = far

    def came(self) -> bytes:
        """What has reached the other end."""
        try:
            return self._far.recv(1_000_000)
        except BlockingIOError:
            return b""

    async def read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            data += await asyncio.get_running_loop().sock_recv(self._far, size - len(data))
        return bytes(data)


@asynccontextmanager
async def pair_of_sockets() -> AsyncIterator[Pair]:
    near, far = socket.socketpair()
    far.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=near)
    with far:
        yield Pair(transport, far)
        transport.abort()
        await asyncio.sleep(0)  # it closes in the next turn


def attached_to(world: World, transport: asyncio.Transport) -> tuple[DetachedSocket, Connection]:
    detached = DetachedSocket(transport, set(), 131_072)
    connection = world.gateway.connect(detached, room_id=None)
    transport.set_protocol(detached)
    detached.attach(connection)
    return detached, connection


async def test_what_the_kernel_takes_at_once_does_not_pass_the_transport() -> None:
    async with world_of() as world, pair_of_sockets() as pair:
        detached, connection = attached_to(world, pair.transport)
        detached.write(NOTHING.plus(b"one ", ROOM).plus(b"and two", ROOM))
        assert pair.came() == b"one and two"
        assert pair.transport.get_write_buffer_size() == 0
        assert connection.outbox.paused_at is None


async def test_what_the_kernel_does_not_take_follows_in_order() -> None:
    async with world_of() as world, pair_of_sockets() as pair:
        _, connection = attached_to(world, pair.transport)
        sent, came = b"", b""
        for number in range(200):
            piece = b"%05d" % number * 1000
            sent += piece
            assert connection.outbox.answer(piece)
            connection.outbox.flush()
            if pair.transport.get_write_buffer_size():
                came += pair.came()  # the kernel has room again, before the transport knows
        assert came
        assert connection.outbox.paused_at is not None
        assert came + await pair.read(len(sent) - len(came)) == sent
        assert connection.outbox.paused_at is None


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_slow_reader_is_seen_to_take_something_while_there_is_more(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def scene() -> None:
        async with world_of() as world, pair_of_sockets() as pair:
            _, connection = attached_to(world, pair.transport)
            outbox = connection.outbox
            outbox.answer(b"x" * 4_000_000)
            outbox.flush()
            since = outbox.paused_at
            assert since is not None
            outbox.look(since + 1)
            assert outbox.paused_at == since
            await pair.read(2_000_000)
            outbox.look(since + 2)
            assert outbox.paused_at == since + 2
            await pair.read(2_000_000)
            await asyncio.sleep(0)
            assert outbox.paused_at is None

    with closing(new_loop()) as loop:
        loop.run_until_complete(scene())


async def test_nothing_overtakes_what_the_handshake_left_in_the_transport() -> None:
    async with world_of() as world, pair_of_sockets() as pair:
        sent = 0
        while not pair.transport.get_write_buffer_size():
            pair.transport.write(b"a" * 1000)
            sent += 1000
        came = pair.came()  # the kernel has room again, before the transport knows
        _, connection = attached_to(world, pair.transport)
        connection.outbox.answer(b"b" * 10)
        connection.outbox.flush()
        came += await pair.read(sent + 10 - len(came))
        assert came == b"a" * sent + b"b" * 10


@pytest.mark.parametrize("end", ["eof", "closed", "nonsense"])
async def test_nothing_is_written_to_a_socket_that_is_about_to_close(end: str) -> None:
    async with world_of() as world, pair_of_sockets() as pair:
        detached, connection = attached_to(world, pair.transport)
        if end == "eof":
            detached.eof_received()
            pair.transport.close()  # as asyncio does it
        elif end == "closed":
            connection.close(1000, "done")
        elif end == "nonsense":
            detached.data_received(b"\xff" * 20)
        detached.write(NOTHING.plus(b"too late", ROOM))
        assert b"too late" not in pair.came()


async def test_a_socket_that_is_lost_writes_nothing_to_the_next_one_of_its_number() -> None:
    async with world_of() as world:
        async with pair_of_sockets() as pair:
            detached, _ = attached_to(world, pair.transport)
        async with pair_of_sockets() as other:
            assert other.number == pair.number
            detached.write(NOTHING.plus(b"not for you", ROOM))
            assert other.came() == b""
