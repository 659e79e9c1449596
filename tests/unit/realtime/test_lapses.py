"""Things lapse a fixed time after they were last set, whatever else happens to the others."""

import asyncio
from itertools import pairwise

import pytest

from hubbub.realtime.lapses import Lapses
from tests.loops import run_jumping


def test_a_key_lapses_when_its_time_has_passed_since_it_was_last_set() -> None:
    async def scene() -> None:
        loop, lapsed = asyncio.get_running_loop(), []
        lapses = Lapses[str](6.0, lambda key: lapsed.append((key, loop.time())))
        lapses.set("a")
        await asyncio.sleep(1)
        lapses.set("b")
        await asyncio.sleep(1)
        lapses.set("a")
        assert ("a" in lapses, len(lapses)) == (True, 2)
        await asyncio.sleep(60)
        assert lapsed == [("b", 7.0), ("a", 8.0)]
        assert ("a" in lapses, len(lapses)) == (False, 0)
        lapses.set("a")
        await asyncio.sleep(60)
        assert lapsed[2:] == [("a", 68.0)]

    run_jumping(scene())


def test_what_was_dropped_does_not_lapse() -> None:
    async def scene() -> None:
        lapsed: list[str] = []
        lapses = Lapses[str](1.0, lapsed.append)
        lapses.set("a")
        lapses.set("b")
        lapses.drop("a")
        lapses.drop("never set")
        await asyncio.sleep(2)
        assert lapsed == ["b"]

    run_jumping(scene())


def test_very_many_that_lapse_at_once_do_not_hold_the_loop() -> None:
    async def scene() -> None:
        lapsed: list[int] = []
        lapses = Lapses[int](1.0, lapsed.append)
        for key in range(1000):
            lapses.set(key)
        await asyncio.sleep(1.0)
        seen = [len(lapsed)]
        while len(lapsed) < 1000:
            await asyncio.sleep(0)
            seen.append(len(lapsed))
        assert max(after - before for before, after in pairwise(seen)) <= Lapses.SLICE
        assert lapsed == list(range(1000))

    run_jumping(scene())


def test_one_that_fails_is_logged_and_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        lapsed: list[int] = []

        def lapse(key: int) -> None:
            lapsed.append(1 // key)

        lapses = Lapses[int](1.0, lapse)
        for key in (0, 1):
            lapses.set(key)
        await asyncio.sleep(2)
        assert lapsed == [1]

    run_jumping(scene())
    assert "what was to be done at a lapse failed" in caplog.text


def test_a_lapse_may_set_its_key_again() -> None:
    async def scene() -> None:
        times: list[float] = []

        def lapse(key: str) -> None:
            times.append(asyncio.get_running_loop().time())
            if len(times) < 3:
                lapses.set(key)

        lapses = Lapses[str](1.0, lapse)
        lapses.set("a")
        await asyncio.sleep(10)
        assert times == [1.0, 2.0, 3.0]

    run_jumping(scene())


def test_nothing_lapses_after_the_end() -> None:
    async def scene() -> None:
        lapsed: list[str] = []
        lapses = Lapses[str](1.0, lapsed.append)
        lapses.set("a")
        lapses.close()
        lapses.set("b")
        await asyncio.sleep(2)
        assert lapsed == []

    run_jumping(scene())
