"""The frames, one class for each type: what a client may send, what a server may send, and the objects inside them.

Fields that have their default value are left out of the JSON, and fields that a class does not know are ignored, so
that either side may be the newer one. For the same reason vocabularies that will grow (kinds of events and signals,
reasons of a reset) are plain strings here.

Numbers are bounded by what JavaScript holds exactly. Texts are not bounded: the codec limits the frame, and the domain
knows the rules of each text.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from hubbub.domain.events import History as RoomHistory
from hubbub.domain.events import RoomKind
from hubbub.domain.ids import MAX_ID, RoomId, Seq, UserId
from hubbub.domain.members import Role

PROTOCOL = 1

_NUMBER = Meta(ge=0, le=MAX_ID)
_Room: TypeAlias = Annotated[RoomId, _NUMBER]
_User: TypeAlias = Annotated[UserId, _NUMBER]
_Seq: TypeAlias = Annotated[Seq, _NUMBER]
_Count: TypeAlias = Annotated[int, _NUMBER]
_Ref: TypeAlias = Annotated[int, Meta(ge=-MAX_ID, le=MAX_ID)]
_Limit: TypeAlias = Annotated[int, Meta(ge=1, le=200)]


class Body(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An object inside a frame. Times are strings, as `wire.times` writes them."""


