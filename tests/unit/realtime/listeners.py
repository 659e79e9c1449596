"""Listeners that remember what the hub told them, and a store whose reads wait until they are let go on."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from hubbub.domain.events import Event
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.realtime.deliveries import delivery
from hubbub.realtime.hub import Hub
from hubbub.realtime.outbox import Outbox, Parcel
from hubbub.services.logs import Joined, Logs
from hubbub.services.ports import Store, Tx
from hubbub.wire import frames as wire
from hubbub.wire.codec import decode_server
from hubbub.wire.framing import payload_of
from hubbub.wire.limits import Limits
from tests.unit.services.chats import ANN, BOB, Chats, turns

T = TypeVar("T")

ROOM = RoomId(1)


class SteppedStore:
    """A `Store` over another one. While `stepping`, each read waits twice: before its snapshot, and with it in hand."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[asyncio.Future[None]] = []
        self._stepping = False
        self.reads = 0
        self.failures: list[Exception] = []  # of the next reads

    def hold(self) -> None:
        self._stepping = True

    def step(self, index: int = 0) -> None:
        """Let one of the waiting reads go on to its next stop."""
        if self._waiting:
            self._waiting.pop(index % len(self._waiting)).set_result(None)

    def release(self) -> None:
        self._stepping = False
        while self._waiting:
            self.step()

    async def read(self, fn: Callable[[Tx], T]) -> T:
        self.reads += 1
        await self._stop()
        if self.failures:
            raise self.failures.pop(0)
        answer = await self._store.read(fn)
        await self._stop()
        return answer

    async def lookup(self, fn: Callable[[Tx], T]) -> T:
        return await self.read(fn)

    async def write(self, fn: Callable[[Tx], T]) -> T:
        return await self._store.write(fn)

    async def close(self) -> None:
        await self._store.close()

    async def _stop(self) -> None:
        if self._stepping:
            stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(stop)
            try:
                await stop
            finally:
                if stop in self._waiting:
                    self._waiting.remove(stop)


class Recorder:
    """Implements `realtime.hub.Listener`. It may be told of a room only what comes next after what it knows of it."""

    outbox: Outbox | None = None

    def __init__(self, hub: Hub, user_id: UserId, session_id: int = 1) -> None:
        self._hub = hub
        self.user_id = user_id
        self.session_id = SessionId(session_id)
        self.known: dict[RoomId, int] = {}  # the last seq it has, for each room of which it has the snapshot
        self.seqs: dict[RoomId, list[int]] = {}
        self.texts: list[str | None] = []  # of the events
        self.slow = False
        self.behind: list[RoomId] = []
        self.gone: list[tuple[RoomId, Seq]] = []
        self.signals: list[tuple[RoomId, Seq, bool]] = []
        self.whispers: list[wire.Signal] = []  # what is only true now
        self.ended = 0
        self.restored = 0

    def deliver(self, frame: bytes, room_id: RoomId) -> bool:
        event = decode_server(payload_of(frame))
        assert isinstance(event, wire.EventFrame)
        assert event.room_id == room_id
        assert event.seq == self.known[room_id] + 1
        if self.slow:
            return False
        self.known[room_id] = event.seq
        self.seqs.setdefault(room_id, []).append(event.seq)
        self.texts.append(event.text)
        return True

    def signal(self, frame: bytes, room_id: RoomId | None = None) -> None:
        signal = decode_server(payload_of(frame))
        assert isinstance(signal, wire.Signal)
        assert signal.room_id == room_id
        self.whispers.append(signal)

    def fall_behind(self, room_id: RoomId) -> None:
        self.behind.append(room_id)
        self.leave(room_id)

    def removed(self, room_id: RoomId, seq: Seq) -> None:
        assert self.known.pop(room_id) == seq
        self.gone.append((room_id, seq))

    def signal_room(self, room_id: RoomId, seq: Seq, *, added: bool) -> None:
        self.signals.append((room_id, seq, added))

    def session_ended(self) -> None:
        self.ended += 1

    def store_restored(self) -> None:
        self.restored += 1

    def leave(self, room_id: RoomId) -> None:
        self.known.pop(room_id, None)
        self._hub.leave(self, room_id)

    async def join(self, logs: Logs, room_id: RoomId) -> bool:
        """What a connection does with a `join` frame; True when the view is live, or will be."""
        self.known.pop(room_id, None)
        view = self._hub.begin_join(self, room_id)
        try:
            joined: Joined = await logs.join(self.user_id, room_id)
        except BaseException:
            if self._hub.is_current(view):
                self.leave(room_id)
            raise
        if not self._hub.is_current(view):
            return False
        self.known[room_id] = joined.head
        return await self._hub.complete_join(view, joined)


class Boxed(Recorder):
    """A recorder of which the hub knows the outbox, as it does of a socket."""

    def __init__(self, hub: Hub, user_id: UserId) -> None:
        super().__init__(hub, user_id)
        self.outbox: Outbox = Outbox(Wall(), hub.flusher, Limits())


class Wall:
    """Implements `realtime.outbox.Transport`, and forgets all that is written."""

    def write(self, parcel: Parcel) -> None: ...

    def close(self, code: int, reason: str) -> None: ...

    def waiting(self) -> int:
        return 0


class Node:
    """A hub beside a chat whose events are published when the test says so."""

    def __init__(self, chats: Chats) -> None:
        self.chats = chats
        self.store = SteppedStore(chats.store)
        self.logs = Logs(self.store)
        self.hub = Hub(self.logs)

    def recorder(self, user_id: UserId, session_id: int = 1) -> Recorder:
        recorder = Recorder(self.hub, user_id, session_id)
        self.hub.attach(recorder)
        return recorder

    def boxed(self, user_id: UserId) -> Boxed:
        boxed = Boxed(self.hub, user_id)
        self.hub.attach(boxed)
        return boxed

    def take(self) -> list[Event]:
        """What was committed since the last call, and is not published yet."""
        events = list(self.chats.fanout.published)
        self.chats.fanout.published.clear()
        return events

    def publish(self, *events: Event) -> None:
        for event in events:
            self.hub.publish(delivery(event))

    async def settle(self) -> None:
        await turns(60)


async def opened(chats: Chats) -> Node:
    """The node of `conftest.node`."""
    node = Node(chats)
    assert await chats.found(ANN, BOB) == ROOM
    node.take()
    return node


async def say(node: Node, count: int = 1) -> list[Event]:
    """Ann posts; nobody has been told yet."""
    for number in range(count):
        await node.chats.say(ANN, ROOM, f"{number}")
    return node.take()
