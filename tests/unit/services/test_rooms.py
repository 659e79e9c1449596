"""Rooms: who founds, finds, joins, changes and leaves them; and what outsiders are told."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hubbub.domain.errors import ChatError, Conflict, Forbidden, Invalid, NotFound
from hubbub.domain.events import History, MemberJoined, MemberLeft, RoomKind
from hubbub.domain.ids import RoomId, Seq, UserId
from hubbub.domain.members import Member, Role
from tests.unit.services.chats import ANN, BOB, CYD, DAN, NO_ROOM, NOBODY, Chats

OWNER, ADMIN, MEMBER = Role.OWNER, Role.ADMIN, Role.MEMBER


async def roles(chats: Chats, room_id: RoomId) -> dict[UserId, Role]:
    return {member.user_id: member.role for member in (await chats.fold(room_id)).members.values()}


# Founding


async def test_a_founder_is_the_owner_and_sees_the_room(any_chats: Chats) -> None:
    room = await any_chats.rooms.create(
        ANN, RoomKind.GROUP, name="garden", topic="tomatoes", history=History.SINCE_JOINED, member_ids=[CYD, BOB, CYD]
    )
    assert (room.kind, room.name, room.topic, room.head, room.role) == (RoomKind.GROUP, "garden", "tomatoes", 4, OWNER)
    assert (room.base, room.read_seq, room.unread, room.peer, room.last_message) == (1, 2, 0, None, None)
    assert await roles(any_chats, room.room_id) == {ANN: OWNER, BOB: MEMBER, CYD: MEMBER}
    assert any_chats.fanout.published == await any_chats.log(room.room_id)


async def test_a_direct_room_can_only_be_opened(chats: Chats) -> None:
    with pytest.raises(Invalid) as refusal:
        await chats.rooms.create(ANN, RoomKind.DIRECT, name="", member_ids=[BOB])
    assert refusal.value.field == "kind"
    assert (await chats.rooms.page(ANN)) == ([], None)


async def test_a_direct_room_shows_each_the_other(any_chats: Chats) -> None:
    room, made = await any_chats.rooms.open_direct(ANN, BOB)
    assert made
    assert room.peer is not None
    assert (room.peer.id, room.name, room.role) == (BOB, "", MEMBER)
    of_bob, made = await any_chats.rooms.open_direct(BOB, ANN)
    assert not made
    assert of_bob.peer is not None
    assert (of_bob.room_id, of_bob.peer.id) == (room.room_id, ANN)


async def test_a_direct_room_stays_as_it_is(chats: Chats) -> None:
    room_id = (await chats.rooms.open_direct(ANN, BOB))[0].room_id
    attempts: list[Awaitable[object]] = [
        chats.rooms.put_member(ANN, room_id, CYD),
        chats.rooms.put_member(ANN, room_id, BOB, ADMIN),
        chats.rooms.put_member(ANN, room_id, ANN, OWNER),
        chats.rooms.remove_member(ANN, room_id, ANN),
        chats.rooms.remove_member(ANN, room_id, BOB),
        chats.rooms.change(ANN, room_id, name="us"),
        chats.rooms.delete(ANN, room_id),
    ]
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Forbidden] * len(attempts)
    assert await roles(chats, room_id) == {ANN: MEMBER, BOB: MEMBER}


# Outsiders

Attempt = Callable[[Chats, UserId, RoomId], Awaitable[object]]

ATTEMPTS: dict[str, Attempt] = {
    "get": lambda chats, who, room: chats.rooms.get(who, room),
    "change": lambda chats, who, room: chats.rooms.change(who, room, name="mine"),
    "delete": lambda chats, who, room: chats.rooms.delete(who, room),
    "members": lambda chats, who, room: chats.rooms.members(who, room),
    "add": lambda chats, who, room: chats.rooms.put_member(who, room, DAN),
    "add as admin": lambda chats, who, room: chats.rooms.put_member(who, room, DAN, ADMIN),
    "keep a role": lambda chats, who, room: chats.rooms.put_member(who, room, BOB),
    "change a role": lambda chats, who, room: chats.rooms.put_member(who, room, BOB, ADMIN),
    "the same role": lambda chats, who, room: chats.rooms.put_member(who, room, BOB, MEMBER),
    "remove": lambda chats, who, room: chats.rooms.remove_member(who, room, BOB),
    "leave": lambda chats, who, room: chats.rooms.remove_member(who, room, who),
}
OUTSIDERS = pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)


async def refusal(attempt: Awaitable[object]) -> tuple[type[Exception], str]:
    with pytest.raises(ChatError) as refused:
        await attempt
    return type(refused.value), str(refused.value)


@OUTSIDERS
async def test_an_outsider_is_told_of_a_group_what_they_are_told_of_no_room(chats: Chats, attempt: Attempt) -> None:
    room_id = await chats.found(ANN, BOB)
    head = len(await chats.log(room_id))
    for who in (CYD, NOBODY):
        assert await refusal(attempt(chats, who, room_id)) == (NotFound, f"there is no room {room_id}")
        assert await refusal(attempt(chats, who, NO_ROOM)) == (NotFound, f"there is no room {NO_ROOM}")
    assert len(await chats.log(room_id)) == head


@OUTSIDERS
async def test_an_outsider_is_told_to_join_a_channel(chats: Chats, attempt: Attempt) -> None:
    room_id = await chats.found(ANN, BOB, kind=RoomKind.CHANNEL)
    kind, text = await refusal(attempt(chats, CYD, room_id))
    assert kind is Forbidden
    assert "join it first" in text
    assert len(await chats.log(room_id)) == 3


@OUTSIDERS
async def test_who_was_removed_is_an_outsider(chats: Chats, attempt: Attempt) -> None:
    room_id = await chats.found(ANN, BOB, CYD)
    await chats.rooms.remove_member(ANN, room_id, CYD)
    assert await refusal(attempt(chats, CYD, room_id)) == (NotFound, f"there is no room {room_id}")


@OUTSIDERS
@pytest.mark.parametrize("kind", [RoomKind.GROUP, RoomKind.CHANNEL])
async def test_a_deleted_room_is_no_room_for_anybody(chats: Chats, attempt: Attempt, kind: RoomKind) -> None:
    room_id = await chats.found(ANN, BOB, kind=kind)
    await chats.rooms.delete(ANN, room_id)
    for who in (ANN, BOB, CYD):
        assert await refusal(attempt(chats, who, room_id)) == (NotFound, f"there is no room {room_id}")
    assert await chats.rooms.page(BOB) == ([], None)
    assert await chats.channels.search(ANN) == ([], None)
    with pytest.raises(NotFound):
        await chats.rooms.put_member(CYD, room_id, CYD)


# Members


async def test_anybody_may_join_a_channel_and_joining_twice_is_joining_once(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, kind=RoomKind.CHANNEL)
    membership, added = await any_chats.rooms.put_member(BOB, room_id, BOB)
    assert (membership.member, membership.user.username, added) == (Member(BOB, MEMBER, Seq(3)), "bob", True)
    assert await any_chats.rooms.put_member(BOB, room_id, BOB) == (membership, False)
    assert len(await any_chats.log(room_id)) == 3


@pytest.mark.parametrize("kind", [RoomKind.GROUP, RoomKind.DIRECT])
async def test_nobody_joins_what_is_not_a_channel(chats: Chats, kind: RoomKind) -> None:
    group = kind is RoomKind.GROUP
    room_id = await chats.found(ANN, BOB) if group else (await chats.rooms.open_direct(ANN, BOB))[0].room_id
    for role in (None, MEMBER, ADMIN):
        told = await refusal(chats.rooms.put_member(CYD, room_id, CYD, role))
        assert told == (NotFound, f"there is no room {room_id}")


async def test_who_joins_a_channel_gives_themselves_no_role(chats: Chats) -> None:
    room_id = await chats.found(ANN, kind=RoomKind.CHANNEL)
    for role in (ADMIN, OWNER):
        assert (await refusal(chats.rooms.put_member(BOB, room_id, BOB, role)))[0] is Forbidden
    assert await roles(chats, room_id) == {ANN: OWNER}
    membership, added = await chats.rooms.put_member(BOB, room_id, BOB, MEMBER)
    assert (membership.member.role, added) == (MEMBER, True)


# In a room with an owner (ann), an admin (bob) and a member (cyd), without dan.
PUTS: list[tuple[UserId, UserId, Role | None, Role | type[ChatError]]] = [
    (ANN, DAN, None, MEMBER),
    (ANN, DAN, MEMBER, MEMBER),
    (ANN, DAN, ADMIN, ADMIN),
    (ANN, DAN, OWNER, Forbidden),
    (ANN, CYD, None, MEMBER),
    (ANN, CYD, MEMBER, MEMBER),
    (ANN, CYD, ADMIN, ADMIN),
    (ANN, BOB, None, ADMIN),
    (ANN, BOB, MEMBER, MEMBER),
    (ANN, ANN, None, OWNER),
    (ANN, ANN, OWNER, OWNER),
    (ANN, ANN, MEMBER, Conflict),
    (BOB, DAN, None, MEMBER),
    (BOB, DAN, ADMIN, Forbidden),
    (BOB, DAN, OWNER, Forbidden),
    (BOB, CYD, None, MEMBER),
    (BOB, CYD, MEMBER, MEMBER),
    (BOB, CYD, ADMIN, Forbidden),
    (BOB, ANN, MEMBER, Forbidden),
    (BOB, BOB, None, ADMIN),
    (BOB, BOB, OWNER, Forbidden),
    (BOB, BOB, MEMBER, Forbidden),
    (CYD, DAN, None, Forbidden),
    (CYD, BOB, None, ADMIN),
    (CYD, BOB, MEMBER, Forbidden),
    (CYD, CYD, None, MEMBER),
    (CYD, CYD, ADMIN, Forbidden),
]


@pytest.mark.parametrize("kind", [RoomKind.GROUP, RoomKind.CHANNEL])
@pytest.mark.parametrize(("actor", "member", "role", "outcome"), PUTS)
async def test_who_may_give_which_role(
    chats: Chats,
    kind: RoomKind,
    actor: UserId,
    member: UserId,
    role: Role | None,
    outcome: Role | type[ChatError],
) -> None:
    room_id = await chats.found(ANN, BOB, CYD, kind=kind)
    await chats.rooms.put_member(ANN, room_id, BOB, ADMIN)
    before = await roles(chats, room_id)
    head = len(await chats.log(room_id))
    if isinstance(outcome, Role):
        membership, added = await chats.rooms.put_member(actor, room_id, member, role)
        assert (membership.member.role, membership.user.id, added) == (outcome, member, member == DAN)
        assert await roles(chats, room_id) == before | {member: outcome}
        assert len(await chats.log(room_id)) == head + (before.get(member) is not outcome)
    else:
        with pytest.raises(outcome):
            await chats.rooms.put_member(actor, room_id, member, role)
        assert await roles(chats, room_id) == before


async def test_the_owner_hands_the_room_over(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    with pytest.raises(Conflict):
        await any_chats.rooms.remove_member(ANN, room_id, ANN)
    membership, added = await any_chats.rooms.put_member(ANN, room_id, BOB, OWNER)
    assert (membership.member, added) == (Member(BOB, OWNER, Seq(3)), False)
    assert await roles(any_chats, room_id) == {ANN: ADMIN, BOB: OWNER}
    assert any_chats.fanout.published == await any_chats.log(room_id)
    await any_chats.rooms.remove_member(ANN, room_id, ANN)
    assert await roles(any_chats, room_id) == {BOB: OWNER}


async def test_two_who_hand_over_at_once_leave_one_owner(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB, CYD)
    answers = await asyncio.gather(
        *(any_chats.rooms.put_member(ANN, room_id, heir, OWNER) for heir in (BOB, CYD)), return_exceptions=True
    )
    assert [isinstance(answer, Forbidden) for answer in answers] == [False, True]
    assert await roles(any_chats, room_id) == {ANN: ADMIN, BOB: OWNER, CYD: MEMBER}


async def test_who_leaves_and_who_is_removed_are_told_apart(chats: Chats) -> None:
    room_id = await chats.found(ANN, BOB, CYD)
    await chats.rooms.remove_member(BOB, room_id, BOB)
    await chats.rooms.remove_member(ANN, room_id, CYD)
    left = [event for event in await chats.log(room_id) if isinstance(event, MemberLeft)]
    assert [(event.user_id, event.member_id) for event in left] == [(BOB, BOB), (ANN, CYD)]
    with pytest.raises(NotFound, match="not a member"):
        await chats.rooms.remove_member(ANN, room_id, CYD)


async def test_who_comes_back_is_a_new_member(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB, history=History.SINCE_JOINED)
    await any_chats.rooms.put_member(ANN, room_id, BOB, ADMIN)
    await any_chats.rooms.remove_member(ANN, room_id, BOB)
    membership, added = await any_chats.rooms.put_member(ANN, room_id, BOB)
    assert (membership.member, added) == (Member(BOB, MEMBER, Seq(6)), True)
    assert (await any_chats.rooms.get(BOB, room_id)).base == 5
    joined = [event for event in await any_chats.log(room_id) if isinstance(event, MemberJoined)]
    assert [event.seq for event in joined] == [2, 3, 6]


async def test_a_membership_that_ended_meanwhile_is_not_found(chats: Chats) -> None:
    room_id = await chats.found(ANN, BOB)
    added, removed = await asyncio.gather(
        chats.rooms.put_member(ANN, room_id, CYD),
        chats.rooms.remove_member(ANN, room_id, CYD),
        return_exceptions=True,
    )
    assert isinstance(added, NotFound)
    assert removed is None


async def test_the_members_of_a_room_come_page_by_page(any_chats: Chats) -> None:
    room_id = await any_chats.found(DAN, CYD, BOB, ANN)
    first, cursor = await any_chats.rooms.members(BOB, room_id, limit=3)
    assert [(entry.member.user_id, entry.user.username) for entry in first] == [(1, "ann"), (2, "bob"), (3, "cyd")]
    rest, end = await any_chats.rooms.members(BOB, room_id, cursor=cursor, limit=3)
    assert [(entry.member, end) for entry in rest] == [(Member(DAN, OWNER, Seq(2)), None)]


async def test_members_come_with_how_far_they_have_read_which_begins_with_their_membership(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB, CYD)
    await any_chats.say(ANN, room_id, "hello")
    await any_chats.reads.mark(BOB, room_id, Seq(5))
    await any_chats.rooms.remove_member(ANN, room_id, BOB)
    members, _ = await any_chats.rooms.members(ANN, room_id)
    assert [(entry.member.user_id, entry.read_seq) for entry in members] == [(ANN, 2), (CYD, 4)]
    again, _ = await any_chats.rooms.put_member(ANN, room_id, BOB)
    assert (again.member.joined_seq, again.read_seq) == (7, 7)
    await any_chats.say(ANN, room_id, "and hello again")
    await any_chats.reads.mark(BOB, room_id, Seq(99))
    members, _ = await any_chats.rooms.members(CYD, room_id)
    assert [(entry.member.user_id, entry.read_seq) for entry in members] == [(ANN, 2), (BOB, 8), (CYD, 4)]


async def test_memberships_are_those_of_now(any_chats: Chats) -> None:
    rooms = [await any_chats.found(ANN, BOB) for _ in range(3)]
    await any_chats.rooms.remove_member(ANN, rooms[0], BOB)
    await any_chats.rooms.delete(ANN, rooms[1])
    assert await any_chats.rooms.memberships(BOB) == {rooms[2]: Member(BOB, MEMBER, Seq(3))}
    assert await any_chats.rooms.memberships(NOBODY) == {}


# Name and topic


async def test_a_room_is_renamed_and_keeps_what_is_not_given(any_chats: Chats) -> None:
    room_id = await any_chats.found(ANN, BOB)
    room = await any_chats.rooms.change(ANN, room_id, topic="tomatoes")
    assert (room.name, room.topic, room.head) == ("garden", "tomatoes", 4)
    room = await any_chats.rooms.change(ANN, room_id, name="yard")
    assert (room.name, room.topic, room.head) == ("yard", "tomatoes", 5)
    assert (await any_chats.rooms.change(ANN, room_id)).head == 5
    with pytest.raises(Forbidden):
        await any_chats.rooms.change(BOB, room_id, name="mine")
    with pytest.raises(Invalid):
        await any_chats.rooms.change(ANN, room_id, name="")


async def test_only_the_owner_deletes_a_room(chats: Chats) -> None:
    room_id = await chats.found(ANN, BOB)
    await chats.rooms.put_member(ANN, room_id, BOB, ADMIN)
    with pytest.raises(Forbidden):
        await chats.rooms.delete(BOB, room_id)
    await chats.rooms.delete(ANN, room_id)
    assert (await chats.fold(room_id)).deleted


# Lists


async def test_rooms_come_page_by_page_the_latest_event_first(any_chats: Chats) -> None:
    rooms = [await any_chats.found(ANN, BOB) for _ in range(5)]
    any_chats.clock.advance(1)
    await any_chats.say(BOB, rooms[1], "hi")
    seen: list[list[int]] = []
    cursor: str | None = None
    while not seen or cursor:
        page, cursor = await any_chats.rooms.page(ANN, cursor=cursor, limit=2)
        seen.append([room.room_id for room in page])
    assert seen == [[2, 5], [4, 3], [1]]


async def test_the_directory_lists_channels_alone_page_by_page(any_chats: Chats) -> None:
    await any_chats.found(ANN, name="garden")
    for name in ("Garden tools", "kitchen", "my GARDEN"):
        await any_chats.found(ANN, BOB, kind=RoomKind.CHANNEL, name=name)
    first, cursor = await any_chats.channels.search(ANN, "garden", limit=1)
    second, end = await any_chats.channels.search(ANN, "garden", cursor=cursor, limit=1)
    assert [(entry.name, entry.members) for entry in first + second] == [("Garden tools", 2), ("my GARDEN", 2)]
    assert end is None


async def test_a_page_that_is_just_full_is_the_last_one(any_chats: Chats) -> None:
    rooms = [await any_chats.found(ANN, BOB, kind=RoomKind.CHANNEL) for _ in range(2)]
    for room_id in rooms:
        await any_chats.say(ANN, room_id, "tomato")
    lists = (
        any_chats.rooms.page(ANN, limit=2),
        any_chats.channels.search(ANN, limit=2),
        any_chats.rooms.members(ANN, rooms[0], limit=2),
    )
    assert [(len(found), cursor) for found, cursor in [await each for each in lists]] == [(2, None)] * 3
    found, cursor = await any_chats.messages.search(ANN, "tomato", limit=2)
    assert (len(found), cursor) == (2, None)


@pytest.mark.parametrize("query", ["x" * 201, "\ud800", "a\x00b"])
async def test_a_query_that_no_name_can_contain_is_refused(any_chats: Chats, query: str) -> None:
    with pytest.raises(Invalid) as refused:
        await any_chats.channels.search(ANN, query)
    assert refused.value.field == "q"


@pytest.mark.parametrize("cursor", ["", "!", "AAAA", "MQ"])
async def test_a_made_up_cursor_is_refused(chats: Chats, cursor: str) -> None:
    with pytest.raises(Invalid):
        await chats.rooms.page(ANN, cursor=cursor)
