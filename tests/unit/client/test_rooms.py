"""A room's view and the loops over it, however slow they are."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hubbub.client.errors import Unreachable
from hubbub.client.feeds import RoomReset
from hubbub.client.results import RoomSummary
from hubbub.client.rooms import Room
from hubbub.domain.errors import Conflict, Forbidden, Internal
from hubbub.domain.events import MemberJoined, MemberLeft, MessageDeleted, MessageEdited, RoomKind
from hubbub.domain.ids import Millis, Seq, UserId
from hubbub.domain.members import Member, Role
from hubbub.wire import frames as wire
from hubbub.wire.events import message_body
from tests.unit.client.pipes import Pipe, World, seqs, turns
from tests.unit.client.scripted import ANN, HELLO, ROOM, event, events, joined, posted

BOB = UserId(2)


class Opened:
    """A room that is live, with its world."""

    def __init__(self, world: World, pipe: Pipe, room: Room) -> None:
        self.world, self.pipe, self.room, self.shelf = world, pipe, room, world.shelf


async def follow(world: World, *, after: int | None = 0, head: int = 0, keep: int | None = None) -> Opened:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM, after=None if after is None else Seq(after), keep=keep)
    join = await pipe.heard(wire.Join)
    pipe.says(joined(join.ref, head))
    await room.ready()
    return Opened(world, pipe, room)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.live.close()


@pytest.fixture
async def opened(world: World) -> Opened:
    return await follow(world)


def apply(opened: Opened, *numbers: int) -> None:
    """These events happen; the log has them too."""
    for seq in numbers:
        opened.shelf.log.append(posted(seq))
        opened.room.apply(Seq(seq), posted(seq))


async def test_a_loop_gives_what_is_applied_from_its_beginning_on(opened: Opened) -> None:
    apply(opened, 1)
    feed = aiter(opened.room)
    apply(opened, 2, 3)
    assert [await anext(feed), await anext(feed)] == [posted(2), posted(3)]


async def test_two_loops_each_get_everything(opened: Opened) -> None:
    first, second = aiter(opened.room), aiter(opened.room)
    apply(opened, 1)
    assert [await anext(first), await anext(second)] == [posted(1), posted(1)]


async def test_a_slow_loop_reads_from_the_log_what_it_did_not_take(opened: Opened) -> None:
    feed = opened.room.events(limit=3)
    apply(opened, *range(1, 501))
    taken = [await anext(feed) for _ in range(500)]
    assert seqs(taken) == list(range(1, 501))
    assert opened.shelf.read == [3, 203, 403]


async def test_a_loop_that_has_caught_up_is_told_at_once_again(opened: Opened) -> None:
    feed = opened.room.events(limit=1)
    apply(opened, 1, 2, 3)
    assert seqs([await anext(feed) for _ in range(3)]) == [1, 2, 3]
    reading = asyncio.ensure_future(anext(feed))
    await turns()
    opened.room.apply(Seq(4), posted(4))
    assert await reading == posted(4)
    assert opened.shelf.read == [1]


async def test_what_the_log_has_beyond_the_view_is_given_once(opened: Opened) -> None:
    feed = opened.room.events(limit=1)
    apply(opened, 1, 2)
    opened.shelf.log.append(posted(3))
    assert seqs([await anext(feed) for _ in range(3)]) == [1, 2, 3]
    opened.room.apply(Seq(3), posted(3))
    opened.room.apply(Seq(4), posted(4))
    assert await anext(feed) == posted(4)


async def test_a_log_that_can_not_be_reached_is_asked_again(opened: Opened) -> None:
    feed = opened.room.events(limit=1)
    apply(opened, 1, 2)
    opened.shelf.failures += [Unreachable("away"), Unreachable("away")]
    assert seqs([await anext(feed), await anext(feed)]) == [1, 2]


async def test_a_log_that_was_replaced_is_asked_again_while_a_reset_may_come_and_raised_after_the_end(
    opened: Opened,
) -> None:
    feed = opened.room.events(limit=1)
    apply(opened, 1, 2, 3)
    opened.shelf.failures += [Conflict("another log")]
    assert seqs([await anext(feed), await anext(feed)]) == [1, 2]
    late = opened.room.events(limit=1)
    apply(opened, 4, 5)
    opened.room.end(None)
    opened.shelf.failures += [Conflict("another log")]
    assert seqs([await anext(late)]) == [4]
    with pytest.raises(Conflict):
        await anext(late)


async def test_a_log_that_may_not_be_read_any_more_is_raised(opened: Opened) -> None:
    feed = opened.room.events(limit=1)
    apply(opened, 1, 2)
    opened.room.end(None)
    opened.shelf.failures.append(Forbidden("removed"))
    await anext(feed)
    with pytest.raises(Forbidden):
        await anext(feed)


async def test_a_log_that_is_shorter_than_the_view_is_a_defect_and_no_endless_loop(opened: Opened) -> None:
    feed = opened.room.events(limit=1)
    apply(opened, 1)
    opened.room.apply(Seq(2), posted(2))
    await anext(feed)
    with pytest.raises(Internal):
        await anext(feed)


async def test_events_of_unknown_kinds_are_left_out_and_count(opened: Opened) -> None:
    feed = aiter(opened.room)
    opened.room.apply(Seq(1), None)
    apply(opened, 2)
    assert await anext(feed) == posted(2)
    assert opened.room.head == 2


async def test_a_loop_that_was_left_takes_no_more_memory(opened: Opened) -> None:
    async def take_one() -> None:
        async for _ in opened.room:
            break

    apply(opened, 1)
    taking = asyncio.create_task(take_one())
    await turns()
    apply(opened, 2)
    await taking
    assert len(opened.room._feeds) == 0


async def test_a_reset_takes_the_place_of_everything_that_waits(opened: Opened) -> None:
    feed = aiter(opened.room)
    apply(opened, 1, 2)
    opened.room.reset("epoch_changed", Seq(0))
    opened.room.apply(Seq(1), posted(1, "of the other log"))
    assert [await anext(feed), await anext(feed)] == [
        RoomReset(ROOM, "epoch_changed", Seq(0)),
        posted(1, "of the other log"),
    ]
    assert list(opened.room.messages.values()) == [posted(1, "of the other log").message]


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


async def test_a_loop_that_began_before_the_room_was_joined_misses_nothing(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM)
    feed = aiter(room)
    join = await pipe.heard(wire.Join)
    pipe.says(joined(join.ref, 40), event(41))
    assert await anext(feed) == posted(41)


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


async def test_load_adds_what_a_tail_does_not_know_and_keeps_what_happens_meanwhile(world: World) -> None:
    opened = await follow(world, after=None, head=40)
    opened.shelf.summary = RoomSummary(
        id=ROOM,
        kind=RoomKind.CHANNEL,
        name="Garden",
        topic="",
        head=Seq(40),
        last_at=Millis(0),
        base=Seq(0),
        read_seq=Seq(0),
        unread=0,
        role=Role.MEMBER,
        peer=None,
        last_message=None,
        last_author=None,
    )
    opened.shelf.people = [Member(ANN, Role.OWNER, Seq(2)), Member(BOB, Role.MEMBER, Seq(3))]
    left = MemberLeft(ROOM, Seq(41), BOB, Millis(1), BOB)
    opened.shelf.meanwhile = lambda: opened.room.apply(Seq(41), left)
    memberships = await opened.room.load()
    assert [membership.member.user_id for membership in memberships] == [ANN, BOB]
    assert list(opened.room.members) == [ANN]
    assert (opened.room.name, opened.room.state.kind) == ("Garden", RoomKind.CHANNEL)


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
