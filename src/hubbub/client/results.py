"""What the server answers, as values: the domain's own types where there is one, a few more where there is not."""

from dataclasses import dataclass, field

from hubbub.domain.events import Event, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, SessionId, UserId
from hubbub.domain.members import Member, Role
from hubbub.domain.messages import Message
from hubbub.wire import frames as wire
from hubbub.wire.events import domain_message
from hubbub.wire.times import parse_time


@dataclass(frozen=True, slots=True)
class Person:
    """A user, as others see them."""

    id: UserId
    username: str
    display_name: str
    disabled: bool = False  # nobody can sign in to the account


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A user; the e-mail address is there for its owner and for admins alone."""

    id: UserId
    username: str
    display_name: str
    created_at: Millis
    email: str | None = None
    is_admin: bool = False
    disabled: bool = False  # nobody can sign in


@dataclass(frozen=True, slots=True)
class Tokens:
    """Of a session. A refresh token is good for one use, which `attempt` names as long as its answer has not come."""

    access_token: str | None = field(repr=False)
    refresh_token: str | None = field(repr=False)
    attempt: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A session of the user; `current` is the one that asks."""

    id: SessionId
    label: str
    created_at: Millis
    used_at: Millis
    expires_at: Millis
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSummary:
    """A room in the list of somebody's rooms."""

    id: RoomId
    kind: RoomKind
    name: str  # empty in a direct room: it is called after `peer`
    topic: str
    head: Seq
    last_at: Millis  # when its last event happened
    base: Seq  # the last seq before what may be read
    read_seq: Seq
    unread: int
    role: Role
    peer: Person | None
    last_message: Message | None
    last_author: Person | None


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel in the directory."""

    id: RoomId
    name: str
    topic: str
    members: int
    created_at: Millis


@dataclass(frozen=True, slots=True)
class Membership:
    """A member with the person behind it, and how far they have read: all before they joined counts as read."""

    member: Member
    person: Person
    read_seq: Seq


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, newest first, as they were when the room's log ended at `head`."""

    items: list[Message]
    head: Seq


@dataclass(frozen=True, slots=True)
class LogPage:
    """Events, oldest first, all from `after` (exclusive) to `upto`; kinds that this release does not know are left out.

    `after` is higher than what was asked for where older events may not be read. `epoch` is the log that these are
    numbers of.
    """

    items: list[Event]
    upto: Seq
    head: Seq
    epoch: str
    after: Seq


def person(body: wire.UserBody) -> Person:
    return Person(body.id, body.username, body.display_name or body.username, body.disabled)


def room_summary(body: wire.RoomBody) -> RoomSummary:
    return RoomSummary(
        id=body.id,
        kind=body.kind,
        name=body.name,
        topic=body.topic,
        head=body.head,
        last_at=parse_time(body.last_at),
        base=body.base,
        read_seq=body.read_seq,
        unread=body.unread,
        role=body.role,
        peer=None if body.peer is None else person(body.peer),
        last_message=None if body.last_message is None else domain_message(body.last_message),
        last_author=None if body.last_author is None else person(body.last_author),
    )
