"""Turns: one of each user at a time, others in between, and nothing is kept of those who want none."""

import asyncio
import gc

from hubbub.domain.ids import UserId
from hubbub.realtime.turns import UserTurns

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
        return "".join(self.log).strip("|").split("|")


async def test_a_user_reads_once_at_most_in_a_round_of_the_loop_and_in_order() -> None:
    rounds = await Readers().run(*((ANN, name) for name in "abcd"))
    assert [name for name in rounds if name] == ["a", "b", "c", "d"]


async def test_users_read_beside_each_other() -> None:
    rounds = await Readers().run((ANN, "a"), (BOB, "b"), (ANN, "c"), (BOB, "d"))
    assert [names for names in rounds if names] == ["ab", "cd"]


async def test_nothing_is_left_of_turns_that_were_had_or_given_up() -> None:
    readers = Readers()
    first, second = [asyncio.ensure_future(readers.read(ANN, name)) for name in "ab"]
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([first, second])
    assert readers.log == ["a"]
    del first, second  # with the traceback of where it was cancelled
    gc.collect()
    assert not readers.turns._turns
