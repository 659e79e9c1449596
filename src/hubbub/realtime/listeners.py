"""Who listens: a connection or a stream, as the hub, presence and all who tell them something see it."""

from typing import Protocol

from hubbub.domain.ids import RoomId, Seq, SessionId, UserId
from hubbub.realtime.memberships import Told
from hubbub.realtime.outbox import Receiver


class Listener(Receiver, Told, Protocol):
    """A connection, as the hub sees it. It must not call the hub when an event is delivered to it."""

    @property
    def user_id(self) -> UserId: ...

    @property
    def session_id(self) -> SessionId: ...

    def signal(self, frame: bytes, room_id: RoomId | None = None) -> None:
        """Take something that is only true now, about a room or none. It may be dropped."""
        ...

    def fall_behind(self, room_id: RoomId) -> None:
        """An event of this room was not taken: leave the room, and let the client fetch the rest from the log."""
        ...

    def removed(self, room_id: RoomId, seq: Seq) -> None:
        """The user is no longer a member of the room since the event at `seq`, which was delivered."""
        ...

    def session_ended(self) -> None:
        """The session behind the connection is over."""
        ...

    def store_restored(self) -> None:
        """The log went back in time: end the connection, so that its client resumes from what is left of it."""
        ...
