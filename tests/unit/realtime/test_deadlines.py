"""Many deadlines on one timer: in time, in order, in slices, and none at the cost of another."""

import asyncio
import logging
from itertools import pairwise

import pytest

from hubbub.realtime.deadlines import Deadlines, Tick
from tests.loops import run_jumping


class Ticks:
    """Remembers when which tick was called."""

    def __init__(self) -> None:
        self.deadlines = Deadlines()
        self.calls: list[tuple[str, float]] = []

    def tick(self, name: str, *again: float) -> Tick:
        """A tick that is due again after so many seconds, once for each of them."""
        rest = iter(again)

        def called(now: float) -> float | None:
            self.calls.append((name, round(now, 3)))
            seconds = next(rest, None)
            return None if seconds is None else now + seconds

        return called

    def add(self, when: float, name: str, *again: float) -> None:
        self.deadlines.add(when, self.tick(name, *again))


def test_each_is_called_when_it_is_due_and_the_first_first() -> None:
    async def scene() -> None:
        ticks = Ticks()
        ticks.add(3.0, "c")
        ticks.add(1.0, "a")
        ticks.add(2.0, "b")
        await asyncio.sleep(2.5)
        assert ticks.calls == [("a", 1.0), ("b", 2.0)]
        await asyncio.sleep(1.0)
        assert ticks.calls[2:] == [("c", 3.0)]

    run_jumping(scene())


def test_among_equals_the_first_in_is_the_first_out() -> None:
    async def scene() -> None:
        ticks = Ticks()
        for name in "abc":
            ticks.add(1.0, name)
        await asyncio.sleep(2.0)
        assert [name for name, _ in ticks.calls] == ["a", "b", "c"]

    run_jumping(scene())


def test_a_tick_says_when_it_is_due_again_and_whether() -> None:
    async def scene() -> None:
        ticks = Ticks()
        ticks.add(1.0, "a", 2.0, 0.5)
        ticks.add(2.0, "b")
        await asyncio.sleep(10.0)
        assert ticks.calls == [("a", 1.0), ("b", 2.0), ("a", 3.0), ("a", 3.5)]

    run_jumping(scene())


def test_what_is_due_already_is_called_in_the_next_turn() -> None:
    async def scene() -> None:
        ticks = Ticks()
        await asyncio.sleep(5.0)
        ticks.add(1.0, "late")
        assert ticks.calls == []
        await asyncio.sleep(0.001)
        assert ticks.calls == [("late", 5.0)]

    run_jumping(scene())


def test_a_turn_calls_no_more_than_a_slice() -> None:
    async def scene() -> None:
        ticks = Ticks()
        count = 2 * Deadlines.SLICE + 1
        for number in range(count):
            ticks.add(0.0, f"{number}")
        called = [0]
        for _ in range(10):
            await asyncio.sleep(0)
            called.append(len(ticks.calls))
        assert max(after - before for before, after in pairwise(called)) == Deadlines.SLICE
        assert called[-1] == count

    run_jumping(scene())


def test_a_tick_that_fails_is_forgotten_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        ticks = Ticks()

        def fail(now: float) -> float | None:
            raise ZeroDivisionError

        ticks.add(1.0, "a", 1.0)
        ticks.deadlines.add(1.0, fail)
        ticks.add(1.0, "b", 1.0)
        await asyncio.sleep(3.0)
        assert ticks.calls == [("a", 1.0), ("b", 1.0), ("a", 2.0), ("b", 2.0)]

    run_jumping(scene())
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_tick_may_add_another() -> None:
    async def scene() -> None:
        ticks = Ticks()

        def add(now: float) -> float | None:
            ticks.add(now + 0.5, "b")
            return None

        ticks.deadlines.add(1.0, add)
        ticks.add(3.0, "c")
        await asyncio.sleep(2.0)
        assert ticks.calls == [("b", 1.5)]

    run_jumping(scene())


def test_after_close_nothing_is_called() -> None:
    async def scene() -> None:
        ticks = Ticks()
        ticks.add(1.0, "a")
        ticks.deadlines.close()
        ticks.add(1.5, "b")
        ticks.deadlines.close()
        await asyncio.sleep(2.0)
        assert ticks.calls == []

    run_jumping(scene())


def test_a_tick_that_closes_is_the_last() -> None:
    async def scene() -> None:
        ticks = Ticks()

        def close(now: float) -> float | None:
            ticks.calls.append(("close", now))
            ticks.deadlines.close()
            return now + 1.0

        ticks.deadlines.add(1.0, close)
        ticks.add(1.0, "a")
        await asyncio.sleep(5.0)
        assert ticks.calls == [("close", 1.0)]

    run_jumping(scene())
