"""Rooms to begin a test with."""

from hubbub.domain.events import (
    Event,
    History,
    RoomKind,
)
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.rooms import ChatRoom

ROOM = RoomId(9)
OWNER, ADMIN, BOB, CAT, OUTSIDER = map(UserId, range(1, 6))
AT, LATER = Millis(1_000), Millis(2_000)
SHARED = [RoomKind.GROUP, RoomKind.CHANNEL]


def apply(room: ChatRoom, *events: Event) -> None:
    for event in events:
        room.apply(event)


def shared(kind: RoomKind = RoomKind.GROUP, history: History = History.ALL) -> ChatRoom:
    """A group or channel of an owner, an admin, Bob and Cat; its head is 6."""
    room = ChatRoom(ROOM)
    apply(room, *room.create(OWNER, kind, name="Tea", history=history, member_ids=[ADMIN, BOB, CAT], at=AT))
    apply(room, *room.change_role(OWNER, ADMIN, Role.ADMIN, at=AT))
    return room


def direct() -> ChatRoom:
    """The direct room of Bob and Cat; its head is 3."""
    room = ChatRoom(ROOM)
    apply(room, *room.create(BOB, RoomKind.DIRECT, member_ids=[CAT], at=AT))
    return room


def posted(room: ChatRoom, user_id: UserId, text: str = "hi") -> Seq:
    """The seq of a new message."""
    event = room.post(user_id, text, at=AT)
    room.apply(event)
    return event.seq
