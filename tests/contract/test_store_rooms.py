"""Rooms: their ids and pairs, the list of somebody's rooms, the directory. In any store."""

from dataclasses import replace
from functools import partial

import pytest

from hubbub.domain.errors import Conflict, NotFound
from hubbub.domain.events import History, RoomKind
from hubbub.domain.ids import MAX_ID, Millis, RoomId, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.users import User
from hubbub.services.ports import SUMMARY_REACH, UNREAD_MAX, ChannelSummary, RoomSummary, Store, Tx
from tests.contract.acts import NOW, crowd, decide, fields, found, happen, post, say, sign_up

NONE = RoomId(0)


async def rooms_of(
    store: Store, user: User, *, before: tuple[Millis, RoomId] | None = None, limit: int = 200
) -> list[RoomSummary]:
    """Somebody's list of rooms."""
    return await store.read(lambda tx: tx.rooms.of_user(user.id, before=before, limit=limit))


async def summary(store: Store, user: User, room: ChatRoom) -> RoomSummary:
    """A room as this member sees it in their list, which is the same everywhere."""
    listed = {summary.room_id: summary for summary in await rooms_of(store, user)}
    single = await store.read(lambda tx: tx.rooms.summary(user.id, room.id))
    assert single is not None
    assert listed[room.id] == single
    return single


async def directory(store: Store, query: str, *, after: RoomId = NONE, limit: int = 200) -> list[ChannelSummary]:
    """The channels that are found."""
    return await store.read(lambda tx: tx.rooms.channels(query, after=after, limit=limit))


# Ids and pairs


async def test_a_reserved_room_has_no_event_yet(store: Store) -> None:
    room_id = await store.write(lambda tx: tx.rooms.add())
    loaded = await store.read(lambda tx: tx.rooms.load([room_id]))
    assert fields(loaded[room_id]) == fields(ChatRoom(room_id))
    assert await store.read(lambda tx: tx.rooms.heads([room_id])) == {room_id: 0}
    assert await store.read(lambda tx: tx.log.after(room_id, Seq(0), limit=9)) == []
    assert await directory(store, "") == []


async def test_ids_count_up(store: Store) -> None:
    assert [await store.write(lambda tx: tx.rooms.add()) for _ in range(3)] == [1, 2, 3]


async def test_a_pair_has_one_direct_room_in_any_order(store: Store) -> None:
    ann, bob, eve = await sign_up(store, "ann", "bob", "eve")
    room_id = await store.write(lambda tx: tx.rooms.add((bob.id, ann.id)))
    assert await store.read(lambda tx: tx.rooms.of_pair(ann.id, bob.id)) == room_id
    assert await store.read(lambda tx: tx.rooms.of_pair(bob.id, ann.id)) == room_id
    with pytest.raises(Conflict):
        await store.write(lambda tx: tx.rooms.add((bob.id, ann.id)))
    with pytest.raises(Conflict):
        await store.write(lambda tx: tx.rooms.add((ann.id, bob.id)))
    other_id = await store.write(lambda tx: tx.rooms.add((ann.id, eve.id)))
    assert other_id > room_id
    with pytest.raises(NotFound):
        await store.write(lambda tx: tx.rooms.add((ann.id, UserId(99))))
    assert await store.read(lambda tx: tx.rooms.of_pair(eve.id, ann.id)) == other_id
    assert await store.read(lambda tx: tx.rooms.of_pair(bob.id, eve.id)) is None
    assert await store.read(lambda tx: tx.rooms.of_pair(bob.id, UserId(MAX_ID))) is None


