"""How fast a user may change things, over however many sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hubbub.domain.ids import RoomId, UserId
from hubbub.realtime.connection import AGAIN
from hubbub.web.pace import Pace
from hubbub.wire import frames as wire
from tests.clocks import ManualClock
from tests.unit.realtime.sockets import World, errors, kinds, world_of

WAIT = 2.0  # seconds until the next change


class Paced:
    """A world in which a user may do `burst` things at once, and the time that decides when more."""

    def __init__(self, world: World, clock: ManualClock) -> None:
        self.world = world
        self.clock = clock

    async def texts(self, room_id: RoomId) -> list[str]:
        page = await self.world.chat.messages.page(self.world.ann, room_id)
        return [message.text for message in reversed(page.items)]


@asynccontextmanager
async def paced(burst: int) -> AsyncIterator[Paced]:
    clock = ManualClock()
    pace: Pace[UserId] = Pace(1 / WAIT, burst, clock)
    async with world_of(admit=pace.take) as world:
        yield Paced(world, clock)


def refused(frames: list[wire.ServerFrame]) -> list[int | None]:
    """The refs of what came too fast, milliseconds to wait among them."""
    found = [frame for frame in frames if isinstance(frame, wire.Error)]
    assert all(frame.code == "rate_limited" and frame.retryable and frame.retry_after_ms for frame in found)
    return [frame.ref for frame in found]


async def test_the_sockets_of_a_user_share_a_pace_of_changes_and_stay_open() -> None:
    async with paced(burst=6) as it:
        world = it.world
        room_id = await world.found(world.ann, world.bob)
        one, two, of_bob = await world.open(world.ann), await world.open(world.ann), await world.open(world.bob)
        for ref, line in enumerate([one, two, one]):
            assert errors(await line.say(type="send", ref=ref, room_id=room_id, text=f"{ref}")) == []
        assert errors(await two.say(type="edit", ref=3, room_id=room_id, target=4, text="changed")) == []
        for ref, line in enumerate([one, two] * 200, 4):
            assert refused(await line.say(type="send", ref=ref, room_id=room_id, text="too fast")) == [ref]
        assert errors(await of_bob.say(type="send", ref=1, room_id=room_id, text="of bob")) == []
        assert kinds(await one.say(type="history", ref=900, room_id=room_id)) == ["Page"]
        assert one.closed is two.closed is None
        assert await it.texts(room_id) == ["changed", "1", "2", "of bob"]


@pytest.mark.parametrize("frame", [{"type": "edit", "target": 3, "text": "two"}, {"type": "delete", "target": 3}])
async def test_edits_and_deletions_are_changes_too(frame: dict[str, object]) -> None:
    async with paced(burst=2) as it:
        world = it.world
        room_id = await world.found(world.ann)
        line = await world.open(world.ann)
        assert errors(await line.say(type="send", ref=1, room_id=room_id, text="one")) == []
        assert refused(await line.say(**frame, ref=2, room_id=room_id)) == [2]
        it.clock.advance(WAIT)
        assert errors(await line.say(**frame, ref=3, room_id=room_id)) == []


async def test_what_comes_behind_a_refused_change_does_not_overtake_it() -> None:
    async with paced(burst=2) as it:
        world = it.world
        room_id = await world.found(world.ann)
        line = await world.open(world.ann)
        said = [
            {"type": "send", "room_id": room_id, "text": "a", "client_id": "a"},
            {"type": "send", "room_id": room_id, "text": "b", "client_id": "b"},
            {"type": "edit", "room_id": room_id, "target": 3, "text": "A"},
            {"type": "send", "room_id": room_id, "text": "c", "client_id": "c"},
        ]
        frames: list[wire.ServerFrame] = []
        for ref, frame in enumerate(said):
            frames += await line.say(**frame, ref=ref)
            it.clock.advance(WAIT if ref else 0)  # by now there would be room for what is behind it
        assert refused(frames) == [1, 2, 3]
        it.clock.advance(10 * WAIT)
        for ref, frame in enumerate(said[1:], 4):
            assert errors(await line.say(**frame, ref=ref)) == []
            it.clock.advance(WAIT)
        assert await it.texts(room_id) == ["A", "b", "c"]
        assert await world.chat.logs.heads([room_id]) == {room_id: 6}


async def test_who_gives_up_what_was_refused_may_go_on_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    async with paced(burst=1) as it:
        world = it.world
        room_id = await world.found(world.ann)
        line = await world.open(world.ann)
        monkeypatch.setattr("hubbub.realtime.connection._now", lambda: now)
        assert refused(await line.say(type="send", ref=1, room_id=room_id, text="never mind")) == [1]
        it.clock.advance(10 * WAIT)
        now = WAIT / 2
        (error,) = await line.say(type="send", ref=2, room_id=room_id, text="next")
        assert isinstance(error, wire.Error)
        assert error.retry_after_ms == 1000 * WAIT / 2
        now = WAIT + AGAIN
        assert errors(await line.say(type="send", ref=3, room_id=room_id, text="next")) == []
        assert await it.texts(room_id) == ["next"]


async def test_another_socket_of_the_same_user_does_not_wait_for_what_was_refused_on_this_one() -> None:
    async with paced(burst=2) as it:
        world = it.world
        room_id = await world.found(world.ann)
        one, two = await world.open(world.ann), await world.open(world.ann)
        assert refused(await one.say(type="send", ref=1, room_id=room_id, text="one")) == [1]
        it.clock.advance(WAIT)
        assert errors(await two.say(type="send", ref=1, room_id=room_id, text="two")) == []
