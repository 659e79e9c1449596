"""What ChatRoom promises about rooms as a whole. `test_rooms_machine.py` drives one at random."""

from collections.abc import Callable

import pytest

from hubbub.domain.errors import Forbidden, Invalid, NotFound
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
from hubbub.domain.ids import Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.messages import Message
from hubbub.domain.permissions import Action
from hubbub.domain.rooms import MAX_FIRST_MEMBERS, ChatRoom
from tests.unit.domain.rooms import (
    ADMIN,
    AT,
    BOB,
    CAT,
    LATER,
    OUTSIDER,
    OWNER,
    ROOM,
    apply,
    direct,
    posted,
    shared,
)

Decide = Callable[[ChatRoom, UserId], object]


def everything(user_id: UserId) -> list[Decide]:
    """Every decision that somebody in a room can ask for, as one that would succeed for the owner."""
    return [
        lambda room, who: room.require(who, Action.READ),
        lambda room, who: room.base(who),
        lambda room, who: room.post(who, "hi"),
        lambda room, who: room.edit(who, Seq(1), "ho"),
        lambda room, who: room.delete(who, Seq(1)),
        lambda room, who: room.add_member(who, user_id),
        lambda room, who: room.remove_member(who, user_id),
        lambda room, who: room.remove_member(who, who),
        lambda room, who: room.change_role(who, user_id, Role.ADMIN),
        lambda room, who: room.change(who, name="Coffee"),
        lambda room, who: room.close(who),
    ]


# Creating


def test_a_room_begins_with_its_creation_its_creator_and_the_first_members() -> None:
    events = ChatRoom(ROOM).create(
        OWNER, RoomKind.CHANNEL, name="Tea", topic="Hot", history=History.SINCE_JOINED, member_ids=[CAT, BOB], at=AT
    )
    assert events == (
        RoomCreated(ROOM, Seq(1), OWNER, AT, RoomKind.CHANNEL, "Tea", "Hot", History.SINCE_JOINED),
        MemberJoined(ROOM, Seq(2), OWNER, AT, OWNER, Role.OWNER),
        MemberJoined(ROOM, Seq(3), OWNER, AT, CAT, Role.MEMBER),
        MemberJoined(ROOM, Seq(4), OWNER, AT, BOB, Role.MEMBER),
    )


def test_the_creator_and_repeated_members_are_added_once() -> None:
    events = ChatRoom(ROOM).create(OWNER, RoomKind.GROUP, name="Tea", member_ids=[BOB, OWNER, BOB])
    assert [event.member_id for event in events if isinstance(event, MemberJoined)] == [OWNER, BOB]


@pytest.mark.parametrize("member_ids", [[], [BOB], [CAT, OUTSIDER]])
def test_a_direct_room_is_between_two_different_people(member_ids: list[UserId]) -> None:
    with pytest.raises(Invalid) as caught:
        ChatRoom(ROOM).create(BOB, RoomKind.DIRECT, member_ids=member_ids)
    assert caught.value.field == "user_id"


def test_a_direct_room_has_two_members_no_owner_and_no_name() -> None:
    room = ChatRoom(ROOM)
    apply(room, *room.create(BOB, RoomKind.DIRECT, name="Tea", topic="Hot", member_ids=[CAT]))
    assert [member.role for member in room.members.values()] == [Role.MEMBER, Role.MEMBER]
    assert (room.name, room.topic) == ("", "")


