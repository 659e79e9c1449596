"""Those who go on in slices."""

import asyncio

from hubbub.realtime.slices import Slices


async def test_who_gives_up_keeps_nobody_behind_from_going_on() -> None:
    slices = Slices()
    waiting = [asyncio.ensure_future(slices.turn()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.wait(waiting, timeout=10)
    assert [(one.done(), one.cancelled()) for one in waiting] == [(True, True), (True, False), (True, False)]
