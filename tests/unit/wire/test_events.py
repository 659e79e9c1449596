import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.domain.errors import Invalid
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
from hubbub.domain.messages import Message
from hubbub.wire.codec import decode_server, encode
from hubbub.wire.events import domain_event, domain_message, encode_event, event_body, message_body
from hubbub.wire.frames import EventBody, EventFrame, Events, MessageBody
from tests.unit.domain.strategies import events, messages

ROOM, ANN, BOB, AT = RoomId(9), UserId(2), UserId(3), Millis(1_795_338_000_000)
TIME = "2026-11-22T09:00:00.000Z"
COMMON = {"type": "event", "room_id": 9, "seq": 7, "user_id": 2, "at": TIME}


@given(events())
def test_every_event_comes_out_of_its_frame_as_it_went_in(event: Event) -> None:
    frame = decode_server(encode_event(event))
    assert isinstance(frame, EventFrame)
    assert domain_event(frame.room_id, frame) == event


@given(st.lists(events(), max_size=5))
def test_every_event_comes_out_of_a_batch_as_it_went_in(batch: list[Event]) -> None:
    frame = decode_server(encode(Events(room_id=ROOM, more=False, events=[event_body(event) for event in batch])))
    assert isinstance(frame, Events)
    decoded = [domain_event(event.room_id, body) for event, body in zip(batch, frame.events, strict=True)]
    assert decoded == batch


@given(messages())
def test_every_message_comes_out_of_its_wire_form_as_it_went_in(message: Message) -> None:
    assert domain_message(message_body(message)) == message


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (
            RoomCreated(ROOM, Seq(7), ANN, AT, RoomKind.GROUP, "Tea", "", History.SINCE_JOINED),
            {"kind": "room.created", "room_kind": "group", "name": "Tea", "topic": "", "history": "since_joined"},
        ),
        (RoomChanged(ROOM, Seq(7), ANN, AT, "Tea", "Hot"), {"kind": "room.changed", "name": "Tea", "topic": "Hot"}),
        (RoomDeleted(ROOM, Seq(7), ANN, AT), {"kind": "room.deleted"}),
        (
            MemberJoined(ROOM, Seq(7), ANN, AT, BOB, Role.ADMIN),
            {"kind": "member.joined", "member_id": 3, "role": "admin"},
        ),
        (MemberLeft(ROOM, Seq(7), ANN, AT, BOB), {"kind": "member.left", "member_id": 3}),
        (
            MemberRoleChanged(ROOM, Seq(7), ANN, AT, BOB, Role.OWNER),
            {"kind": "member.role_changed", "member_id": 3, "role": "owner"},
        ),
        (
            MessagePosted(Message(ROOM, Seq(7), ANN, AT, "hi", "a1", Seq(4))),
            {
                "kind": "message.posted",
                "client_id": "a1",
                "message": {
                    "room_id": 9,
                    "seq": 7,
                    "user_id": 2,
                    "at": TIME,
                    "text": "hi",
                    "client_id": "a1",
                    "reply_to": 4,
                },
            },
        ),
        (
            MessagePosted(Message(ROOM, Seq(7), ANN, AT, "", None, None, Seq(9), AT, AT)),
            {
                "kind": "message.posted",
                "message": {
                    "room_id": 9,
                    "seq": 7,
                    "user_id": 2,
                    "at": TIME,
                    "text": "",
                    "version": 9,
                    "edited_at": TIME,
                    "deleted_at": TIME,
                },
            },
        ),
        (
            MessageEdited(ROOM, Seq(7), ANN, AT, Seq(4), "ho"),
            {"kind": "message.edited", "target": 4, "text": "ho"},
        ),
        (MessageDeleted(ROOM, Seq(7), ANN, AT, Seq(4)), {"kind": "message.deleted", "target": 4}),
    ],
)
def test_the_event_frame_holds_what_the_kind_needs_and_nothing_else(event: Event, fields: dict[str, object]) -> None:
    assert json.loads(encode_event(event)) == COMMON | fields


def body(kind: str, **fields: object) -> EventBody:
    return EventBody(seq=Seq(7), kind=kind, user_id=ANN, at=TIME, **fields)  # type: ignore[arg-type]


def test_an_event_of_a_kind_that_is_not_known_here_is_passed_over() -> None:
    assert domain_event(ROOM, body("reaction.added")) is None


@pytest.mark.parametrize("cls", [cls for cls in get_args(Event) if cls is not RoomDeleted])
def test_an_event_without_what_its_kind_needs_is_invalid(cls: type[Event]) -> None:
    with pytest.raises(Invalid, match="is missing"):
        domain_event(ROOM, body(cls.kind))


@pytest.mark.parametrize(("room_id", "seq"), [(8, 7), (9, 6)])
def test_a_message_in_the_event_of_another_is_invalid(room_id: int, seq: int) -> None:
    other = MessageBody(room_id=RoomId(room_id), seq=Seq(seq), user_id=ANN, at=TIME, text="hi")
    with pytest.raises(Invalid, match="room_id and seq of its event"):
        domain_event(ROOM, body("message.posted", message=other))


def test_a_client_id_that_stands_in_the_event_alone_is_the_messages() -> None:
    message = MessageBody(room_id=ROOM, seq=Seq(7), user_id=ANN, at=TIME, text="hi")
    event = domain_event(ROOM, body("message.posted", client_id="b1", message=message))
    assert isinstance(event, MessagePosted)
    assert event.message.client_id == "b1"


@pytest.mark.parametrize(
    ("cls", "text"), [(RoomDeleted, "yesterday"), (RoomDeleted, "2026-11-22T09:00:00Z"), (RoomDeleted, "")]
)
def test_an_event_with_a_time_of_another_form_is_invalid(cls: type[Event], text: str) -> None:
    with pytest.raises(Invalid) as caught:
        domain_event(ROOM, EventBody(seq=Seq(7), kind=cls.kind, user_id=ANN, at=text))
    assert caught.value.field == "at"
