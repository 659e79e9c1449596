"""Searches: one at a time, the users in turn, and nobody can have many that wait."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import pytest

from hubbub.domain.errors import ChatError, RateLimited, Unavailable
from hubbub.domain.events import RoomKind
from hubbub.domain.ids import UserId
from hubbub.services.ports import Tx
from hubbub.services.searches import MAX_OF_USER, MAX_USERS, Searches
from hubbub.stores.memory import MemoryStore
from tests.unit.realtime.sockets import World, world_of
from tests.unit.services.chats import ANN, BOB, CYD, DAN, turns

T = TypeVar("T")


class HeldStore(MemoryStore):
    """A read ends when it is let go; `running` are those that have begun."""

    def __init__(self) -> None:
        super().__init__()
        self.running: list[asyncio.Future[None]] = []
        self.failure: Exception | None = None

    async def read(self, fn: Callable[[Tx], T]) -> T:
        end = asyncio.get_running_loop().create_future()
        self.running.append(end)
        try:
            await end
            return await super().read(fn)
        finally:
            self.running.remove(end)

    async def end_one(self) -> None:
        """The one read that runs ends, and what waited for that begins."""
        (end,) = self.running
        end.set_result(None) if self.failure is None else end.set_exception(self.failure)
        await turns()


class Desk:
    """Who asks what, and in which order they are answered."""

    def __init__(self) -> None:
        self.store = HeldStore()
        self.answered: list[str] = []
        self._searches = Searches(self.store)

    def ask(self, user_id: UserId, words: str) -> "asyncio.Task[str]":
        task = asyncio.ensure_future(self._searches.read(user_id, lambda _tx: words))
        task.add_done_callback(self._done)
        return task

    async def end_all(self) -> list[str]:
        """Answer everybody who waits; return what was answered, the first first."""
        while self.store.running:
            await self.store.end_one()
        return self.answered

    def _done(self, task: "asyncio.Task[str]") -> None:
        if not task.cancelled() and task.exception() is None:
            self.answered.append(task.result())


@pytest.fixture
async def desk() -> Desk:
    return Desk()


async def test_one_search_runs_at_a_time_and_the_next_user_comes_before_the_next_of_the_same_user(desk: Desk) -> None:
    asked = [desk.ask(ANN, words) for words in ("a1", "a2", "a3")]
    await turns()
    asked += [desk.ask(BOB, "b1"), desk.ask(CYD, "c1"), desk.ask(BOB, "b2")]
    await turns()
    assert await desk.end_all() == ["a1", "a2", "b1", "c1", "a3", "b2"]
    assert await asyncio.gather(*asked)


async def test_of_too_many_searches_of_a_user_the_newest_are_answered_and_others_wait_for_one_alone(desk: Desk) -> None:
    asked = [desk.ask(ANN, f"a{number}") for number in range(100)]
    await turns()
    others = desk.ask(BOB, "b")
    await turns()
    refused = [task.exception() for task in asked if task.done()]
    assert [type(error) for error in refused] == [RateLimited] * (99 - MAX_OF_USER)
    assert {error.retry_after for error in refused if isinstance(error, ChatError)} == {1.0}
    assert await desk.end_all() == ["a0", "a96", "b", "a97", "a98", "a99"]
    assert others.done()


async def test_so_many_users_may_wait_and_no_more(desk: Desk) -> None:
    people = [UserId(number) for number in range(1, MAX_USERS + 2)]
    asked = [desk.ask(user_id, f"{user_id}") for user_id in people]
    await turns()
    late, again = desk.ask(UserId(999), "late"), desk.ask(people[-1], "again")
    await turns()
    error = late.exception()
    assert isinstance(error, Unavailable)
    assert error.retry_after == 1.0
    assert len(await desk.end_all()) == len([*asked, again])
    later = desk.ask(UserId(999), "later")
    await turns()
    assert (await desk.end_all())[-1] == await later


async def test_a_search_that_fails_lets_the_next_one_in(desk: Desk) -> None:
    first, second = desk.ask(ANN, "a"), desk.ask(BOB, "b")
    await turns()
    desk.store.failure = Unavailable("the database is away")
    await desk.store.end_one()
    assert first.exception() is desk.store.failure
    desk.store.failure = None
    assert await desk.end_all() == [await second]


async def test_who_gives_up_leaves_their_turn_to_the_next(desk: Desk) -> None:
    running, gone, told, last = [desk.ask(user_id, f"{user_id}") for user_id in (ANN, BOB, CYD, DAN)]
    await turns()
    gone.cancel()
    desk.store.running[0].set_result(None)
    while not running.done():
        await turns(1)
    assert not desk.store.running, "the next one has been told to begin, and has not heard of it yet"
    told.cancel()
    await turns()
    assert gone.cancelled()
    assert told.cancelled()
    assert await desk.end_all() == [await running, await last]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with world_of() as world:
        yield world


async def test_people_and_channels_are_looked_for_by_one_reader_and_other_reads_go_on(world: World) -> None:
    await world.chat.rooms.create(world.ann, RoomKind.CHANNEL, name="news")
    who = [(await world.sign_in(user_id)).access_token for user_id in (world.ann, world.bob)]
    ann, bob = [await world.chat.accounts.authenticate(token) for token in who]
    world.store.most_reads = 0
    world.store.hold()
    searches = [
        asyncio.ensure_future(search)
        for viewer in (ann, bob)
        for search in (world.chat.users.search(viewer, "x"), world.chat.channels.search(viewer.user_id, "x"))
    ]
    await turns()
    assert world.store.reads == 1
    reading = asyncio.ensure_future(world.chat.rooms.page(world.bob))
    await turns()
    assert world.store.reads == 2
    world.store.release()
    assert await asyncio.gather(*searches) == [([], None)] * 4
    assert await reading == ([], None)