@pytest.mark.parametrize(("name", "topic", "field"), [("", "", "name"), ("Tea", "a\nb", "topic")])
def test_a_shared_room_has_a_proper_name_and_topic(name: str, topic: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        ChatRoom(ROOM).create(OWNER, RoomKind.GROUP, name=name, topic=topic)
    assert caught.value.field == field


def test_the_number_of_first_members_is_bounded_and_the_bound_is_inclusive() -> None:
    many = [UserId(100 + number) for number in range(MAX_FIRST_MEMBERS + 1)]
    assert len(ChatRoom(ROOM).create(OWNER, RoomKind.GROUP, name="Tea", member_ids=many[:-1])) == 2 + MAX_FIRST_MEMBERS
    with pytest.raises(Invalid) as caught:
        ChatRoom(ROOM).create(OWNER, RoomKind.GROUP, name="Tea", member_ids=many)
    assert caught.value.field == "member_ids"


def test_a_room_knows_when_it_was_created_and_when_it_changed_last() -> None:
    room = shared()
    room.apply(room.post(BOB, "hi", at=LATER))
    assert (room.created_at, room.last_at, room.head) == (AT, LATER, 7)


def test_the_repr_of_a_room_is_short() -> None:
    assert repr(shared()) == "ChatRoom(id=9, kind='group', name='Tea', head=6)"


# Outsiders, and what is no more


@pytest.mark.parametrize("decide", everything(CAT))
def test_an_outsider_of_a_group_learns_nothing_but_that_there_is_no_such_room(decide: Decide) -> None:
    with pytest.raises(NotFound) as caught:
        decide(shared(), OUTSIDER)
    assert str(caught.value) == "there is no room 9"


@pytest.mark.parametrize("decide", everything(CAT))
def test_an_outsider_of_a_direct_room_learns_nothing_but_that_there_is_no_such_room(decide: Decide) -> None:
    with pytest.raises(NotFound) as caught:
        decide(direct(), OUTSIDER)
    assert str(caught.value) == "there is no room 9"


@pytest.mark.parametrize("decide", everything(CAT))
def test_an_outsider_of_a_channel_is_told_to_join_it(decide: Decide) -> None:
    with pytest.raises(Forbidden, match="join it first"):
        decide(shared(RoomKind.CHANNEL), OUTSIDER)


@pytest.mark.parametrize("decide", [*everything(CAT), lambda room, who: room.join(who)])
@pytest.mark.parametrize("who", [OWNER, BOB, OUTSIDER])
def test_a_deleted_room_is_to_everybody_as_if_it_had_never_been(decide: Decide, who: UserId) -> None:
    room = shared(RoomKind.CHANNEL)
    apply(room, *room.close(OWNER))
    with pytest.raises(NotFound) as caught:
        decide(room, who)
    assert str(caught.value) == "there is no room 9"


@pytest.mark.parametrize("decide", everything(OUTSIDER))
def test_who_left_is_an_outsider(decide: Decide) -> None:
    room = shared()
    apply(room, *room.remove_member(CAT, CAT))
    with pytest.raises(NotFound):
        decide(room, CAT)


# Direct rooms


def test_a_direct_room_is_its_two_people_for_ever() -> None:
    for decide in everything(CAT)[5:]:
        with pytest.raises(Forbidden, match="direct room"):
            decide(direct(), BOB)
    with pytest.raises(Forbidden, match="direct room"):
        direct().add_member(BOB, OUTSIDER)


def test_in_a_direct_room_people_read_write_edit_and_delete() -> None:
    room = direct()
    seq = posted(room, BOB)
    apply(room, *room.edit(BOB, seq, "ho"))
    apply(room, *room.delete(BOB, seq))
    assert room.base(CAT) == 0
    assert room.messages[seq].deleted


# The room itself


@pytest.mark.parametrize(
    ("change", "name", "topic"),
    [
        ({"name": "Coffee"}, "Coffee", ""),
        ({"topic": "Hot"}, "Tea", "Hot"),
        ({"name": "Coffee", "topic": "Black"}, "Coffee", "Black"),
    ],
)
def test_admins_change_name_and_topic_and_the_event_says_both(change: dict[str, str], name: str, topic: str) -> None:
    room = shared()
    events = room.change(ADMIN, name=change.get("name"), topic=change.get("topic"), at=LATER)
    assert events == (RoomChanged(ROOM, Seq(7), ADMIN, LATER, name, topic),)
    apply(room, *events)
    assert (room.name, room.topic) == (name, topic)


@pytest.mark.parametrize("change", [{}, {"name": "Tea"}, {"topic": ""}, {"name": "Tea", "topic": ""}])
def test_a_change_to_what_is_so_already_is_nothing(change: dict[str, str]) -> None:
    assert shared().change(ADMIN, name=change.get("name"), topic=change.get("topic")) == ()


@pytest.mark.parametrize("change", [{"name": ""}, {"name": " Tea"}, {"topic": "x" * 501}])
def test_a_new_name_and_topic_keep_the_rules_of_texts(change: dict[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        shared().change(ADMIN, name=change.get("name"), topic=change.get("topic"))
    assert caught.value.field in change


def test_members_do_not_change_the_room_and_only_the_owner_deletes_it() -> None:
    with pytest.raises(Forbidden):
        shared().change(BOB, name="Coffee")
    for who in (BOB, ADMIN):
        with pytest.raises(Forbidden):
            shared().close(who)


def test_a_deleted_room_has_no_members() -> None:
    room = shared()
    events = room.close(OWNER, at=LATER)
    assert events == (RoomDeleted(ROOM, Seq(7), OWNER, LATER),)
    apply(room, *events)
    assert (room.deleted, room.members) == (True, {})


# A room that is loaded in part


@pytest.mark.parametrize(
    "event",
    [
        MessageEdited(ROOM, Seq(7), BOB, LATER, Seq(5), "ho"),
        MessageDeleted(ROOM, Seq(7), BOB, LATER, Seq(5)),
        MemberLeft(ROOM, Seq(7), BOB, LATER, BOB),
        MemberRoleChanged(ROOM, Seq(7), OWNER, LATER, BOB, Role.ADMIN),
    ],
)
def test_what_is_not_loaded_is_passed_over_and_the_seq_is_taken_all_the_same(event: Event) -> None:
    room = ChatRoom(ROOM)
    room.apply(event)
    assert (room.head, room.last_at, room.members, room.messages) == (7, LATER, {}, {})


def test_a_replayed_edit_does_not_take_back_a_later_state() -> None:
    room = shared()
    now = Message(ROOM, Seq(7), BOB, AT, "third", version=Seq(9), edited_at=LATER)
    apply(room, MessagePosted(now), MessageEdited(ROOM, Seq(8), BOB, AT, Seq(7), "second"))
    assert room.messages[Seq(7)] == now
    apply(room, MessageEdited(ROOM, Seq(9), BOB, LATER, Seq(7), "third"))
    assert room.messages[Seq(7)] == now
