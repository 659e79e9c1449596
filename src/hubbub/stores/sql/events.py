"""Events as rows of `room_events`, and back."""

import json
from typing import Any, NamedTuple

from hubbub.domain.events import (
    Event,
    History,
    MemberJoined,
    MemberLeft,
    MemberRoleChanged,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    RoomChanged,
    RoomCreated,
    RoomDeleted,
    RoomKind,
)
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role


class EventRow(NamedTuple):
    """The columns of `room_events`, in their order."""

    room_id: RoomId
    seq: Seq
    kind: str
    user_id: UserId
    at: Millis
    target: Seq | None
    member_id: UserId | None
    body: str | None


def to_row(event: Event) -> EventRow:
    """The row of any event but a posted message, which has a table of its own."""
    target: Seq | None = None
    member_id: UserId | None = None
    body: dict[str, str] | None = None
    match event:
        case MessageEdited():
            target, body = event.target, {"text": event.text}
        case MessageDeleted():
            target = event.target
        case MemberJoined() | MemberRoleChanged():
            member_id, body = event.member_id, {"role": event.role.value}
        case MemberLeft():
            member_id = event.member_id
        case RoomCreated():
            body = {
                "kind": event.room_kind.value,
                "name": event.name,
                "topic": event.topic,
                "history": event.history.value,
            }
        case RoomChanged():
            body = {"name": event.name, "topic": event.topic}
        case RoomDeleted():
            pass
        case MessagePosted():
            raise AssertionError("a posted message is a row of messages")
    text = None if body is None else json.dumps(body, ensure_ascii=False)
    return EventRow(event.room_id, event.seq, event.kind, event.user_id, event.at, target, member_id, text)


def from_row(row: Any) -> Event:
    """The event of a row of `room_events`."""
    head = (RoomId(row.room_id), Seq(row.seq), UserId(row.user_id), Millis(row.at))
    body = {} if row.body is None else json.loads(row.body)
    match row.kind:
        case MessageEdited.kind:
            return MessageEdited(*head, row.target, body["text"])
        case MessageDeleted.kind:
            return MessageDeleted(*head, row.target)
        case MemberJoined.kind:
            return MemberJoined(*head, row.member_id, Role(body["role"]))
        case MemberRoleChanged.kind:
            return MemberRoleChanged(*head, row.member_id, Role(body["role"]))
        case MemberLeft.kind:
            return MemberLeft(*head, row.member_id)
        case RoomCreated.kind:
            return RoomCreated(*head, RoomKind(body["kind"]), body["name"], body["topic"], History(body["history"]))
        case RoomChanged.kind:
            return RoomChanged(*head, body["name"], body["topic"])
        case RoomDeleted.kind:
            return RoomDeleted(*head)
    raise AssertionError(f"room {row.room_id} has an event of the unknown kind {row.kind!r} at {row.seq}")
