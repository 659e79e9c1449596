"""The loops over a room, however slow they are, and whatever becomes of the room meanwhile."""

import asyncio

import pytest

from hubbub.client.errors import Unreachable
from hubbub.client.feeds import RoomReset
from hubbub.domain.errors import Conflict, Forbidden, Internal
from hubbub.domain.ids import Seq
from hubbub.wire import frames as wire
from tests.unit.client.pipes import Opened, World, apply, seqs, turns
from tests.unit.client.scripted import HELLO, ROOM, event, joined, posted


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


async def test_a_loop_that_began_before_the_room_was_joined_misses_nothing(world: World) -> None:
    pipe = await world.open(HELLO)
    room = world.live.room(ROOM)
    feed = aiter(room)
    join = await pipe.heard(wire.Join)
    pipe.says(joined(join.ref, 40), event(41))
    assert await anext(feed) == posted(41)
