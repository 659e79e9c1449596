"""What can happen in a room: one frozen class for each kind of event.

Each has `room_id`, `seq`, `user_id` (who did it), `at` and a `kind`, the word of the wire and of the database. An event
is a fact: nothing here validates.
"""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, TypeAlias

from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message


class RoomKind(Enum):
    DIRECT = "direct"  # two people; one such room per pair
    GROUP = "group"  # invited members
    CHANNEL = "channel"  # listed in the directory; anyone may join


class History(Enum):
    """From where on a member may read."""

    ALL = "all"
    SINCE_JOINED = "since_joined"


@dataclass(frozen=True, slots=True)
class RoomCreated:
    kind: ClassVar[str] = "room.created"
    room_id: RoomId
    seq: Seq
    user_id: UserId
    at: Millis
    room_kind: RoomKind
    name: str
    topic: str
    history: History


@dataclass(frozen=True, slots=True)
class RoomChanged:
    """Name and topic as they are from here on, both of them, whichever changed."""

    kind: ClassVar[str] = "room.changed"
    room_id: RoomId
    seq: Seq
    user_id: UserId
    at: Millis
    name: str
    topic: str


@dataclass(frozen=True, slots=True)
class RoomDeleted:
    """The last event of a room: it has no members any more."""

    kind: ClassVar[str] = "room.deleted"
    room_id: RoomId
    seq: Seq
    user_id: UserId
    at: Millis


@dataclass(frozen=True, slots=True)
class MemberJoined:
    kind: ClassVar[str] = "member.joined"
    room_id: RoomId
    seq: Seq
    user_id: UserId
    at: Millis
    member_id: UserId
    role: Role


@dataclass(frozen=True, slots=True)
class MemberLeft:
    """`member_id` left by themselves when `user_id` is the same, and was removed otherwise."""

    kind: ClassVar[str] = "member.left"
    room_id: RoomId
    seq: Seq
    user_id: UserId
    at: Millis
    member_id: UserId


@dataclass(frozen=True, slots=True)
class MemberRoleChanged:
    kind: ClassVar[str] = "member.role_changed"
    room_id: RoomId
    seq: Seq
    user_id: UserId
    at: Millis
    member_id: UserId
    role: Role


@dataclass(frozen=True, slots=True)
class MessagePosted:
    """A message came to be. Read again later, it carries the message's state of that time: see `Message.version`."""

    kind: ClassVar[str] = "message.posted"
    message: Message

    @property
    def room_id(self) -> RoomId:
        return self.message.room_id

    @property
    def seq(self) -> Seq:
        return self.message.seq

    @property
    def user_id(self) -> UserId:
        return self.message.user_id

    @property
    def at(self) -> Millis:
        return self.message.at


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """`text` replaced what the message at `target` said. It is empty once the message is deleted."""

    kind: ClassVar[str] = "message.edited"
    room_id: RoomId
    seq: Seq
    user_id: UserId
    at: Millis
    target: Seq
    text: str


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    kind: ClassVar[str] = "message.deleted"
    room_id: RoomId
    seq: Seq
    user_id: UserId
    at: Millis
    target: Seq


Event: TypeAlias = (
    RoomCreated
    | RoomChanged
    | RoomDeleted
    | MemberJoined
    | MemberLeft
    | MemberRoleChanged
    | MessagePosted
    | MessageEdited
    | MessageDeleted
)
