"""What a room knows, and when."""

import asyncio

import pytest

from hubbub.domain.events import MemberJoined, MemberLeft, MessageDeleted, MessageEdited, RoomKind
from hubbub.domain.ids import Millis, Seq, UserId
from hubbub.domain.members import Member, Role
from hubbub.wire import frames as wire
from hubbub.wire.events import message_body
from tests.unit.client.pipes import Opened, World, apply, follow, turns
from tests.unit.client.scripted import ANN, HELLO, ROOM, event, events, joined, posted, summary

BOB = UserId(2)
GARDEN = summary(ROOM, RoomKind.CHANNEL, "Garden", head=40)


def page(ref: int | None, *seqs: int, head: int) -> wire.Page:
    """These messages, in this order."""
    bodies = [message_body(posted(seq).message) for seq in seqs]
    return wire.Page(ref=ref, room_id=ROOM, items=bodies, head=Seq(head))


async def test_the_view_is_the_fold_of_the_log(opened: Opened) -> None:
    opened.room.apply(Seq(1), MemberJoined(ROOM, Seq(1), ANN, Millis(1), BOB, Role.MEMBER))
    opened.room.apply(Seq(2), posted(2, "helo"))
    opened.room.apply(Seq(3), MessageEdited(ROOM, Seq(3), ANN, Millis(3), Seq(2), "hello"))
    assert opened.room.messages[Seq(2)].text == "hello"
    assert opened.room.members == {BOB: Member(BOB, Role.MEMBER, Seq(1))}
    assert opened.room.head == 3


async def test_only_the_newest_messages_are_kept_where_that_was_asked_for(world: World) -> None:
    opened = await follow(world, keep=3)
    apply(opened, *range(1, 11))
    assert list(opened.room.messages) == [8, 9, 10]


async def test_the_live_tail_begins_with_nothing_known(world: World) -> None:
    opened = await follow(world, after=None, head=40)
    feed = aiter(opened.room)
    opened.pipe.says(event(41))
    assert await anext(feed) == posted(41)
    assert (opened.room.head, list(opened.room.messages)) == (41, [41])


async def test_history_is_put_in_its_place(world: World) -> None:
    opened = await follow(world, after=None, head=40)
    opened.pipe.says(event(41))
    asking = asyncio.create_task(opened.room.history(before=Seq(40), limit=2))
    frame = await opened.pipe.heard(wire.History)
    bodies = [message_body(posted(seq).message) for seq in (39, 38)]
    opened.pipe.says(wire.Page(ref=frame.ref, room_id=ROOM, items=bodies, head=Seq(41)))
    assert [message.seq for message in await asking] == [39, 38]
    assert (frame.before, frame.limit) == (40, 2)
    assert list(opened.room.messages) == [38, 39, 41]


async def test_a_change_that_overtakes_a_page_of_history_is_not_lost(world: World) -> None:
    opened = await follow(world, after=None, head=40)
    asking = asyncio.create_task(opened.room.history())
    frame = await opened.pipe.heard(wire.History)
    edit = wire.EventFrame(
        room_id=ROOM,
        seq=Seq(41),
        kind="message.edited",
        user_id=ANN,
        at="2026-11-22T09:00:00.000Z",
        target=Seq(39),
        text="new",
    )
    opened.pipe.says(edit)
    body = message_body(posted(39, "old").message)
    opened.pipe.says(wire.Page(ref=frame.ref, room_id=ROOM, items=[body], head=Seq(40)))
    assert [message.text for message in await asking] == ["new"]
    assert opened.room.messages[Seq(39)].text == "new"


async def test_history_does_not_take_a_newer_state_back(opened: Opened) -> None:
    apply(opened, 1)
    opened.room.apply(Seq(2), MessageDeleted(ROOM, Seq(2), ANN, Millis(2), Seq(1)))
    asking = asyncio.create_task(opened.room.history())
    frame = await opened.pipe.heard(wire.History)
    body = message_body(posted(1, "as it was").message)
    opened.pipe.says(wire.Page(ref=frame.ref, room_id=ROOM, items=[body], head=Seq(1)))
    await asking
    assert opened.room.messages[Seq(1)].deleted


@pytest.mark.parametrize("keep", [None, 3])
async def test_history_that_is_ahead_of_the_view_leaves_what_is_newer_to_come_in_its_place(
    world: World, keep: int | None
) -> None:
    opened = await follow(world, after=None, head=10, keep=keep)
    asking = asyncio.create_task(opened.room.history(limit=2))
    frame = await opened.pipe.heard(wire.History)
    opened.pipe.says(page(frame.ref, 12, 10, head=12))
    assert [message.seq for message in await asking] == [12, 10]
    assert list(opened.room.messages) == [10]
    opened.pipe.says(event(11), event(12), event(13))
    await turns()
    assert list(opened.room.messages) == [10, 11, 12, 13][-(keep or 4) :]


async def test_what_came_before_is_asked_for_once_the_tail_has_begun(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM)
    join = await pipe.heard(wire.Join)
    asking = asyncio.create_task(room.history())
    await turns()
    pipe.says(wire.Error(ref=join.ref, code="unavailable", message="later", retryable=True))
    again = await pipe.heard(wire.Frame)
    assert isinstance(again, wire.Join)
    pipe.says(joined(again.ref, 11))
    frame = await pipe.heard(wire.History)
    pipe.says(page(frame.ref, 10, head=11))
    assert [message.seq for message in await asking] == [10]
    assert list(room.messages) == [10]


