"""Who is 100,000 events behind gets them all, and the server never holds more of them than for who is a few behind."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from hubbub.domain.events import MessagePosted
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.messages import Message
from hubbub.services.ports import Tx
from hubbub.stores.sql import SqlStore
from hubbub.wire import frames as wire
from hubbub.wire.codec import decode_server
from hubbub.wire.position import Position, Step
from tests.integration.processes import ServerProcess, database_url, serving_process
from tests.integration.servers import Person, register
from tests.integration.sockets import dial

FEW, MANY = 5_000, 100_000  # messages in two rooms
TEXT = "x" * 250
SLACK = 8  # MiB; the many are more than 40 on the wire, and several times that as objects
BATCH = 5_000  # messages in one transaction

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's peak")


def fill(room_id: RoomId, author: UserId, head: int, count: int) -> list[Callable[[Tx], None]]:
    """Transactions that write so many messages after `head`."""

    def write(first: int) -> Callable[[Tx], None]:
        events = [
            MessagePosted(Message(room_id, Seq(seq), author, Millis(1_700_000_000_000 + seq), TEXT, f"{seq}"))
            for seq in range(first, min(first + BATCH, head + count + 1))
        ]
        return lambda tx: tx.log.append(events)

    return [write(first) for first in range(head + 1, head + count + 1, BATCH)]


@asynccontextmanager
async def filled(folder: Path) -> AsyncIterator[tuple[ServerProcess, Person]]:
    """A server with a room of few messages, 1, and one of many, 2. Both are Ann's, and end at their count + 2."""
    async with serving_process(folder) as server:
        ann = await register(server, "ann")
        for name in ("few", "many"):
            (await ann.client.post("/rooms", json={"kind": "group", "name": name})).raise_for_status()
        await ann.client.aclose()
        await server.stop()
    store = await asyncio.to_thread(SqlStore.open, database_url(folder))
    for room_id, count in ((RoomId(1), FEW), (RoomId(2), MANY)):
        for write in fill(room_id, UserId(ann.id), 2, count):
            await store.write(write)
    await store.close()
    async with serving_process(folder) as server:
        yield server, ann


Read: TypeAlias = Callable[[ServerProcess, Person, int], AsyncIterator[int]]


async def paging(server: ServerProcess, ann: Person, room_id: int) -> AsyncIterator[int]:
    """The seqs that a socket is sent that joins until there is no more."""
    async with dial(server, "/ws", token=ann.access_token) as client:
        hello = await client.next(wire.Hello)
        after, more = 0, True
        while more:
            client.received.clear()
            await client.put(type="join", room_id=room_id, after=after, epoch=hello.epoch)
            await client.next(wire.Joined)
            events = await client.next(wire.Events)
            for event in events.events:
                yield event.seq
            after, more = events.events[-1].seq, events.more


async def streaming(server: ServerProcess, ann: Person, room_id: int) -> AsyncIterator[int]:
    """The seqs of a stream whose reader takes nothing for a while, and has little room for what it does not take."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", server.port))
    reader, writer = await asyncio.open_connection(sock=narrow)
    writer.write(f"GET /rooms/{room_id}/events?token={ann.access_token} HTTP/1.1\r\nHost: a\r\n".encode())
    writer.write(b"Accept: text/event-stream\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    async with server.client(ann.access_token) as other:
        for _ in range(50):
            (await other.get(f"/rooms/{room_id}/messages")).raise_for_status()
    while True:
        line = await reader.readline()
        if line.startswith(b"data: "):
            frame = decode_server(line.removeprefix(b"data: ").decode())
            assert isinstance(frame, wire.EventFrame)
            yield frame.seq
            if frame.seq == (FEW, MANY)[room_id - 1] + 2:
                break
    writer.close()


@pytest.mark.parametrize("read", [paging, streaming])
async def test_memory_does_not_grow_with_what_a_reader_has_missed(tmp_path: Path, read: Read) -> None:
    async with filled(tmp_path) as (server, ann):
        assert await caught_up(read(server, ann, 1)) == FEW + 2
        few = peak(server)
        assert await caught_up(read(server, ann, 2)) == MANY + 2
        assert peak(server) < few + SLACK


async def caught_up(seqs: AsyncIterator[int]) -> int:
    """The seq up to which all have come, each once and in order."""
    position = Position()
    async for seq in seqs:
        assert position.take(Seq(seq)) is Step.APPLY
    return position.applied


def peak(server: ServerProcess) -> float:
    """The most memory that the server has had so far, in MiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
