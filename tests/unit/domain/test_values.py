"""Promises of the plain values: events, members, messages, users."""

from dataclasses import FrozenInstanceError, fields, replace
from typing import get_args

import pytest
from hypothesis import given

from hubbub.domain.events import Event, MessagePosted
from hubbub.domain.ids import MAX_ID, Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.domain.users import User
from tests.unit.domain.strategies import events, messages

KINDS = (
    "message.posted message.edited message.deleted member.joined member.left member.role_changed room.created "
    "room.changed room.deleted"
)


def test_every_kind_of_event_has_its_own_word() -> None:
    assert sorted(cls.kind for cls in get_args(Event)) == sorted(KINDS.split())


@given(events())
def test_every_event_says_where_when_and_by_whom(event: Event) -> None:
    assert event.room_id > 0
    assert event.seq > 0
    assert event.user_id > 0
    assert event.at >= 0


@given(messages())
def test_a_posted_event_is_at_the_place_of_its_message(message: Message) -> None:
    event = MessagePosted(message)
    assert (event.room_id, event.seq, event.user_id, event.at) == (
        message.room_id,
        message.seq,
        message.user_id,
        message.at,
    )


@given(events())
def test_an_event_can_not_be_changed(event: Event) -> None:
    for field in fields(event):
        with pytest.raises(FrozenInstanceError):
            setattr(event, field.name, None)


def test_the_version_of_a_new_message_is_its_seq() -> None:
    message = Message(RoomId(1), Seq(7), UserId(2), Millis(0), "hi")
    assert message.version == 7
    assert replace(message, version=Seq(9)).version == 9


def test_a_message_is_deleted_when_it_has_a_time_of_deletion() -> None:
    message = Message(RoomId(1), Seq(7), UserId(2), Millis(0), "")
    assert not message.deleted
    assert replace(message, deleted_at=Millis(0)).deleted


def test_roles_rank_from_member_over_admin_to_owner() -> None:
    assert sorted(Role, key=lambda role: role.rank) == [Role.MEMBER, Role.ADMIN, Role.OWNER]
    assert len({role.rank for role in Role}) == len(Role)


def test_the_repr_of_a_user_does_not_show_the_password_hash() -> None:
    user = User(
        id=UserId(1),
        username="ann",
        email="ann@example.org",
        display_name="Ann",
        password_hash="$argon2id$secret",
        created_at=Millis(0),
    )
    assert "argon2id" not in repr(user)
    assert "ann@example.org" in repr(user)


def test_the_largest_id_is_exact_in_javascript() -> None:
    assert float(MAX_ID) == MAX_ID
    assert float(MAX_ID + 2) != MAX_ID + 2