async def test_history_that_comes_in_one_burst_with_a_reset_is_no_part_of_the_new_view(world: World) -> None:
    opened = await follow(world, after=None, head=10)
    asking = asyncio.create_task(opened.room.history(limit=2))
    frame = await opened.pipe.heard(wire.History)
    reset = wire.Reset(room_id=ROOM, reason="pruned", head=Seq(20), base=Seq(15))
    opened.pipe.says(page(frame.ref, 10, 9, head=10), reset)
    assert [message.seq for message in await asking] == [10, 9]
    assert (opened.room.base, opened.room.messages) == (15, {})


async def test_a_mark_beyond_the_head_keeps_no_later_one_from_being_told(opened: Opened) -> None:
    apply(opened, 1, 2)
    opened.room.mark_read(Seq(1000))
    frame = await opened.pipe.heard(wire.Read)
    assert (frame.seq, opened.room.read_seq) == (1000, 2)
    opened.pipe.says(wire.Ack(ref=frame.ref, room_id=ROOM))
    await turns()
    apply(opened, 3)
    opened.room.mark_read()
    assert ((await opened.pipe.heard(wire.Read)).seq, opened.room.read_seq) == (3, 3)


async def test_a_mark_of_one_s_own_message_is_told_also_before_the_message_itself_has_come(opened: Opened) -> None:
    sending = asyncio.create_task(opened.room.send("hi"))
    frame = await opened.pipe.heard(wire.Send)
    at = "2026-11-22T09:00:00.000Z"
    opened.pipe.says(wire.Ack(ref=frame.ref, room_id=ROOM, client_id=frame.client_id, seq=Seq(1), at=at))
    opened.room.mark_read((await sending).seq)
    assert (await opened.pipe.heard(wire.Read)).seq == 1


async def test_a_mark_that_was_refused_keeps_no_later_one_from_being_told(opened: Opened) -> None:
    apply(opened, 1)
    opened.room.mark_read(Seq(1000))
    frame = await opened.pipe.heard(wire.Read)
    opened.pipe.says(wire.Error(ref=frame.ref, code="invalid", message="no", retryable=False))
    apply(opened, 2)
    opened.room.mark_read()
    assert (await opened.pipe.heard(wire.Read)).seq == 2


async def test_a_room_that_has_ended_can_not_end_the_one_that_follows_it_by_now(opened: Opened) -> None:
    opened.pipe.says(event(1), wire.Reset(room_id=ROOM, reason="forbidden", seq=Seq(1)))
    await turns()
    again = opened.world.live.room(ROOM, after=Seq(1))
    join = await opened.pipe.heard(wire.Join)
    opened.pipe.says(joined(join.ref, 1))
    await again.ready()
    opened.room.unfollow()
    opened.pipe.says(event(2))
    assert await anext(aiter(again)) == posted(2)


async def test_load_adds_what_a_tail_does_not_know_and_keeps_what_happens_meanwhile(world: World) -> None:
    opened = await follow(world, after=None, head=40)
    opened.shelf.summary = GARDEN
    opened.shelf.people = [Member(ANN, Role.OWNER, Seq(2)), Member(BOB, Role.MEMBER, Seq(3))]
    left = MemberLeft(ROOM, Seq(41), BOB, Millis(1), BOB)
    opened.shelf.meanwhile = lambda: opened.room.apply(Seq(41), left)
    memberships = await opened.room.load()
    assert [membership.member.user_id for membership in memberships] == [ANN, BOB]
    assert list(opened.room.members) == [ANN]
    assert (opened.room.name, opened.room.state.kind) == ("Garden", RoomKind.CHANNEL)


async def test_load_asks_once_the_tail_has_begun(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM)
    join = await pipe.heard(wire.Join)
    world.shelf.summary = GARDEN
    world.shelf.people = [Member(ANN, Role.OWNER, Seq(2)), Member(BOB, Role.MEMBER, Seq(3))]
    loading = asyncio.create_task(room.load())
    await turns()
    world.shelf.people.pop()  # removed by the event 41, with which the tail begins
    pipe.says(joined(join.ref, 41))
    await loading
    assert list(room.members) == [ANN]


async def test_what_load_has_found_out_is_no_part_of_a_view_that_begins_meanwhile(world: World) -> None:
    opened = await follow(world, after=None, head=40)
    opened.shelf.summary = GARDEN
    opened.shelf.people = [Member(ANN, Role.OWNER, Seq(2))]
    opened.shelf.meanwhile = lambda: opened.room.reset("epoch_changed", Seq(0))
    memberships = await opened.room.load()
    assert [membership.member.user_id for membership in memberships] == [ANN]
    assert (opened.room.name, opened.room.members) == ("", {})


async def test_ready_waits_for_the_whole_catch_up(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM, after=Seq(0))
    join = await pipe.heard(wire.Join)
    waiting = asyncio.create_task(room.ready())
    pipe.says(joined(join.ref, 2, replay=(1, 2)), events(join.ref, 1, 1, more=True))
    again = await pipe.heard(wire.Join)
    assert not waiting.done()
    pipe.says(joined(again.ref, 2, replay=(2, 2)), events(again.ref, 2, 2))
    await waiting
    assert repr(room) == "Room(id=9, name='', head=2, live=True)"
