from dataclasses import replace
from itertools import product

import pytest

from hubbub.domain.errors import Conflict, Forbidden, NotFound
from hubbub.domain.events import History, MessageEdited, MessagePosted, RoomKind
from hubbub.domain.ids import Millis, RoomId, Seq, UserId
from hubbub.domain.members import Member, Role
from hubbub.domain.messages import Message
from hubbub.domain.permissions import (
    LEAST_ROLE,
    Action,
    base,
    can_delete,
    can_edit,
    can_find_disabled,
    can_grant,
    can_join,
    can_remove,
    can_see_profile_email,
    require_action,
    require_administrator,
    require_another_administrator,
    require_enabled,
    require_other,
    seen_by,
)
from hubbub.domain.users import User

ROOM, ANN, BOB = RoomId(9), UserId(1), UserId(2)
SHARED = [RoomKind.GROUP, RoomKind.CHANNEL]

# Who may do what in a group or a channel, written out.
ALLOWED = {
    Role.MEMBER: {Action.READ, Action.POST, Action.LEAVE},
    Role.ADMIN: {
        Action.READ,
        Action.POST,
        Action.LEAVE,
        Action.CHANGE_ROOM,
        Action.ADD_MEMBER,
        Action.REMOVE_MEMBER,
    },
    Role.OWNER: set(Action),
}


def member(role: Role, user_id: UserId = ANN) -> Member:
    return Member(user_id, role, Seq(5))


def message(author_id: UserId) -> Message:
    return Message(ROOM, Seq(7), author_id, Millis(0), "hi")


def test_every_action_has_a_least_role() -> None:
    assert set(LEAST_ROLE) == set(Action)


@pytest.mark.parametrize(("kind", "role", "action"), [*product(SHARED, Role, Action)])
def test_in_groups_and_channels_the_role_decides(kind: RoomKind, role: Role, action: Action) -> None:
    who = member(role)
    if action in ALLOWED[role]:
        assert require_action(ROOM, kind, who, action) is who
    else:
        with pytest.raises(Forbidden) as caught:
            require_action(ROOM, kind, who, action)
        assert str(caught.value) == f"you may not {action.value}"


@pytest.mark.parametrize(("role", "action"), [*product(Role, Action)])
def test_in_direct_rooms_everybody_may_read_and_post_and_nothing_else(role: Role, action: Action) -> None:
    who = member(role)
    if action in {Action.READ, Action.POST}:
        assert require_action(ROOM, RoomKind.DIRECT, who, action) is who
    else:
        with pytest.raises(Forbidden, match="direct room"):
            require_action(ROOM, RoomKind.DIRECT, who, action)


@pytest.mark.parametrize(("kind", "action"), [*product([RoomKind.DIRECT, RoomKind.GROUP], Action)])
def test_an_outsider_is_not_told_that_a_room_exists(kind: RoomKind, action: Action) -> None:
    with pytest.raises(NotFound) as caught:
        require_action(ROOM, kind, None, action)
    assert str(caught.value) == "there is no room 9"


@pytest.mark.parametrize("action", Action)
def test_an_outsider_of_a_channel_is_told_to_join(action: Action) -> None:
    with pytest.raises(Forbidden, match="join it first"):
        require_action(ROOM, RoomKind.CHANNEL, None, action)


@pytest.mark.parametrize("kind", RoomKind)
def test_only_channels_are_joined_without_being_asked_in(kind: RoomKind) -> None:
    assert can_join(kind) is (kind is RoomKind.CHANNEL)


@pytest.mark.parametrize(("role", "author_id"), [*product(Role, [ANN, BOB])])
def test_only_its_author_edits_a_message(role: Role, author_id: UserId) -> None:
    assert can_edit(member(role), message(author_id)) is (author_id == ANN)


@pytest.mark.parametrize(("kind", "role", "author_id"), [*product(RoomKind, Role, [ANN, BOB])])
def test_a_message_is_deleted_by_its_author_or_by_who_keeps_order(
    kind: RoomKind, role: Role, author_id: UserId
) -> None:
    keeps_order = kind is not RoomKind.DIRECT and role is not Role.MEMBER
    assert can_delete(kind, member(role), message(author_id)) is (author_id == ANN or keeps_order)


LOWER = {(Role.ADMIN, Role.MEMBER), (Role.OWNER, Role.MEMBER), (Role.OWNER, Role.ADMIN)}


@pytest.mark.parametrize(("actor", "target"), [*product(Role, Role)])
def test_only_members_of_a_lower_role_are_removed(actor: Role, target: Role) -> None:
    assert can_remove(member(actor), member(target, BOB)) is ((actor, target) in LOWER)


@pytest.mark.parametrize(("actor", "role"), [*product(Role, Role)])
def test_only_a_lower_role_is_given_to_who_is_added(actor: Role, role: Role) -> None:
    assert can_grant(member(actor), role) is ((actor, role) in LOWER)


def test_a_member_reads_everything_or_what_came_from_their_joining_on() -> None:
    assert base(History.ALL, member(Role.MEMBER)) == 0
    assert base(History.SINCE_JOINED, member(Role.MEMBER)) == 4


def test_an_edit_of_what_a_member_may_not_read_is_seen_without_its_text() -> None:
    edited = MessageEdited(ROOM, Seq(9), ANN, Millis(0), Seq(4), "a secret")
    assert seen_by(edited, Seq(3)) is edited
    assert seen_by(edited, Seq(4)) == MessageEdited(ROOM, Seq(9), ANN, Millis(0), Seq(4), "")
    posted = MessagePosted(Message(ROOM, Seq(9), ANN, Millis(0), "no secret"))
    assert seen_by(posted, Seq(8)) is posted


@pytest.mark.parametrize(
    ("viewer_id", "is_admin", "seen"), [(ANN, False, True), (ANN, True, True), (BOB, False, False), (BOB, True, True)]
)
def test_an_email_address_is_for_its_owner_and_for_admins(viewer_id: UserId, is_admin: bool, seen: bool) -> None:
    assert can_see_profile_email(viewer_id, is_admin, ANN) is seen


def test_disabled_accounts_are_found_by_administrators_alone() -> None:
    assert (can_find_disabled(True), can_find_disabled(False)) == (True, False)


def test_an_account_that_is_disabled_can_not_be_signed_in_to() -> None:
    ann = User(id=ANN, username="ann", email="", display_name="", password_hash="", created_at=Millis(0))
    require_enabled(ann)
    with pytest.raises(Forbidden, match="this account is disabled"):
        require_enabled(replace(ann, disabled_at=Millis(0)))


def test_other_peoples_accounts_are_for_administrators_and_ones_own_for_another_one() -> None:
    require_administrator(True)
    with pytest.raises(Forbidden):
        require_administrator(False)
    require_other(ANN, BOB)
    with pytest.raises(Forbidden):
        require_other(ANN, ANN)


def test_the_last_administrator_stays() -> None:
    for administrators in ([], [ANN, BOB], [BOB]):
        require_another_administrator(ANN, administrators)
    with pytest.raises(Conflict):
        require_another_administrator(ANN, [ANN])
