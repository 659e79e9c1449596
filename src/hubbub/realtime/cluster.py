"""Many nodes as one: what was committed here is told to the others, and what they tell is delivered here.

The bus only rings the bell. It may lose, delay, double and reorder: the hub lets events in by their seq alone and reads
from the log what is missing, and `watch` finds what nobody rang for.
"""

from collections.abc import Callable, Collection, Sequence
from struct import Struct
from typing import Protocol

from hubbub.domain.events import Event, MemberJoined, MemberLeft, RoomDeleted
from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.realtime.fanout import HubFanout
from hubbub.realtime.hub import Delivery, Hub, delivery
from hubbub.wire.codec import decode_server
from hubbub.wire.events import domain_event
from hubbub.wire.frames import EventFrame
from hubbub.wire.framing import payload_of

EVENTS = "hubbub.events"
SESSIONS = "hubbub.sessions"

_EVENT = Struct(">qqq?B")  # room_id, seq, whose membership it changes, joined or left, bytes of epoch
_NOBODY, _EVERYBODY = 0, -1  # in the place of a user
_SESSION = Struct(">q")


class Bus(Protocol):
    """What is published reaches each other node at most once, or never; `publish` neither waits nor fails."""

    def publish(self, subject: str, payload: bytes) -> None: ...

    async def subscribe(self, subject: str, receive: Callable[[bytes], None]) -> None: ...


class Cluster:
    """Implements `services.ports.Fanout` for one of several nodes."""

    def __init__(self, hub: Hub, fanout: HubFanout, bus: Bus) -> None:
        self._hub = hub
        self._fanout = fanout
        self._bus = bus

    async def start(self) -> None:
        """Listen to the other nodes."""
        await self._bus.subscribe(EVENTS, self._receive_event)
        await self._bus.subscribe(SESSIONS, self._receive_sessions)

    def publish(self, events: Sequence[Event], epoch: str) -> None:
        items = [delivery(event) for event in events]
        self._fanout.deliver(items, epoch)
        for item in items:
            self._bus.publish(EVENTS, _pack(item, epoch))

    def resync(self, room_ids: Collection[RoomId]) -> None:
        self._fanout.resync(room_ids)

    def end_sessions(self, session_ids: Collection[SessionId]) -> None:
        self._fanout.end_sessions(session_ids)
        self._bus.publish(SESSIONS, b"".join(map(_SESSION.pack, session_ids)))

    def _receive_event(self, payload: bytes) -> None:
        room_id, seq, member_id, joined, size = _EVENT.unpack_from(payload)
        start = _EVENT.size + size
        if not self._hub.agrees(payload[_EVENT.size : start].decode()):
            return
        if self._hub.listens(room_id):
            frame = payload[start:]
            body = decode_server(payload_of(frame))
            assert isinstance(body, EventFrame)
            event = domain_event(room_id, body)
            if event is not None:  # a newer node's kind is read from the log, once this node knows it
                self._hub.publish(delivery(event, frame))
        if member_id == _EVERYBODY:
            self._hub.memberships.room_deleted(RoomId(room_id), Seq(seq))
        elif member_id != _NOBODY:
            self._hub.memberships.happened(UserId(member_id), RoomId(room_id), Seq(seq), joined=joined)

    def _receive_sessions(self, payload: bytes) -> None:
        self._fanout.end_sessions([SessionId(session_id) for (session_id,) in _SESSION.iter_unpack(payload)])


def _pack(item: Delivery, epoch: str) -> bytes:
    """An event as the other nodes get it: where it belongs and whom it concerns, and the frame for their sockets."""
    event, name = item.event, epoch.encode()
    concerned: int = _EVERYBODY if isinstance(event, RoomDeleted) else _NOBODY
    if isinstance(event, MemberJoined | MemberLeft):
        concerned = event.member_id
    joined = isinstance(event, MemberJoined)
    return _EVENT.pack(event.room_id, event.seq, concerned, joined, len(name)) + name + item.frame
