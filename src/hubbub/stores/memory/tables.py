"""Everything that the in-memory store holds."""

from functools import partial

from hubbub.domain.events import Event, MessagePosted
from hubbub.domain.ids import Millis, RoomId, Seq, SessionId, UserId
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.users import Session, User
from hubbub.stores.memory.undo import Table, Undo

# What `ChatRoom.apply` can change besides the members and the messages, which are tables themselves.
_ROOM_FIELDS = ("created_at", "deleted", "head", "history", "kind", "last_at", "name", "topic")


class Tables:
    """The dicts, and the few rules that keep them in step with one another."""

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.undo = Undo()
        self.last_ids: Table[str, int] = Table(self.undo)
        self.users: Table[UserId, User] = Table(self.undo)
        self.usernames: Table[str, UserId] = Table(self.undo)  # in lower case
        self.emails: Table[str, UserId] = Table(self.undo)  # in lower case
        self.sessions: Table[SessionId, Session] = Table(self.undo)
        self.tickets: Table[bytes, tuple[SessionId, Millis]] = Table(self.undo)  # when it expires
        self.rooms: Table[RoomId, ChatRoom] = Table(self.undo)
        self.pairs: Table[tuple[UserId, UserId], RoomId] = Table(self.undo)  # the lower id first
        self.logs: Table[RoomId, Table[Seq, Event]] = Table(self.undo)
        self.client_ids: Table[tuple[RoomId, UserId, str], Seq] = Table(self.undo)
        self.reads: Table[tuple[RoomId, UserId], Seq] = Table(self.undo)
        self.rate_limits: Table[bytes, Millis] = Table(self.undo)

    def next_id(self, noun: str) -> int:
        """1, 2, 3 …: the id of a deleted thing is never given to another."""
        self.last_ids[noun] = self.last_ids.get(noun, 0) + 1
        return self.last_ids[noun]

    def end_session(self, session_id: SessionId) -> None:
        """Delete a session, if it is there, and its tickets."""
        self.sessions.pop(session_id)
        for ticket_hash in [key for key, (owner_id, _) in self.tickets.items() if owner_id == session_id]:
            del self.tickets[ticket_hash]

    def add_room(self, room_id: RoomId) -> None:
        """An empty room, whose members and messages can be rolled back."""
        room = ChatRoom(room_id)
        room.members = Table(self.undo)
        room.messages = Table(self.undo)
        self.rooms[room_id] = room
        self.logs[room_id] = Table(self.undo)

    def apply(self, event: Event) -> None:
        """Write one event to the log of its room, and fold it into the room."""
        room = self.rooms[event.room_id]
        self.undo.add(partial(_set_fields, room, _fields(room)))
        room.apply(event)
        self.logs[room.id][event.seq] = event
        if isinstance(event, MessagePosted) and event.message.client_id is not None:
            self.client_ids[room.id, event.user_id, event.message.client_id] = event.seq


def copy_of(room: ChatRoom) -> ChatRoom:
    """A room of its own, without members and messages."""
    copied = ChatRoom(room.id)
    _set_fields(copied, _fields(room))
    return copied


def _fields(room: ChatRoom) -> dict[str, object]:
    return {name: getattr(room, name) for name in _ROOM_FIELDS}


def _set_fields(room: ChatRoom, fields: dict[str, object]) -> None:
    for name, value in fields.items():
        setattr(room, name, value)
