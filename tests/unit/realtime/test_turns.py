"""Turns: a few of each user at a time, others in between, and nothing is kept of those who want none."""

import asyncio
from functools import partial

import pytest

from hubbub.domain.errors import RateLimited
from hubbub.domain.ids import UserId
from hubbub.realtime.turns import AT_A_TIME, MAX_REQUESTS, UserTurns
from tests.unit.services.chats import turns as rounds

ANN, BOB = UserId(1), UserId(2)


class Readers:
    """Who reads without ever waiting, as a lookup on the event loop does; `log` has a mark for each round of it."""

    def __init__(self) -> None:
        self.turns = UserTurns()
        self.log: list[str] = []

    async def read(self, user_id: UserId, name: str) -> None:
        async with self.turns.of(user_id):
            self.log.append(name)

    async def run(self, *reads: tuple[UserId, str]) -> list[str]:
        tasks = [asyncio.ensure_future(self.read(user_id, name)) for user_id, name in reads]
        while not all(task.done() for task in tasks):
            self.log.append("|")
            await asyncio.sleep(0)
        return [names for names in "".join(self.log).strip("|").split("|") if names]


async def test_a_user_reads_a_few_times_at_most_in_a_round_of_the_loop_and_in_order() -> None:
    names = "abcdefg"
    found = await Readers().run(*((ANN, name) for name in names))
    assert "".join(found) == names
    assert max(map(len, found)) == AT_A_TIME


async def test_users_read_beside_each_other() -> None:
    reads = [(user_id, name) for name in "abcd" for user_id, name in ((ANN, name), (BOB, name.upper()))]
    found = await Readers().run(*reads)
    assert found == ["aAbB", "cCdD"]


async def test_who_gives_up_gives_back_the_turn_they_have_just_been_given() -> None:
    readers = Readers()
    for _ in range(AT_A_TIME):
        await readers.turns.take(ANN)
    gone, told, last = [asyncio.ensure_future(readers.read(ANN, name)) for name in "abc"]
    await rounds()
    gone.cancel()
    readers.turns.give_back(ANN)
    told.cancel()
    await rounds()
    assert gone.cancelled()
    assert told.cancelled()
    assert last.done()
    assert readers.log == ["c"]


async def test_nothing_is_left_of_turns_that_were_had_or_given_up() -> None:
    readers = Readers()
    reads = [asyncio.ensure_future(readers.read(ANN, name)) for name in "abcd"]
    await asyncio.sleep(0)
    reads[-1].cancel()
    await asyncio.wait(reads)
    await rounds()
    assert readers.log == ["a", "b", "c"]
    assert not readers.turns._users


async def test_of_too_many_requests_that_wait_one_more_is_refused_and_other_users_and_sockets_are_not() -> None:
    readers = Readers()
    requests = [asyncio.ensure_future(readers.turns.take(ANN)) for _ in range(AT_A_TIME + MAX_REQUESTS)]
    await rounds()
    with pytest.raises(RateLimited) as refused:
        await readers.turns.take(ANN)
    assert refused.value.retry_after == 1.0
    await readers.read(BOB, "other")
    socket = asyncio.ensure_future(readers.read(ANN, "socket"))
    for request in requests:
        request.add_done_callback(partial(_end, readers))
    await socket
    assert all(request.done() for request in requests)
    assert readers.log == ["other", "socket"]
    await readers.turns.take(ANN)


def _end(readers: Readers, _request: object) -> None:
    readers.turns.give_back(ANN)
