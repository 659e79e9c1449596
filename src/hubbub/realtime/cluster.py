"""Many nodes as one: what was committed here is told to the others, and what they tell is delivered here.

The bus only rings the bell. It may lose, delay, double and reorder: the hub lets events in by their seq alone and reads
from the log what is missing, and `watch` finds what nobody rang for.
"""

from collections.abc import Callable, Collection, Sequence
from struct import Struct
from typing import Protocol

from hubbub.domain.errors import ChatError
from hubbub.domain.events import Event
from hubbub.domain.ids import RoomId, SessionId
from hubbub.realtime.fanout import HubFanout
from hubbub.realtime.hub import Delivery, Hub, delivery
from hubbub.wire.codec import decode_server
from hubbub.wire.events import domain_event
from hubbub.wire.frames import EventFrame
from hubbub.wire.framing import payload_of

EVENTS = "hubbub.events"
SESSIONS = "hubbub.sessions"

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

    def publish(self, events: Sequence[Event]) -> None:
        for event in events:
            item = delivery(event)
            self._fanout.deliver(item)
            self._bus.publish(EVENTS, pack(item))

    def resync(self, room_ids: Collection[RoomId]) -> None:
        self._fanout.resync(room_ids)

    def end_sessions(self, session_ids: Collection[SessionId]) -> None:
        self._fanout.end_sessions(session_ids)
        self._bus.publish(SESSIONS, b"".join(map(_SESSION.pack, session_ids)))