class Frame(Body, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """One JSON object with a `type`."""


# Objects


class UserBody(Body, frozen=True, kw_only=True):
    id: _User
    username: str
    display_name: str | None = None
    disabled: bool = False  # nobody can sign in to the account


class MessageBody(Body, frozen=True, kw_only=True):
    """A message in its current state, the same in events, pages and lists."""

    room_id: _Room
    seq: _Seq
    user_id: _User
    at: str
    text: str
    client_id: str | None = None
    reply_to: _Seq | None = None
    version: _Seq | None = None  # absent while it is equal to seq
    edited_at: str | None = None
    deleted_at: str | None = None


class EventBody(Body, frozen=True, kw_only=True):
    """An event without its room. Which of the optional fields are there depends on the kind: see `wire.events`."""

    seq: _Seq
    kind: str
    user_id: _User
    at: str
    client_id: str | None = None
    message: MessageBody | None = None
    target: _Seq | None = None
    text: str | None = None
    member_id: _User | None = None
    role: Role | None = None
    name: str | None = None
    topic: str | None = None
    room_kind: RoomKind | None = None
    history: RoomHistory | None = None


class RoomBody(Body, frozen=True, kw_only=True):
    """A room in the list of somebody's rooms."""

    id: _Room
    kind: RoomKind
    name: str
    topic: str
    head: _Seq
    last_at: str
    base: _Seq
    read_seq: _Seq
    unread: _Count
    role: Role
    peer: UserBody | None = None  # the other person of a direct room
    last_message: MessageBody | None = None
    last_author: UserBody | None = None


class LimitsBody(Body, frozen=True, kw_only=True):
    """What a client must keep to."""

    frame: _Count  # bytes
    inflight: _Count  # unanswered frames
    frame_rate: float = 50.0  # frames per second in the long run; 0 = no limit
    frame_burst: _Count = 200  # frames that may come at once


class ErrorDetails(Body, frozen=True, kw_only=True):
    field: str | None = None


# What a client sends. `room_id` may be left out on a connection that is one room's.


class Auth(Frame, frozen=True, kw_only=True, tag="auth"):
    ref: _Ref | None = None
    token: str


class Join(Frame, frozen=True, kw_only=True, tag="join"):
    ref: _Ref | None = None
    room_id: _Room | None = None
    after: _Seq | None = None  # the last seq applied; absent: what happens from now on
    epoch: str | None = None


class Sync(Frame, frozen=True, kw_only=True, tag="sync"):
    """Many joins at once."""

    ref: _Ref | None = None
    rooms: dict[_Room, _Seq]  # room_id: after
    epoch: str | None = None


class Leave(Frame, frozen=True, kw_only=True, tag="leave"):
    ref: _Ref | None = None
    room_id: _Room | None = None


class Send(Frame, frozen=True, kw_only=True, tag="send"):
    ref: _Ref | None = None
    room_id: _Room | None = None
    text: str
    client_id: str | None = None
    reply_to: _Seq | None = None


class Edit(Frame, frozen=True, kw_only=True, tag="edit"):
    ref: _Ref | None = None
    room_id: _Room | None = None
    target: _Seq
    text: str


class Delete(Frame, frozen=True, kw_only=True, tag="delete"):
    ref: _Ref | None = None
    room_id: _Room | None = None
    target: _Seq


class Typing(Frame, frozen=True, kw_only=True, tag="typing"):
    room_id: _Room | None = None
    on: bool


class Read(Frame, frozen=True, kw_only=True, tag="read"):
    """Everything up to `seq` is read; with a `ref` this is answered."""

    ref: _Ref | None = None
    room_id: _Room | None = None
    seq: _Seq


class Presence(Frame, frozen=True, kw_only=True, tag="presence"):
    """How this device is used, or whose presence to tell from now on. The latter, and what has a `ref`, is answered."""

    ref: _Ref | None = None
    status: Literal["online", "away"] | None = None
    watch: list[_User] | None = None


class History(Frame, frozen=True, kw_only=True, tag="history"):
    """Older messages for reading, never for catching up. The answer is a `page`."""

    ref: _Ref | None = None
    room_id: _Room | None = None
    before: _Seq | None = None  # exclusive; absent: the newest
    limit: _Limit = 50


class Pong(Frame, frozen=True, kw_only=True, tag="pong"):
    n: _Count


ClientFrame: TypeAlias = Auth | Join | Sync | Leave | Send | Edit | Delete | Typing | Read | Presence | History | Pong


# What a server sends. `ref` is there when the frame answers one that had it.


class Hello(Frame, frozen=True, kw_only=True, tag="hello"):
    protocol: _Count
    connection_id: str
    user: UserBody
    epoch: str
    heartbeat_ms: _Count
    limits: LimitsBody
    token_expires_at: str | None = None
    rooms: list[RoomBody] | None = None  # only on a connection that is for all rooms
    rooms_cursor: str | None = None  # these are not all: the cursor of the next page of `GET /rooms`


class Joined(Frame, frozen=True, kw_only=True, tag="joined"):
    ref: _Ref | None = None
    room_id: _Room
    epoch: str
    head: _Seq
    base: _Seq  # the last seq before what may be read
    read_seq: _Seq
    role: Role
    replay: tuple[_Seq, _Seq] | None  # first and last; null: there is nothing to replay


class Events(Frame, frozen=True, kw_only=True, tag="events"):
    """A batch of catch-up. With `more` the room is not live yet: `join` again from the new position."""

    ref: _Ref | None = None
    room_id: _Room
    more: bool
    events: list[EventBody]


class EventFrame(EventBody, frozen=True, kw_only=True, tag_field="type", tag="event"):
    room_id: _Room


class Ack(Frame, frozen=True, kw_only=True, tag="ack"):
    """Done. `seq` and `at` are those of the event, where the frame that is answered asked for one."""

    ref: _Ref | None = None
    room_id: _Room | None = None
    client_id: str | None = None
    seq: _Seq | None = None
    at: str | None = None
    duplicate: bool = False


class Page(Frame, frozen=True, kw_only=True, tag="page"):
    """Messages of a room, newest first, as they were when its log ended at `head`."""

    ref: _Ref | None = None
    room_id: _Room
    items: list[MessageBody]
    head: _Seq


class Signal(Frame, frozen=True, kw_only=True, tag="signal"):
    """Something that is true now and is never replayed.

    typing: room_id, user_id, on. read: room_id, user_id, seq. presence: user_id, status (online, away, offline),
    last_seen (offline, where it is known). room (you were added to it or removed from it): room_id, seq of that event,
    on (True = added).
    """

    kind: str
    room_id: _Room | None = None
    user_id: _User | None = None
    on: bool | None = None
    seq: _Seq | None = None
    status: str | None = None
    last_seen: str | None = None


class Ping(Frame, frozen=True, kw_only=True, tag="ping"):
    n: _Count
    heads: dict[_Room, _Seq]  # of the rooms that changed


class Behind(Frame, frozen=True, kw_only=True, tag="behind"):
    """The connection was too slow and the room is no longer live on it: `join` with `after`."""

    room_id: _Room
    head: _Seq


class Reset(Frame, frozen=True, kw_only=True, tag="reset"):
    """What the client holds of this room is not to be continued. `seq` is that of a removal."""

    room_id: _Room
    reason: str  # epoch_changed, pruned, forbidden
    seq: _Seq | None = None
    head: _Seq | None = None
    base: _Seq | None = None


class Error(Frame, frozen=True, kw_only=True, tag="error"):
    ref: _Ref | None = None
    room_id: _Room | None = None  # which of the rooms of a `sync`
    code: str
    message: str
    retryable: bool
    retry_after_ms: _Count | None = None
    details: ErrorDetails | None = None


class Bye(Frame, frozen=True, kw_only=True, tag="bye"):
    """The connection is about to be closed. Spread the reconnects over `after_ms`, lowest to highest."""

    code: _Count
    reconnect: bool
    after_ms: tuple[_Count, _Count]


ServerFrame: TypeAlias = (
    Hello | Joined | Events | EventFrame | Ack | Page | Signal | Ping | Behind | Reset | Error | Bye
)
