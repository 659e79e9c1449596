"""A gateway with everything behind it over memory, and sockets that remember what they were sent."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from hubbub.domain.events import History, RoomKind
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.realtime.connection import Connection
from hubbub.realtime.fanout import HubFanout
from hubbub.realtime.gateway import Gateway
from hubbub.realtime.hub import Hub
from hubbub.realtime.outbox import Parcel
from hubbub.realtime.presence import Tempo
from hubbub.security.keys import parse_keys
from hubbub.security.passwords import Argon2Hasher
from hubbub.security.tokens import JwtTokens
from hubbub.services.accounts import Grant
from hubbub.services.changes import Draft
from hubbub.services.chat import Chat
from hubbub.services.logs import Logs
from hubbub.services.ports import Store, Tx
from hubbub.stores.memory import MemoryStore
from hubbub.wire import frames as wire
from hubbub.wire.codec import decode_server
from hubbub.wire.framing import payload_of
from hubbub.wire.limits import Limits
from tests.clocks import ManualClock

T = TypeVar("T")

PASSWORD = "correct horse"


class GatedStore:
    """A `Store` over another one, whose reads can be held up and can break."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._free = asyncio.Event()
        self._free.set()
        self.reads = 0  # under way
        self.most_reads = 0  # under way at the same time
        self.passed = 0  # that have begun, in all
        self.answer: object = None  # of the last one
        self.defect: Exception | None = None

    def hold(self) -> None:
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    async def read(self, fn: Callable[[Tx], T]) -> T:
        await self._pass()
        answer = await self._store.read(fn)
        self.answer = answer
        return answer

    async def lookup(self, fn: Callable[[Tx], T]) -> T:
        await self._pass()
        answer = await self._store.lookup(fn)
        self.answer = answer
        return answer

    async def write(self, fn: Callable[[Tx], T]) -> T:
        return await self._store.write(fn)

    async def close(self) -> None:
        await self._store.close()

    async def _pass(self) -> None:
        self.reads += 1
        self.passed += 1
        self.most_reads = max(self.reads, self.most_reads)
        try:
            await asyncio.sleep(0)  # a real store takes its time, too
            await self._free.wait()
            if self.defect is not None:
                raise self.defect
        finally:
            self.reads -= 1


class RecordingTransport:
    """Implements `realtime.outbox.Transport`."""

    def __init__(self) -> None:
        self.frames: list[wire.ServerFrame] = []
        self.sizes: list[int] = []
        self.unread = 0  # bytes
        self.closed: tuple[int, str] | None = None

    def write(self, parcel: Parcel) -> None:
        assert self.closed is None, "nothing follows a close frame"
        for frame in parcel.frames:
            payload = payload_of(frame)
            self.sizes.append(len(payload))
            self.frames.append(decode_server(payload))

    def waiting(self) -> int:
        return self.unread

    def close(self, code: int, reason: str) -> None:
        assert self.closed is None, "a socket is closed once"
        self.closed = code, reason


class Line:
    """A socket and its connection, from the client's side."""

    def __init__(self, world: "World", connection: Connection, transport: RecordingTransport) -> None:
        self._world = world
        self.connection = connection
        self.transport = transport

    @property
    def closed(self) -> int | None:
        """The close code; None while the socket is open."""
        return None if self.transport.closed is None else self.transport.closed[0]

    def put(self, **frame: object) -> None:
        """Send a frame, and do not wait for anything."""
        self.connection.received(json.dumps(frame))

    async def say(self, **frame: object) -> list[wire.ServerFrame]:
        """Send a frame; return what comes until nothing more is under way."""
        self.put(**frame)
        return await self.take()

    async def take(self) -> list[wire.ServerFrame]:
        """What came since the last call, after everything that is under way has been done."""
        await self._world.settle()
        taken, self.transport.frames = self.transport.frames, []
        return taken


