"""Many nodes as one: what was committed here is told to the others, and what they tell is delivered here.

The bus only rings the bell. It may lose, delay, double and reorder: the hub lets events in by their seq alone and reads
from the log what is missing, and `watch` finds what nobody rang for. A room's events go to the nodes where somebody
listens to it, as the frame that was made once; who came and who went is told to all, for those who list their rooms.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from struct import Struct
from typing import Protocol

from hubbub.domain.events import Event, MemberJoined, MemberLeft, RoomDeleted
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.realtime.deliveries import delivery
from hubbub.realtime.fanout import HubFanout
from hubbub.realtime.hub import Hub
from hubbub.wire.codec import decode_server
from hubbub.wire.events import domain_event
from hubbub.wire.frames import EventFrame
from hubbub.wire.framing import payload_of

MEMBERS = "members"
SESSIONS = "sessions"
LOOK = "look"  # the sender's events may have been lost: of these rooms, or without any of all

NAMED = 1000  # memberships in one message

_MEMBER = Struct(">qqq?")  # room_id, seq, whose membership it changes, joined or left
_EVERYBODY = 0  # in the place of a user: the room is no more
_ID = Struct(">q")


class Bus(Protocol):
    """What is published reaches each other node at most once, or never; no call but `settled` waits, and none fails."""

    def publish(self, subject: str, payload: bytes) -> None: ...

    def subscribe(self, subject: str, receive: Callable[[bytes], None]) -> None:
        """Call `receive`, soon, with what others publish."""
        ...

    def unsubscribe(self, subject: str) -> None: ...

    async def settled(self) -> None:
        """Return when others reach the subscriptions that were made before; or can't, for the time being."""
        ...

    def when_restored(self, call: Callable[[], None]) -> None:
        """Call this whenever messages may have been lost, and flow again."""
        ...


class Cluster:
    """Implements `services.ports.Fanout` for one of several nodes."""

    def __init__(self, hub: Hub, fanout: HubFanout, bus: Bus) -> None:
        self._hub = hub
        self._fanout = fanout
        self._bus = bus
        self._unsure: dict[RoomId, None] = {}  # rooms whose last events may have been told before anybody heard here
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self) -> None:
        """Listen to the other nodes."""
        self._bus.subscribe(MEMBERS, self._receive_members)
        self._bus.subscribe(SESSIONS, self._receive_sessions)
        self._bus.subscribe(LOOK, self._receive_look)
        self._bus.when_restored(self._restored)
        self._hub.opened = self._opened
        self._hub.emptied = self._emptied
        await self._bus.settled()

    async def close(self) -> None:
        """Look for nothing more."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()

    # Out

    def publish(self, events: Sequence[Event], epoch: str) -> None:
        items = [delivery(event) for event in events]
        self._fanout.deliver(items, epoch)
        beginning = _beginning(epoch)
        for item in items:
            room_id = item.event.room_id
            self._bus.publish(subject_of(room_id), beginning + _ID.pack(room_id) + item.frame)
        members = b"".join(map(_member, events))
        for first in range(0, len(members), NAMED * _MEMBER.size):
            self._bus.publish(MEMBERS, beginning + members[first : first + NAMED * _MEMBER.size])

    def resync(self, room_ids: Collection[RoomId]) -> None:
        self._fanout.resync(room_ids)
        self._bus.publish(LOOK, _ids(room_ids))

    def end_sessions(self, session_ids: Collection[SessionId]) -> None:
        self._fanout.end_sessions(session_ids)
        self._bus.publish(SESSIONS, _ids(session_ids))

    # In

    def _receive_event(self, payload: bytes) -> None:
        epoch, start = _epoch(payload)
        (number,) = _ID.unpack_from(payload, start)
        room_id = RoomId(number)
        if not self._hub.agrees(epoch) or not self._hub.listens(room_id):
            return
        frame = payload[start + _ID.size :]
        body = decode_server(payload_of(frame))
        assert isinstance(body, EventFrame)
        event = domain_event(room_id, body)
        if event is not None:  # a newer node's kind is read from the log, once this node knows it
            self._hub.publish(delivery(event, frame))

    def _receive_members(self, payload: bytes) -> None:
        epoch, start = _epoch(payload)
        if not self._hub.agrees(epoch):
            return
        for room_id, seq, user_id, joined in _MEMBER.iter_unpack(payload[start:]):
            if user_id == _EVERYBODY:
                self._hub.memberships.room_deleted(RoomId(room_id), Seq(seq))
            else:
                self._hub.memberships.happened(UserId(user_id), RoomId(room_id), Seq(seq), joined=joined)

    def _receive_sessions(self, payload: bytes) -> None:
        self._fanout.end_sessions([SessionId(number) for (number,) in _ID.iter_unpack(payload)])

    def _receive_look(self, payload: bytes) -> None:
        named = [RoomId(number) for (number,) in _ID.iter_unpack(payload)]
        self._doubt([room_id for room_id in named if self._hub.listens(room_id)] if named else self._hub.heads())

    # Rooms

    def _opened(self, room_id: RoomId) -> None:
        self._bus.subscribe(subject_of(room_id), self._receive_event)
        self._doubt([room_id])

    def _emptied(self, room_id: RoomId) -> None:
        self._bus.unsubscribe(subject_of(room_id))
        self._unsure.pop(room_id, None)

    def _restored(self) -> None:
        self._bus.publish(LOOK, b"")
        self._doubt(self._hub.heads())

    def _doubt(self, room_ids: Iterable[RoomId]) -> None:
        """Look at the logs of these rooms, once what is published there is heard here."""
        self._unsure.update(dict.fromkeys(room_ids))
        if self._unsure and self._looking is None and not self._closed:
            self._looking = asyncio.get_running_loop().create_task(self._look(), name="cluster")

    async def _look(self) -> None:
        try:
            while self._unsure:
                room_ids, self._unsure = list(self._unsure), {}
                await self._bus.settled()
                self._fanout.resync(room_ids)
        finally:
            self._looking = None


def subject_of(room_id: RoomId) -> str:
    """Where the events of a room are told."""
    return f"room.{room_id}"


def _beginning(epoch: str) -> bytes:
    """What tells of a log begins with its epoch."""
    name = epoch.encode()
    return bytes([len(name)]) + name


def _epoch(payload: bytes) -> tuple[str, int]:
    """The epoch that a message begins with, and where the rest begins."""
    start = 1 + payload[0]
    return payload[1:start].decode(), start


def _member(event: Event) -> bytes:
    """Whose membership is another one by this event."""
    if isinstance(event, RoomDeleted):
        return _MEMBER.pack(event.room_id, event.seq, _EVERYBODY, False)
    if isinstance(event, MemberJoined | MemberLeft):
        return _MEMBER.pack(event.room_id, event.seq, event.member_id, isinstance(event, MemberJoined))
    return b""


def _ids(numbers: Iterable[int]) -> bytes:
    return b"".join(map(_ID.pack, numbers))
