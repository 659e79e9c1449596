"""A live connection whose other end is the test: sockets are queues, and nothing waits for real time."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import TypeVar

from hubbub.client.live import Live
from hubbub.client.ports import AccessToken, ConnectionEnded
from hubbub.client.results import LogPage, Membership, Person, RoomSummary
from hubbub.client.rooms import Room
from hubbub.domain.events import Event
from hubbub.domain.ids import RoomId, Seq
from hubbub.domain.members import Member
from hubbub.wire import frames as wire
from hubbub.wire.codec import decode_client, encode
from tests.unit.client.scripted import HELLO, ROOM, joined, posted

T = TypeVar("T")


class Pipe:
    """Implements `ports.Socket`; the test is the server behind it."""

    def __init__(self) -> None:
        self.closed: tuple[int, str] | None = None
        self.closable = asyncio.Event()  # while it is not set, closing takes its time
        self.closable.set()
        self._to_client: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self._to_server: asyncio.Queue[wire.ClientFrame] = asyncio.Queue()

    async def send(self, data: bytes) -> None:
        self._to_server.put_nowait(decode_client(data))

    async def recv(self) -> str | bytes:
        message = await self._to_client.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def close(self, code: int, reason: str) -> None:
        await self.closable.wait()
        self.closed = code, reason

    def says(self, *frames: wire.ServerFrame) -> None:
        for frame in frames:
            self._to_client.put_nowait(encode(frame))

    def breaks(self, code: int, reason: str = "") -> None:
        self._to_client.put_nowait(ConnectionEnded(code, reason))

    def fails(self, error: Exception) -> None:
        self._to_client.put_nowait(error)

    async def heard(self, kind: type[T]) -> T:
        """The next frame of this kind; others are passed over."""
        while True:
            frame = await self._to_server.get()
            if isinstance(frame, kind):
                return frame


class Pipes:
    """Implements `ports.Connector`."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.refusals: list[Exception] = []  # raised by the next attempts
        self.passable = asyncio.Event()  # while it is not set, no socket opens
        self.passable.set()
        self._opened: asyncio.Queue[Pipe] = asyncio.Queue()

    async def connect(self, token: str) -> Pipe:
        self.tokens.append(token)
        if self.refusals:
            raise self.refusals.pop(0)
        pipe = Pipe()
        self._opened.put_nowait(pipe)
        await self.passable.wait()
        return pipe

    async def opened(self) -> Pipe:
        """The next socket that the client opens."""
        return await self._opened.get()


class Keys:
    """Implements `ports.Credentials` with tokens t1, t2 …"""

    def __init__(self) -> None:
        self.current = 1
        self.missing: list[Exception] = []  # raised by the next calls of `token`
        self.error: Exception | None = None
        self.lives: dict[str, float] = {}  # seconds for which a token is good; without one that is not known
        self.renewable = asyncio.Event()  # while it is not set, no token is renewed
        self.renewable.set()

    async def token(self) -> AccessToken:
        if self.missing:
            raise self.missing.pop(0)
        value = f"t{self.current}"
        life = self.lives.get(value)
        return AccessToken(value, None if life is None else asyncio.get_running_loop().time() + life)

    async def renew(self, rejected: str) -> AccessToken:
        await self.renewable.wait()
        if self.error is not None:
            raise self.error
        assert rejected == f"t{self.current}"
        self.current += 1
        return await self.token()


class Shelf:
    """Implements `ports.Reader` over what the test puts there."""

    def __init__(self) -> None:
        self.log: list[Event] = []
        self.base = Seq(0)  # the last seq before what may be read
        self.read: list[Seq] = []  # `after` of each page that was asked for
        self.failures: list[Exception] = []  # raised by the next reads
        self.summary: RoomSummary | None = None
        self.people: list[Member] = []
        self.meanwhile: Callable[[], None] = lambda: None  # happens while an answer is on its way

    async def events(self, room_id: RoomId, *, after: Seq, limit: int = 200, epoch: str | None = None) -> LogPage:
        self.read.append(after)
        if self.failures:
            raise self.failures.pop(0)
        start = max(after, self.base)
        items = [event for event in self.log if event.seq > start][:limit]
        return LogPage(items, items[-1].seq if items else start, Seq(len(self.log)), "e", start)

    async def room(self, room_id: RoomId) -> RoomSummary:
        assert self.summary is not None
        return self.summary

    async def members(self, room_id: RoomId) -> list[Membership]:
        found = [
            Membership(member, Person(member.user_id, "somebody", "Somebody"), member.joined_seq)
            for member in self.people
        ]
        self.meanwhile()
        return found


class World:
    """A live connection and everything that it needs."""

    def __init__(self) -> None:
        self.pipes, self.keys, self.shelf = Pipes(), Keys(), Shelf()
        ids = count(1)
        self.live = Live(self.pipes, self.keys, self.shelf, random=lambda: 0.0, new_id=lambda: f"id{next(ids)}")

    async def open(self, hello: wire.Hello) -> Pipe:
        """Start, say hello, and return the socket."""
        starting = asyncio.create_task(self.live.start())
        pipe = await self.pipes.opened()
        pipe.says(hello)
        await starting
        return pipe

    async def reopen(self, hello: wire.Hello) -> Pipe:
        pipe = await self.pipes.opened()
        pipe.says(hello)
        return pipe


class Opened:
    """A room that is live, with its world."""

    def __init__(self, world: World, pipe: Pipe, room: Room) -> None:
        self.world, self.pipe, self.room, self.shelf = world, pipe, room, world.shelf


async def follow(world: World, *, after: int | None = 0, head: int = 0, keep: int | None = None) -> Opened:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM, after=None if after is None else Seq(after), keep=keep)
    join = await pipe.heard(wire.Join)
    pipe.says(joined(join.ref, head))
    await room.ready()
    return Opened(world, pipe, room)


def apply(opened: Opened, *numbers: int) -> None:
    """These events happen; the log has them too."""
    for seq in numbers:
        opened.shelf.log.append(posted(seq))
        opened.room.apply(Seq(seq), posted(seq))


async def turns(number: int = 20) -> None:
    """Let everything happen that is about to."""
    for _ in range(number):
        await asyncio.sleep(0)


def seqs(events: Sequence[object]) -> list[int]:
    return [int(getattr(event, "seq", -1)) for event in events]