class World:
    """Ann, Bob and Cyd have accounts on a server without a network."""

    def __init__(self, limits: Limits, tempo: Tempo | None, admit: Callable[[UserId], None]) -> None:
        self.clock = ManualClock()
        self.memory = MemoryStore()
        self.store = GatedStore(self.memory)
        self.hub = Hub(Logs(self.store))
        self.fanout = HubFanout(self.hub)
        self.hasher = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
        tokens = JwtTokens(parse_keys("k" * 32), self.clock)
        self.chat = Chat(store=self.store, clock=self.clock, fanout=self.fanout, hasher=self.hasher, tokens=tokens)
        ids = itertools.count(1)
        self.gateway = Gateway(self.chat, self.hub, self.clock, limits, lambda: f"c{next(ids)}", tempo, admit=admit)
        self.ann, self.bob, self.cyd = UserId(1), UserId(2), UserId(3)
        self.names = {self.ann: "ann", self.bob: "bob", self.cyd: "cyd"}

    async def sign_up(self) -> None:
        for user_id, name in self.names.items():
            user = await self.chat.accounts.register(name, f"{name}@example.org", PASSWORD)
            assert user.id == user_id

    async def sign_in(self, user_id: UserId) -> Grant:
        return await self.chat.accounts.login(self.names[user_id], PASSWORD, address="192.0.2.1", label="test")

    def dial(self, room_id: RoomId | None = None, *, after: int | None = None, epoch: str | None = None) -> Line:
        """A socket without a credential."""
        transport = RecordingTransport()
        position = None if after is None else Seq(after)
        return Line(self, self.gateway.connect(transport, room_id=room_id, after=position, epoch=epoch), transport)

    async def enter(
        self, user_id: UserId, room_id: RoomId | None = None, *, after: int | None = None, epoch: str | None = None
    ) -> Line:
        """A socket of this user; its `hello` and what comes with it have not been taken yet."""
        grant = await self.sign_in(user_id)
        line = self.dial(room_id, after=after, epoch=epoch)
        self.gateway.admit(line.connection, self.chat.accounts.authenticate(grant.access_token))
        await self.settle()
        return line

    async def open(self, user_id: UserId, room_id: RoomId | None = None) -> Line:
        """A socket of this user that has said hello, and all of it was taken."""
        line = await self.enter(user_id, room_id)
        await line.take()
        return line

    async def found(self, *user_ids: UserId, history: History = History.ALL, name: str = "garden") -> RoomId:
        """A group, whose owner is the first of them."""
        founder, *others = user_ids
        room = await self.chat.rooms.create(founder, RoomKind.GROUP, name=name, history=history, member_ids=others)
        return room.room_id

    async def post(self, user_id: UserId, room_id: RoomId, *texts: str) -> None:
        for text in texts:
            await self.chat.messages.post(user_id, room_id, Draft(text))

    async def put_member(self, room_id: RoomId, user_id: UserId) -> None:
        """Ann, who owns the room, adds somebody."""
        await self.chat.rooms.put_member(self.ann, room_id, user_id)

    async def settle(self, turns: int = 400) -> None:
        """Let everything happen that can: memory waits for nothing, so that some turns of the loop are enough."""
        for _ in range(turns):
            await asyncio.sleep(0)

    async def close(self) -> None:
        await self.fanout.close()
        await self.gateway.close()
        await self.chat.close()
        await self.hasher.close()
        await self.store.close()


@asynccontextmanager
async def world_of(
    limits: Limits | None = None, tempo: Tempo | None = None, *, admit: Callable[[UserId], None] = lambda _: None
) -> AsyncIterator[World]:
    world = World(limits or Limits(frame_rate=0), tempo, admit)
    await world.sign_up()
    try:
        yield world
    finally:
        await world.close()


def kinds(frames: list[wire.ServerFrame]) -> list[str]:
    return [type(frame).__name__ for frame in frames]


def seqs(frames: list[wire.ServerFrame]) -> list[int]:
    """The seqs of all events, replayed or live, in the order in which they came."""
    found: list[int] = []
    for frame in frames:
        if isinstance(frame, wire.Events):
            found += [event.seq for event in frame.events]
        elif isinstance(frame, wire.EventFrame):
            found.append(frame.seq)
    return found


def errors(frames: list[wire.ServerFrame]) -> list[tuple[str, int | None]]:
    return [(frame.code, frame.ref) for frame in frames if isinstance(frame, wire.Error)]
