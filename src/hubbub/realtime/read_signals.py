"""Read marks that have moved, told to the reader's other devices and to people who look at the room just now."""

from collections.abc import Callable
from typing import TypeAlias

from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.realtime.hub import Hub
from hubbub.realtime.lapses import Lapses
from hubbub.wire.codec import encode
from hubbub.wire.frames import Signal
from hubbub.wire.framing import text_frame

PACE = 1.0  # seconds between two signals about one user in one room
CROWD = 50  # listeners of a room on one node; where there are more, each would tell all the others of each message

Place: TypeAlias = tuple[RoomId, UserId]


class ReadSignals:
    """The marks that move are told at most once a `PACE`, and the last one always."""

    def __init__(self, hub: Hub, publish: Callable[[Signal], None]) -> None:
        self._hub = hub
        self._publish = publish
        self._waiting: dict[Place, Seq] = {}
        self._told = Lapses(PACE, self._paced)

    def moved(self, room_id: RoomId, user_id: UserId, seq: Seq) -> None:
        """A mark has moved, and is stored."""
        place = room_id, user_id
        if place in self._told:
            self._waiting[place] = max(seq, self._waiting.get(place, seq))
        else:
            self._announce(place, seq)

    def receive(self, signal: Signal) -> None:
        """What another node says, or this one."""
        if signal.room_id is None or signal.user_id is None:
            return
        frame = text_frame(encode(signal))
        for listener in self._hub.of_user(signal.user_id):
            listener.signal(frame, signal.room_id)
        listeners = self._hub.live(signal.room_id)
        if len(listeners) <= CROWD:
            for listener in listeners:
                if listener.user_id != signal.user_id:
                    listener.signal(frame, signal.room_id)

    def close(self) -> None:
        self._told.close()

    def _paced(self, place: Place) -> None:
        seq = self._waiting.pop(place, None)
        if seq is not None:
            self._announce(place, seq)

    def _announce(self, place: Place, seq: Seq) -> None:
        self._told.set(place)
        signal = Signal(kind="read", room_id=place[0], user_id=place[1], seq=seq)
        self.receive(signal)
        self._publish(signal)
