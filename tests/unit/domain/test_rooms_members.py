"""What ChatRoom promises about joining, adding, removing and roles."""

from collections.abc import Callable

import pytest

from hubbub.domain.errors import Conflict, Forbidden, NotFound
from hubbub.domain.events import (
    MemberJoined,
    MemberLeft,
    MemberRoleChanged,
    RoomKind,
)
from hubbub.domain.ids import Seq, UserId
from hubbub.domain.members import Member, Role
from hubbub.domain.rooms import ChatRoom
from tests.unit.domain.rooms import (
    ADMIN,
    BOB,
    CAT,
    LATER,
    OUTSIDER,
    OWNER,
    ROOM,
    SHARED,
    apply,
    direct,
    shared,
)


def test_anyone_joins_a_channel_and_joining_twice_is_nothing() -> None:
    room = shared(RoomKind.CHANNEL)
    events = room.join(OUTSIDER, at=LATER)
    assert events == (MemberJoined(ROOM, Seq(7), OUTSIDER, LATER, OUTSIDER, Role.MEMBER),)
    apply(room, *events)
    assert room.join(OUTSIDER) == ()
    assert room.members[OUTSIDER] == Member(OUTSIDER, Role.MEMBER, Seq(7))


def test_nobody_joins_a_group_or_a_direct_room_by_themselves() -> None:
    for room in (shared(RoomKind.GROUP), direct()):
        assert room.join(BOB) == ()
        with pytest.raises(NotFound, match="there is no room 9"):
            room.join(OUTSIDER)


@pytest.mark.parametrize("kind", SHARED)
@pytest.mark.parametrize(
    ("who", "role", "allowed"),
    [
        (BOB, Role.MEMBER, False),
        (ADMIN, Role.MEMBER, True),
        (ADMIN, Role.ADMIN, False),
        (ADMIN, Role.OWNER, False),
        (OWNER, Role.MEMBER, True),
        (OWNER, Role.ADMIN, True),
        (OWNER, Role.OWNER, False),
    ],
)
def test_members_are_added_by_admins_in_a_role_below_their_own(
    kind: RoomKind, who: UserId, role: Role, allowed: bool
) -> None:
    room = shared(kind)
    if allowed:
        assert room.add_member(who, OUTSIDER, role, at=LATER) == (
            MemberJoined(ROOM, Seq(7), who, LATER, OUTSIDER, role),
        )
    else:
        with pytest.raises(Forbidden):
            room.add_member(who, OUTSIDER, role)


def test_adding_a_member_who_is_there_in_this_role_is_nothing() -> None:
    assert shared().add_member(ADMIN, BOB) == ()


def test_adding_a_member_who_is_there_in_another_role_changes_the_role() -> None:
    room = shared()
    assert room.add_member(OWNER, BOB, Role.ADMIN, at=LATER) == room.change_role(OWNER, BOB, Role.ADMIN, at=LATER)
    with pytest.raises(Forbidden, match="change roles"):
        room.add_member(ADMIN, BOB, Role.ADMIN)


def test_members_and_admins_leave() -> None:
    room = shared()
    for who in (BOB, ADMIN):
        events = room.remove_member(who, who, at=LATER)
        assert events == (MemberLeft(ROOM, Seq(room.head + 1), who, LATER, who),)
        apply(room, *events)
        assert who not in room.members


def test_the_owner_does_not_leave_before_the_room_is_handed_over() -> None:
    room = shared()
    with pytest.raises(Conflict):
        room.remove_member(OWNER, OWNER)
    apply(room, *room.change_role(OWNER, BOB, Role.OWNER))
    apply(room, *room.remove_member(OWNER, OWNER))
    assert OWNER not in room.members


@pytest.mark.parametrize(
    ("who", "target", "allowed"),
    [
        (BOB, CAT, False),
        (BOB, ADMIN, False),
        (BOB, OWNER, False),
        (ADMIN, BOB, True),
        (ADMIN, OWNER, False),
        (OWNER, BOB, True),
        (OWNER, ADMIN, True),
    ],
)
def test_members_are_removed_by_somebody_of_a_higher_role(who: UserId, target: UserId, allowed: bool) -> None:
    room = shared()
    if allowed:
        assert room.remove_member(who, target, at=LATER) == (MemberLeft(ROOM, Seq(7), who, LATER, target),)
    else:
        with pytest.raises(Forbidden):
            room.remove_member(who, target)


def test_an_admin_does_not_remove_another() -> None:
    room = shared()
    apply(room, *room.change_role(OWNER, BOB, Role.ADMIN))
    with pytest.raises(Forbidden, match="role is admin"):
        room.remove_member(ADMIN, BOB)


@pytest.mark.parametrize(
    "decide",
    [
        lambda room: room.remove_member(OWNER, OUTSIDER),
        lambda room: room.change_role(OWNER, OUTSIDER, Role.ADMIN),
    ],
)
def test_who_is_no_member_is_neither_removed_nor_given_a_role(decide: Callable[[ChatRoom], object]) -> None:
    with pytest.raises(NotFound, match="user 5 is not a member"):
        decide(shared())


@pytest.mark.parametrize("who", [BOB, ADMIN])
def test_only_the_owner_changes_roles(who: UserId) -> None:
    with pytest.raises(Forbidden, match="change roles"):
        shared().change_role(who, CAT, Role.ADMIN)


def test_a_new_role_keeps_the_membership() -> None:
    room = shared()
    apply(room, *room.change_role(OWNER, BOB, Role.ADMIN))
    assert room.members[BOB] == Member(BOB, Role.ADMIN, Seq(4))


@pytest.mark.parametrize(("who", "target", "role"), [(OWNER, BOB, Role.MEMBER), (BOB, CAT, Role.MEMBER)])
def test_the_role_that_somebody_has_already_is_no_change(who: UserId, target: UserId, role: Role) -> None:
    assert shared().change_role(who, target, role) == ()


def test_making_another_the_owner_hands_the_room_over_and_leaves_an_admin_behind() -> None:
    room = shared()
    events = room.change_role(OWNER, BOB, Role.OWNER, at=LATER)
    assert events == (
        MemberRoleChanged(ROOM, Seq(7), OWNER, LATER, BOB, Role.OWNER),
        MemberRoleChanged(ROOM, Seq(8), OWNER, LATER, OWNER, Role.ADMIN),
    )
    apply(room, *events)
    assert [room.members[who].role for who in (OWNER, BOB)] == [Role.ADMIN, Role.OWNER]


def test_the_owners_own_role_is_not_given_up() -> None:
    with pytest.raises(Conflict):
        shared().change_role(OWNER, OWNER, Role.ADMIN)
