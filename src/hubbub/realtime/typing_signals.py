"""Who is typing where. It ends by itself, and it is told to people who look at the room just now.

The nodes tell each other; each lets end what nobody renews, so that no node and no lost message leaves somebody typing
for ever.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from hubbub.domain.errors import Conflict
from hubbub.domain.events import Event, MemberLeft, MessagePosted
from hubbub.domain.ids import RoomId, UserId
from hubbub.realtime.hub import Hub
from hubbub.realtime.lapses import Lapses
from hubbub.realtime.listeners import Listener
from hubbub.wire.codec import encode
from hubbub.wire.frames import Signal
from hubbub.wire.framing import text_frame
from hubbub.wire.limits import TokenBucket

LAPSE = 6.0  # seconds that typing lasts unless it is renewed
RENEWAL = 2.5  # seconds within which a renewal is not told; twice that must stay below LAPSE
CROWD = 200  # listeners of a room on one node; to more than these it isn't told
STARTS = 1.0  # of one user: so many a second in the long run
START_BURST = 5  # and so many at once

Place: TypeAlias = tuple[RoomId, UserId]


@dataclass(slots=True)
class _Typist:
    listener: Listener | None  # whose frames say so; None = the news of another node
    told_at: float  # loop time


class TypingSignals:
    """Who is typing, as one node knows it. A connection types in one room at a time."""

    def __init__(self, hub: Hub, publish: Callable[[Signal], None]) -> None:
        self._hub = hub
        self._publish = publish
        self._typists: dict[Place, _Typist] = {}
        self._places: dict[Listener, Place] = {}
        self._lapses = Lapses(LAPSE, self._end)
        self._paces: dict[UserId, TokenBucket] = {}
        self._full = Lapses(START_BURST / STARTS, self._paces.pop)  # a bucket that is full again need not be kept

    def __len__(self) -> int:
        return len(self._typists)

    def typing(self, listener: Listener, room_id: RoomId, *, on: bool) -> None:
        """Somebody types, or no longer. Raise Conflict where they have no live view, be there such a room or not."""
        listeners = self._hub.live(room_id)
        if listener not in listeners:
            raise Conflict("join the room first: it is not live on this connection")
        place = room_id, listener.user_id
        if not on:
            if self._places.get(listener) == place:
                self._end(place)
        elif len(listeners) <= CROWD:
            self._begin(listener, place)

    def receive(self, signal: Signal) -> None:
        """What another node says."""
        if signal.room_id is None or signal.user_id is None:
            return
        place = signal.room_id, signal.user_id
        typist = self._typists.get(place)
        if typist is not None and typist.listener is not None:
            return  # they type here too
        if not signal.on:
            self._end(place)
        elif self._hub.listens(signal.room_id):
            self._typists[place] = _Typist(None, _now())
            self._lapses.set(place)
            self._tell(signal)

    def delivered(self, event: Event) -> None:
        """Whoever has said it, or has left, types no longer."""
        if isinstance(event, MessagePosted):
            self._end((event.room_id, event.user_id))
        elif isinstance(event, MemberLeft):
            self._end((event.room_id, event.member_id))

    def left(self, listener: Listener, room_id: RoomId | None = None) -> None:
        """A connection has left this room, or (None) is closed."""
        place = self._places.get(listener)
        if place is not None and room_id in (None, place[0]):
            self._end(place)

    def close(self) -> None:
        self._lapses.close()
        self._full.close()

    def _begin(self, listener: Listener, place: Place) -> None:
        now, elsewhere = _now(), self._places.get(listener)
        if elsewhere is not None and elsewhere != place:
            self._end(elsewhere)
        typist = self._typists.get(place)
        if typist is None:
            if not self._may_start(place[1], now):
                return  # the next renewal may be in time
            typist = self._typists[place] = _Typist(listener, now - RENEWAL)
        elif typist.listener is not None:
            self._places.pop(typist.listener)  # this may be another device of theirs
        typist.listener = listener
        self._places[listener] = place
        self._lapses.set(place)
        if now >= typist.told_at + RENEWAL:
            typist.told_at = now
            self._announce(place, on=True)

    def _may_start(self, user_id: UserId, now: float) -> bool:
        self._full.set(user_id)
        return not self._paces.setdefault(user_id, TokenBucket(STARTS, START_BURST)).take(now)

    def _end(self, place: Place) -> None:
        typist = self._typists.pop(place, None)
        if typist is None:
            return
        self._lapses.drop(place)
        if typist.listener is None:
            self._tell(_signal(place, on=False))
        else:
            self._places.pop(typist.listener)
            self._announce(place, on=False)

    def _announce(self, place: Place, *, on: bool) -> None:
        signal = _signal(place, on=on)
        self._tell(signal)
        self._publish(signal)

    def _tell(self, signal: Signal) -> None:
        """Tell those here who look at the room, but not the typist's own devices."""
        assert signal.room_id is not None
        listeners = self._hub.live(signal.room_id)
        if len(listeners) <= CROWD:
            frame = text_frame(encode(signal))
            for listener in listeners:
                if listener.user_id != signal.user_id:
                    listener.signal(frame, signal.room_id)


def _signal(place: Place, *, on: bool) -> Signal:
    return Signal(kind="typing", room_id=place[0], user_id=place[1], on=on)


def _now() -> float:
    return asyncio.get_running_loop().time()
