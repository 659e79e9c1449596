"""Who is told of what: the fan-out of a chat whose people all sit in this process."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hubbub.domain.events import Event, MemberJoined, MemberLeft, RoomCreated, RoomDeleted
from hubbub.domain.ids import RoomId, SessionId, UserId


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event, and those present who were told of it, in the order in which they came."""

    event: Event
    user_ids: tuple[UserId, ...]


class Audience:
    """Implements `ports.Fanout`: keeps what was published until somebody takes it.

    Who is removed is told of that and of nothing after it, as on a socket.
    """

    def __init__(self) -> None:
        self._rooms: dict[UserId, set[RoomId]] = {}
        self._deliveries: list[Delivery] = []

    def enter(self, user_id: UserId, room_ids: Collection[RoomId] = ()) -> None:
        """Somebody is present from now on, as a member of these rooms."""
        self._rooms[user_id] = set(room_ids)

    def take(self) -> list[Delivery]:
        """What was published since the last call, in that order."""
        taken, self._deliveries = self._deliveries, []
        return taken

    def publish(self, events: Sequence[Event], epoch: str = "") -> None:
        for event in events:
            match event:
                case RoomCreated():
                    self._come(event.user_id, event.room_id)
                case MemberJoined():
                    self._come(event.member_id, event.room_id)
            told = tuple(user_id for user_id, room_ids in self._rooms.items() if event.room_id in room_ids)
            self._deliveries.append(Delivery(event, told))
            match event:
                case MemberLeft():
                    self._go(event.member_id, event.room_id)
                case RoomDeleted():
                    for user_id in told:
                        self._go(user_id, event.room_id)

    def resync(self, room_ids: Collection[RoomId]) -> None:
        """Nothing to do: who waited for the commit is told that its outcome is unknown."""

    def end_sessions(self, session_ids: Collection[SessionId]) -> None:
        """Nothing to do: nobody here has a socket."""

    def _come(self, user_id: UserId, room_id: RoomId) -> None:
        if user_id in self._rooms:
            self._rooms[user_id].add(room_id)

    def _go(self, user_id: UserId, room_id: RoomId) -> None:
        if user_id in self._rooms:
            self._rooms[user_id].discard(room_id)


class Nobody:
    """Implements `ports.Fanout` for a chat that nobody watches."""

    def publish(self, events: Sequence[Event], epoch: str = "") -> None:
        pass

    def resync(self, room_ids: Collection[RoomId]) -> None:
        pass

    def end_sessions(self, session_ids: Collection[SessionId]) -> None:
        pass
