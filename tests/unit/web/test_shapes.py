"""What REST answers with, and how it is written."""

import json
from dataclasses import replace
from typing import Any

from msgspec import Struct, to_builtins
from msgspec.json import decode

from hubbub.domain.events import MessageEdited, MessagePosted, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.domain.users import User
from hubbub.services.logs import LogPage
from hubbub.services.messages import Page
from hubbub.services.ports import RoomSummary
from hubbub.services.users import Profile
from hubbub.web.encoding import JsonResponse
from hubbub.web.shapes import event_timeline, message_shape, message_timeline, profile_shape, room_shape
from hubbub.wire.events import message_body
from hubbub.wire.frames import MessageBody

AT = Millis(1_795_338_000_000)
POSTED = Message(RoomId(9), Seq(415), UserId(2), AT, "hi", client_id="a1")
EDITED = Message(RoomId(9), Seq(416), UserId(2), AT, "ho", version=Seq(417), edited_at=Millis(AT + 90_250))
ANN = User(
    id=UserId(2),
    username="ann",
    email="ann@example.org",
    display_name="Ann Lee",
    password_hash="$argon2id$secret",
    created_at=AT,
)


def plain(struct: Struct) -> Any:
    """As it goes over the wire."""
    return json.loads(bytes(JsonResponse(struct).body))


def test_a_message_is_that_of_the_wire_and_always_has_its_version() -> None:
    for message in (POSTED, EDITED):
        assert plain(message_shape(message)) == to_builtins(message_body(message)) | {"version": message.version}
        assert decode(JsonResponse(message_shape(message)).body, type=MessageBody) == message_shape(message)


def test_what_is_null_is_left_out() -> None:
    assert plain(message_shape(POSTED)) == {
        "room_id": 9,
        "seq": 415,
        "user_id": 2,
        "at": "2026-11-22T09:00:00.000Z",
        "text": "hi",
        "client_id": "a1",
        "version": 415,
    }
    assert plain(message_shape(EDITED))["edited_at"] == "2026-11-22T09:01:30.250Z"


def test_a_timeline_is_its_items_in_their_order_and_the_head() -> None:
    timeline = plain(message_timeline(Page([EDITED, POSTED], Seq(417))))
    assert ([message["seq"] for message in timeline["items"]], timeline["head"]) == ([416, 415], 417)


def test_messages_inside_of_events_have_their_version_too() -> None:
    edit = MessageEdited(RoomId(9), Seq(417), UserId(2), AT, Seq(416), "ho")
    timeline = plain(event_timeline(LogPage([MessagePosted(POSTED), MessagePosted(EDITED), edit], Seq(417), "k3v9")))
    assert [event.get("message", {}).get("version") for event in timeline["items"]] == [415, 417, None]
    assert (timeline["items"][2]["target"], timeline["epoch"]) == (416, "k3v9")


def test_a_user_is_shown_without_their_password_hash() -> None:
    assert plain(profile_shape(ANN)) == {
        "id": 2,
        "username": "ann",
        "display_name": "Ann Lee",
        "created_at": "2026-11-22T09:00:00.000Z",
        "email": "ann@example.org",
    }


def test_an_email_address_that_is_not_for_the_viewer_is_left_out() -> None:
    seen = Profile(
        id=ANN.id, username="ann", display_name="Ann", email=None, is_admin=True, created_at=AT, disabled_at=None
    )
    assert plain(profile_shape(seen)).keys() == {"id", "username", "display_name", "created_at", "is_admin"}


def test_an_account_that_is_disabled_is_said_to_be_so() -> None:
    assert plain(profile_shape(replace(ANN, disabled_at=AT)))["disabled"] is True


def test_a_room_has_its_last_message_with_the_name_of_its_author() -> None:
    summary = RoomSummary(
        room_id=RoomId(9),
        kind=RoomKind.GROUP,
        name="Garden",
        topic="",
        head=Seq(415),
        last_at=AT,
        role=Role.OWNER,
        base=Seq(0),
        read_seq=Seq(410),
        unread=1,
        peer=None,
        last_message=POSTED,
        last_author=ANN,
    )
    room = plain(room_shape(summary))
    assert room["last_message"] == plain(message_shape(POSTED))
    assert room["last_author"] == {"id": 2, "username": "ann", "display_name": "Ann Lee"}
    assert (room["kind"], room["role"], "peer" in room) == ("group", "owner", False)
