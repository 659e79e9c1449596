"""Events and messages of the domain in their wire form, and back.

    every event              seq, kind, user_id, at
    room.created             room_kind, name, topic, history
    room.changed             name, topic
    member.joined, member.role_changed    member_id, role
    member.left              member_id
    message.posted           message, client_id (that of the message, so that its author need not look inside)
    message.edited           target, text
    message.deleted          target
    room.deleted             nothing more

What is encoded decodes to an equal event.
"""

from dataclasses import replace
from typing import TypeVar

from msgspec.json import Encoder

from hubbub.domain.errors import Invalid
from hubbub.domain.events import (
    Event,
    MemberJoined,
    MemberLeft,
    MemberRoleChanged,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    RoomChanged,
    RoomCreated,
    RoomDeleted,
)
from hubbub.domain.ids import RoomId, Seq
from hubbub.domain.messages import Message
from hubbub.wire.frames import EventBody, EventFrame, MessageBody
from hubbub.wire.times import format_time, parse_time

T = TypeVar("T")

_encode = Encoder().encode


def encode_event(event: Event) -> bytes:
    """The complete `event` frame: the bytes that every reader of the room is sent."""
    return b'{"type":"event","room_id":' + _encode(event.room_id) + b"," + _encode(event_body(event))[1:]


def event_body(event: Event) -> EventBody:
    """The wire form of an event."""
    if isinstance(event, MessagePosted):  # nearly all of them
        message = message_body(event.message)
        return EventBody(
            seq=message.seq,
            kind=event.kind,
            user_id=message.user_id,
            at=message.at,
            client_id=message.client_id,
            message=message,
        )
    seq, kind, user_id, at = event.seq, event.kind, event.user_id, format_time(event.at)
    match event:
        case MessageEdited():
            return EventBody(seq=seq, kind=kind, user_id=user_id, at=at, target=event.target, text=event.text)
        case MessageDeleted():
            return EventBody(seq=seq, kind=kind, user_id=user_id, at=at, target=event.target)
        case MemberJoined() | MemberRoleChanged():
            return EventBody(seq=seq, kind=kind, user_id=user_id, at=at, member_id=event.member_id, role=event.role)
        case MemberLeft():
            return EventBody(seq=seq, kind=kind, user_id=user_id, at=at, member_id=event.member_id)
        case RoomChanged():
            return EventBody(seq=seq, kind=kind, user_id=user_id, at=at, name=event.name, topic=event.topic)
        case RoomCreated():
            return EventBody(
                seq=seq,
                kind=kind,
                user_id=user_id,
                at=at,
                name=event.name,
                topic=event.topic,
                room_kind=event.room_kind,
                history=event.history,
            )
        case RoomDeleted():  # pragma: no branch
            return EventBody(seq=seq, kind=kind, user_id=user_id, at=at)


def domain_event(room_id: RoomId, body: EventBody | EventFrame) -> Event | None:
    """The event that a body stands for; None when a newer server sent a kind that is not known here.

    Such an event is to be passed over like one without effect; its seq counts all the same. Raise Invalid when a field
    that the kind needs is missing.
    """
    seq, user_id = body.seq, body.user_id
    if body.kind == MessagePosted.kind:
        message = domain_message(_present(body.message, "message"))
        if (message.room_id, message.seq) != (room_id, seq):
            raise Invalid("message must have the room_id and seq of its event", field="message")
        return MessagePosted(replace(message, client_id=body.client_id) if message.client_id is None else message)
    at = parse_time(body.at)
    match body.kind:
        case MessageEdited.kind:
            return MessageEdited(
                room_id, seq, user_id, at, _present(body.target, "target"), _present(body.text, "text")
            )
        case MessageDeleted.kind:
            return MessageDeleted(room_id, seq, user_id, at, _present(body.target, "target"))
        case MemberJoined.kind:
            return MemberJoined(
                room_id, seq, user_id, at, _present(body.member_id, "member_id"), _present(body.role, "role")
            )
        case MemberLeft.kind:
            return MemberLeft(room_id, seq, user_id, at, _present(body.member_id, "member_id"))
        case MemberRoleChanged.kind:
            return MemberRoleChanged(
                room_id, seq, user_id, at, _present(body.member_id, "member_id"), _present(body.role, "role")
            )
        case RoomChanged.kind:
            return RoomChanged(room_id, seq, user_id, at, _present(body.name, "name"), _present(body.topic, "topic"))
        case RoomCreated.kind:
            return RoomCreated(
                room_id,
                seq,
                user_id,
                at,
                _present(body.room_kind, "room_kind"),
                _present(body.name, "name"),
                _present(body.topic, "topic"),
                _present(body.history, "history"),
            )
        case RoomDeleted.kind:
            return RoomDeleted(room_id, seq, user_id, at)
        case _:
            return None


def message_body(message: Message) -> MessageBody:
    """The wire form of a message."""
    return MessageBody(
        room_id=message.room_id,
        seq=message.seq,
        user_id=message.user_id,
        at=format_time(message.at),
        text=message.text,
        client_id=message.client_id,
        reply_to=message.reply_to,
        version=None if message.version == message.seq else message.version,
        edited_at=None if message.edited_at is None else format_time(message.edited_at),
        deleted_at=None if message.deleted_at is None else format_time(message.deleted_at),
    )


def domain_message(body: MessageBody) -> Message:
    """The message that a body stands for."""
    return Message(
        room_id=body.room_id,
        seq=body.seq,
        user_id=body.user_id,
        at=parse_time(body.at),
        text=body.text,
        client_id=body.client_id,
        reply_to=body.reply_to,
        version=Seq(0) if body.version is None else body.version,
        edited_at=None if body.edited_at is None else parse_time(body.edited_at, field="edited_at"),
        deleted_at=None if body.deleted_at is None else parse_time(body.deleted_at, field="deleted_at"),
    )


def _present(value: T | None, field: str) -> T:
    if value is None:
        raise Invalid(f"{field} is missing", field=field)
    return value