async def test_a_group_of_two_is_not_their_direct_room(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    await found(store, ann, bob)
    assert await store.read(lambda tx: tx.rooms.of_pair(ann.id, bob.id)) is None


# load and heads


async def test_load_returns_rooms_without_members_and_messages(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(
        store, ann, bob, kind=RoomKind.CHANNEL, name="Café ☕", topic="a topic", history=History.SINCE_JOINED
    )
    await say(store, room, ann, "text", at=NOW + 7)
    await happen(store, room, *room.change(ann.id, topic="another", at=Millis(NOW + 9)))
    loaded = (await store.read(lambda tx: tx.rooms.load([room.id])))[room.id]
    assert (loaded.members, loaded.messages) == ({}, {})
    loaded.members, loaded.messages = room.members, room.messages
    assert fields(loaded) == fields(room)
    assert (loaded.head, loaded.created_at, loaded.last_at) == (5, NOW, NOW + 9)


async def test_load_and_heads_leave_out_what_does_not_exist(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    one, two = await found(store, ann), await found(store, ann)
    wanted = [two.id, one.id, RoomId(0), RoomId(99), RoomId(MAX_ID)]
    assert await store.read(lambda tx: set(tx.rooms.load(wanted))) == {one.id, two.id}
    assert await store.read(lambda tx: tx.rooms.heads(wanted)) == {one.id: 2, two.id: 2}
    assert await store.read(lambda tx: (tx.rooms.load([]), tx.rooms.heads([]))) == ({}, {})


async def test_load_includes_deleted_rooms(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)
    await happen(store, room, *room.close(ann.id))
    loaded = (await store.read(lambda tx: tx.rooms.load([room.id])))[room.id]
    assert (loaded.deleted, loaded.head) == (True, 3)
    assert await store.read(lambda tx: tx.rooms.heads([room.id])) == {room.id: 3}


async def test_load_and_heads_take_any_number_of_rooms(store: Store) -> None:
    room_ids = await store.write(lambda tx: [tx.rooms.add() for _ in range(50)])
    many = [RoomId(number) for number in range(5000)]
    for fn in (lambda tx: set(tx.rooms.load(many)), lambda tx: set(tx.rooms.heads(many))):
        assert await store.write(fn) == set(room_ids)


async def test_what_load_returns_is_the_callers_own(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    room = await found(store, ann)

    def fn(tx: Tx) -> None:
        loaded = tx.rooms.load([room.id])[room.id]
        loaded.members = dict(room.members)
        loaded.apply(loaded.post(ann.id, "never appended"))
        loaded.name = "other"
        loaded.members.clear()

    await store.write(fn)
    again = (await store.read(lambda tx: tx.rooms.load([room.id])))[room.id]
    assert (again.head, again.name, again.messages) == (2, "room", {})
    assert await store.read(lambda tx: len(tx.members.of_room(room.id, after=UserId(0), limit=9))) == 1


# Somebody's list of rooms


async def test_of_user_lists_the_latest_room_first_and_ties_by_id(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    one, two, three, four = [await found(store, ann, at=NOW + at) for at in (5, 9, 5, 1)]
    await found(store, bob)
    assert [room.room_id for room in await rooms_of(store, ann)] == [two.id, three.id, one.id, four.id]
    await say(store, four, ann, "text", at=NOW + 10)
    assert [room.room_id for room in await rooms_of(store, ann)] == [four.id, two.id, three.id, one.id]


async def test_of_user_pages_with_an_exclusive_cursor(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    rooms = [await found(store, ann, at=NOW + number // 3) for number in range(25)]
    pages: list[list[RoomSummary]] = []
    before = None
    while page := await rooms_of(store, ann, before=before, limit=10):
        pages.append(page)
        before = (page[-1].last_at, page[-1].room_id)
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [room.room_id for page in pages for room in page] == [room.id for room in reversed(rooms)]
    assert await rooms_of(store, ann, before=(Millis(MAX_ID), RoomId(MAX_ID)), limit=1) == pages[0][:1]
    assert await rooms_of(store, ann, before=(Millis(0), RoomId(0))) == []


async def test_of_user_leaves_out_rooms_that_were_left_or_deleted(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    left, deleted, kept = [await found(store, ann, bob) for _ in range(3)]
    await happen(store, left, *left.remove_member(bob.id, bob.id))
    await happen(store, deleted, *deleted.close(ann.id))
    assert [room.room_id for room in await rooms_of(store, bob)] == [kept.id]
    assert await store.read(lambda tx: tx.rooms.summary(bob.id, left.id)) is None
    assert await store.read(lambda tx: tx.rooms.summary(ann.id, deleted.id)) is None
    assert await store.read(lambda tx: tx.rooms.summary(ann.id, RoomId(99))) is None
    assert await rooms_of(store, replace(ann, id=UserId(99))) == []


async def test_a_summary_says_all_of_a_room(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann, bob, kind=RoomKind.CHANNEL, name="news", topic="of today")
    message = (await say(store, room, ann, "text", at=NOW + 3))[0]
    assert await summary(store, bob, room) == RoomSummary(
        room_id=room.id,
        kind=RoomKind.CHANNEL,
        name="news",
        topic="of today",
        head=Seq(4),
        last_at=Millis(NOW + 3),
        role=Role.MEMBER,
        base=Seq(0),
        read_seq=Seq(3),
        unread=1,
        peer=None,
        last_message=message,
        last_author=ann,
    )
    assert (await summary(store, ann, room)).role is Role.OWNER


async def test_the_peer_is_the_other_person_of_a_direct_room(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    direct = await found(store, bob, ann, kind=RoomKind.DIRECT)
    group = await found(store, ann, bob)
    assert (await summary(store, ann, direct)).peer == bob
    assert (await summary(store, bob, direct)).peer == ann
    assert (await summary(store, bob, group)).peer is None


async def test_read_seq_is_never_below_the_current_membership(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann)
    await say(store, room, ann, "one", "two")
    await happen(store, room, *room.add_member(ann.id, bob.id))
    shown = await summary(store, bob, room)
    assert (shown.read_seq, shown.unread, shown.base) == (5, 0, 0)
    await say(store, room, ann, "three")
    await store.write(lambda tx: tx.reads.advance({(room.id, bob.id): Seq(6)}))
    assert (await summary(store, bob, room)).read_seq == 6
    await happen(store, room, *room.remove_member(bob.id, bob.id))
    await happen(store, room, *room.add_member(ann.id, bob.id))
    assert (await summary(store, bob, room)).read_seq == 8


async def test_unread_leaves_out_own_and_deleted_messages_and_other_events(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann, bob)
    one, two, _ = await say(store, room, ann, "one", "two", "three")
    await say(store, room, bob, "mine")
    await happen(store, room, *room.delete(ann.id, two.seq))
    await happen(store, room, *room.edit(ann.id, one.seq, "changed"))
    assert (await summary(store, bob, room)).unread == 2
    assert (await summary(store, ann, room)).unread == 1
    await store.write(lambda tx: tx.reads.advance({(room.id, bob.id): one.seq}))
    assert (await summary(store, bob, room)).unread == 1


async def test_unread_stops_counting_at_unread_max(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann, bob)
    await store.write(lambda tx: [post(tx, room.id, ann.id, "text") for _ in range(UNREAD_MAX + 5)])
    assert (await summary(store, bob, room)).unread == UNREAD_MAX
    nearly = Seq(room.head + 6)
    await store.write(lambda tx: tx.reads.advance({(room.id, bob.id): nearly}))
    assert (await summary(store, bob, room)).unread == UNREAD_MAX - 1


async def test_the_last_message_is_the_newest_that_may_be_read_and_is_not_deleted(store: Store) -> None:
    ann, bob, eve = await sign_up(store, "ann", "bob", "eve")
    room = await found(store, ann, bob, history=History.SINCE_JOINED)
    shown = await summary(store, ann, room)
    assert (shown.last_message, shown.last_author) == (None, None)
    one, two = await say(store, room, bob, "one", "two")
    await happen(store, room, *room.add_member(ann.id, eve.id))
    assert (await summary(store, eve, room)).last_message is None
    assert (await summary(store, eve, room)).base == room.head - 1
    assert (await summary(store, ann, room)).base == 1
    assert (await summary(store, ann, room)).last_message == two
    await happen(store, room, *room.delete(bob.id, two.seq))
    await happen(store, room, *room.edit(bob.id, one.seq, "changed"))
    shown = await summary(store, ann, room)
    assert (shown.last_message, shown.last_author) == (room.messages[one.seq], bob)
    assert shown.last_message is not None
    assert shown.last_message.text == "changed"


async def test_a_summary_looks_at_the_last_messages_of_a_long_room_alone(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann, bob)
    await say(store, room, ann, "first")
    await say(store, room, bob, *["their own"] * (SUMMARY_REACH - 1))
    await happen(store, room, *room.change(ann.id, topic="an event that is no message"))
    assert (await summary(store, bob, room)).unread == 1
    await say(store, room, bob, "one more")
    assert (await summary(store, bob, room)).unread == 0


async def test_the_last_message_is_sought_among_as_many(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    room = await found(store, ann, bob)
    first, *others = await say(store, room, ann, *["text"] * SUMMARY_REACH)
    deletions = decide(room, *(partial(room.delete, ann.id, message.seq) for message in others))
    await store.write(lambda tx: tx.log.append(deletions))
    assert (await summary(store, bob, room)).last_message == first
    (last,) = await say(store, room, ann, "one more")
    await happen(store, room, *room.delete(ann.id, last.seq))
    assert (await summary(store, bob, room)).last_message is None


# The directory


async def test_the_directory_lists_channels_that_are_not_deleted_by_id(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    one = await found(store, ann, bob, kind=RoomKind.CHANNEL, name="one", topic="first", at=NOW + 1)
    await found(store, ann, kind=RoomKind.GROUP, name="group")
    await found(store, ann, bob, kind=RoomKind.DIRECT)
    deleted = await found(store, ann, kind=RoomKind.CHANNEL, name="deleted")
    two = await found(store, bob, kind=RoomKind.CHANNEL, name="two")
    await happen(store, deleted, *deleted.close(ann.id))
    await happen(store, two, *two.change(bob.id, topic="second"))
    assert await directory(store, "") == [
        ChannelSummary(one.id, "one", "first", 2, Millis(NOW + 1)),
        ChannelSummary(two.id, "two", "second", 1, NOW),
    ]


async def test_the_directory_looks_into_names_and_topics_whatever_the_case(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    names = [("Élan", "100%"), ("x_y", "Ünder"), ("ПРИВЕТ", "a\\b")]
    one, two, three = [await found(store, ann, kind=RoomKind.CHANNEL, name=name, topic=topic) for name, topic in names]
    for query, expected in {
        "éLAN": [one],
        "elan": [],
        "%": [one],
        "_": [two],
        "üN": [two],
        "привет": [three],
        "\\": [three],
        "": [one, two, three],
    }.items():
        assert [channel.room_id for channel in await directory(store, query)] == [room.id for room in expected]


async def test_the_directory_pages_with_an_exclusive_cursor(store: Store) -> None:
    ann = (await crowd(store, 1))[0]
    rooms = [await found(store, ann, kind=RoomKind.CHANNEL, name=f"c{number}") for number in range(12)]
    first = await directory(store, "c", limit=5)
    second = await directory(store, "c", after=first[-1].room_id, limit=5)
    third = await directory(store, "c", after=second[-1].room_id, limit=5)
    assert [channel.room_id for channel in first + second + third] == [room.id for room in rooms]
    assert [len(page) for page in (first, second, third)] == [5, 5, 2]
    assert await directory(store, "", after=RoomId(MAX_ID)) == []
