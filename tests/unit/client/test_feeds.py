"""The loops over a room, however slow they are, and whatever becomes of the room meanwhile."""

import asyncio

import pytest

from hubbub.client.errors import Closed, Missed, NotUnderstood, Unreachable
from hubbub.client.feeds import RoomEvent, RoomReset
from hubbub.domain.errors import (
    Conflict,
    Forbidden,
    Internal,
    Invalid,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from hubbub.domain.ids import Seq
from hubbub.wire import frames as wire
from tests.loops import run_jumping
from tests.unit.client.pipes import Opened, World, apply, follow, seqs, turns
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
    assert opened.shelf.read == list(range(3, 500, 3))


async def test_what_is_read_from_the_log_at_once_has_a_bound_of_its_own(opened: Opened) -> None:
    feed = opened.room.events(limit=300)
    apply(opened, *range(1, 701))
    assert seqs([await anext(feed) for _ in range(700)]) == list(range(1, 701))
    assert opened.shelf.read == [300, 500]


async def test_a_loop_for_which_nothing_may_wait_is_refused(opened: Opened) -> None:
    with pytest.raises(Invalid, match="at least 1"):
        opened.room.events(limit=0)


async def test_a_loop_that_has_caught_up_is_told_at_once_again(opened: Opened) -> None:
    feed = opened.room.events(limit=1)
    apply(opened, 1, 2, 3)
    assert seqs([await anext(feed) for _ in range(3)]) == [1, 2, 3]
    reading = asyncio.ensure_future(anext(feed))
    await turns()
    opened.room.apply(Seq(4), posted(4))
    assert await reading == posted(4)
    assert opened.shelf.read == [1, 2]


async def test_what_the_log_has_beyond_the_view_is_given_once_the_view_has_it(opened: Opened) -> None:
    feed = opened.room.events(limit=2)
    apply(opened, 1, 2, 3)
    opened.shelf.log.append(posted(4))
    assert seqs([await anext(feed) for _ in range(3)]) == [1, 2, 3]
    reading = asyncio.ensure_future(anext(feed))
    await turns()
    assert not reading.done()
    opened.room.apply(Seq(4), posted(4))
    assert await reading == posted(4)


@pytest.mark.parametrize(
    "trouble",
    [Unreachable("away"), Unavailable("later"), RateLimited("later"), Internal("?"), NotUnderstood("?")],
)
async def test_a_log_that_can_not_be_had_just_now_is_asked_again(opened: Opened, trouble: Exception) -> None:
    feed = opened.room.events(limit=1)
    apply(opened, 1, 2)
    opened.shelf.failures += [trouble, trouble]
    assert seqs([await anext(feed), await anext(feed)]) == [1, 2]


@pytest.mark.parametrize("refusal", [NotFound("removed"), Forbidden("removed"), Conflict("another log")])
async def test_a_log_that_is_refused_is_asked_again_while_the_live_connection_has_not_said_why(
    opened: Opened, refusal: Exception
) -> None:
    feed = opened.room.events(limit=1)
    apply(opened, 1, 2)
    opened.shelf.failures += [refusal, refusal]
    assert seqs([await anext(feed), await anext(feed)]) == [1, 2]


async def test_a_refusal_that_is_not_about_the_room_is_raised(opened: Opened) -> None:
    feed = opened.room.events(limit=1)
    apply(opened, 1, 2)
    opened.shelf.failures.append(Unauthenticated("sign in again"))
    await anext(feed)
    with pytest.raises(Unauthenticated):
        await anext(feed)


@pytest.mark.parametrize("refusal", [NotFound("removed"), Forbidden("removed"), Conflict("another log")])
async def test_who_is_removed_while_a_loop_lags_gets_what_waits_and_is_told_that_the_rest_is_missed(
    opened: Opened, refusal: Exception
) -> None:
    feed = opened.room.events(limit=2)
    apply(opened, 1, 2, 3, 4)
    opened.room.end(None)
    opened.shelf.failures += [refusal, refusal]
    assert seqs([await anext(feed), await anext(feed)]) == [1, 2]
    for _ in range(2):
        with pytest.raises(Missed, match="events 3 to 4 of room 9"):
            await anext(feed)


async def test_who_comes_back_without_the_right_to_read_what_was_is_told_that_it_is_missed(opened: Opened) -> None:
    feed = opened.room.events(limit=2)
    apply(opened, 1, 2, 3, 4)
    opened.room.end(None)
    opened.shelf.log.append(posted(5))
    opened.shelf.base = Seq(4)
    assert seqs([await anext(feed), await anext(feed)]) == [1, 2]
    with pytest.raises(Missed, match="events 3 to 4 of room 9"):
        await anext(feed)


async def test_a_hole_at_the_beginning_of_the_log_is_not_passed_over_before_the_reset_that_explains_it(
    opened: Opened,
) -> None:
    feed = opened.room.events(limit=1)
    apply(opened, 1, 2)
    opened.shelf.log.append(posted(3))
    opened.shelf.base = Seq(2)
    await anext(feed)
    reading = asyncio.ensure_future(anext(feed))
    await turns()
    assert not reading.done()
    opened.room.reset("pruned", Seq(2))
    assert await reading == RoomReset(ROOM, "pruned", Seq(2))


async def test_a_loop_that_lags_when_its_room_is_left_alone_gets_the_rest_and_nothing_after_it(opened: Opened) -> None:
    feed = opened.room.events(limit=2)
    apply(opened, 1, 2, 3, 4)
    opened.room.unfollow()
    opened.shelf.log.append(posted(5))
    assert seqs([event async for event in feed]) == [1, 2, 3, 4]


async def test_a_loop_that_lags_when_the_connection_is_closed_gives_what_waits_and_raises_that(opened: Opened) -> None:
    feed = opened.room.events(limit=2)
    apply(opened, 1, 2, 3, 4)
    await opened.world.live.close()
    assert seqs([await anext(feed), await anext(feed)]) == [1, 2]
    with pytest.raises(Closed):
        await anext(feed)
    assert opened.shelf.read == []


async def waiting_for_the_log() -> tuple[Opened, "asyncio.Task[RoomEvent]"]:
    """A loop that lags, and will ask the log again after nearly half a second."""
    world = World()
    world.live.random = lambda: 0.999
    opened = await follow(world)
    feed = opened.room.events(limit=1)
    apply(opened, 1, 2)
    opened.shelf.failures.append(Unreachable("away"))
    await anext(feed)
    reading = asyncio.ensure_future(anext(feed))
    await turns()
    return opened, reading


def test_a_loop_that_waits_for_the_log_is_told_of_the_end_at_once() -> None:
    async def scenario() -> float:
        opened, reading = await waiting_for_the_log()
        await opened.world.live.close()
        with pytest.raises(Closed):
            await reading
        return asyncio.get_running_loop().time()

    assert run_jumping(scenario()) == 0.0


def test_a_loop_that_waits_for_the_log_of_a_room_that_was_left_is_told_of_the_end_at_once() -> None:
    async def scenario() -> float:
        opened, reading = await waiting_for_the_log()
        opened.shelf.failures.append(Unreachable("away"))
        opened.room.unfollow()
        await turns()
        await opened.world.live.close()
        with pytest.raises(Closed):
            await reading
        return asyncio.get_running_loop().time()

    assert run_jumping(scenario()) == 0.0


async def test_a_loop_that_has_given_all_of_a_room_that_was_left_just_ends_also_after_the_connection(
    opened: Opened,
) -> None:
    feed = aiter(opened.room)
    apply(opened, 1)
    opened.room.unfollow()
    await opened.world.live.close()
    assert seqs([event async for event in feed]) == [1]


def test_a_loop_that_waits_for_the_log_asks_again_as_soon_as_the_connection_is_back() -> None:
    async def scenario() -> float:
        opened, reading = await waiting_for_the_log()
        opened.room.caught_up()
        assert await reading == posted(2)
        found_at = asyncio.get_running_loop().time()
        await opened.world.live.close()
        return found_at

    assert run_jumping(scenario()) == 0.0


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
